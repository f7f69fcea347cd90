"""The rules file: read strictly, written without losing anything."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camguard.core.circumstance import Circumstance
from camguard.core.model import AppIdentity, AppKind, Effect, Hours, Lasting, Rule
from camguard.errors import ConfigError, UsageError
from camguard.rulebook import RuleBook, load

CHEESE = AppIdentity(AppKind.PACKAGE, "cheese", "/usr/bin/cheese", "ab" * 32)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
apps = st.builds(
    AppIdentity,
    st.sampled_from([AppKind.PACKAGE, AppKind.SCRIPT, AppKind.EXECUTABLE]),
    text,
    st.none() | text,
    st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
)
hours = st.builds(Hours, st.frozensets(st.integers(0, 6), min_size=1), st.integers(0, 1439), st.integers(0, 1440))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    until = draw(st.none() | st.integers(0, 32_000_000_000_000_000).map(lambda us: us * 1000))
    lasting = draw(st.sampled_from([Lasting.ONCE, Lasting.ALWAYS])) if until is None else Lasting.UNTIL
    effect = draw(st.sampled_from(Effect))
    return Rule(
        id="",
        effect=effect,
        app=draw(st.none() | apps),
        camera=draw(st.none() | text),
        user=draw(st.none() | text),
        hours=draw(st.none() | hours),
        lasting=lasting,
        until_utc_ns=until,
        app_name=draw(st.none() | text),
        note=draw(st.none() | text),
        even=draw(st.frozensets(st.sampled_from(Circumstance))) if effect is Effect.ALLOW else frozenset(),
    )


def rule(**kwargs: Any) -> Rule:
    return replace(Rule("", Effect.ALLOW, CHEESE), **kwargs)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "camguard/rules.toml"


@pytest.fixture
def book(path: Path) -> RuleBook:
    return RuleBook(path)


def test_no_file_holds_no_rules(book: RuleBook, path: Path) -> None:
    assert load(path) == ()
    assert book.current() == ()
    assert book.remove("r1") is None
    assert not path.exists()


def test_a_file_by_hand_is_read(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("""
[[rule]]
id = "work"
effect = "allow"
app = "package:zoom"
hours = "Mon-Fri 09:00-17:30"
user = "anna"
camera = "Integrated Camera"
[[rule]]
id = "r7"
effect = "block"
until = 2030-01-01T00:00:00+01:00
""")
    assert load(path) == (
        Rule(
            "work",
            Effect.ALLOW,
            AppIdentity(AppKind.PACKAGE, "zoom"),
            "Integrated Camera",
            "anna",
            Hours(frozenset(range(5)), 540, 1050),
        ),
        Rule("r7", Effect.BLOCK, lasting=Lasting.UNTIL, until_utc_ns=1_893_452_400 * 10**9),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(rules(), min_size=1, max_size=4))
def test_what_is_written_is_read_back(path: Path, wanted: list[Rule]) -> None:
    path.unlink(missing_ok=True)
    book = RuleBook(path)
    stored: dict[str, Rule] = {}
    for one in wanted:
        kept, replaced = book.add(one)
        assert replace(kept, id="", app=None) == replace(one, app=None)
        assert (replaced is None) == (kept.id not in stored)
        stored[kept.id] = kept
    assert load(path) == tuple(stored.values())
    for rule_id, kept in list(stored.items())[::-1]:
        assert book.remove(rule_id) == kept
    assert load(path) == ()


def test_ids_are_counted_and_never_given_twice(book: RuleBook) -> None:
    first, _ = book.add(rule())
    second, _ = book.add(rule(user="anna"))
    assert (first.id, second.id) == ("r1", "r2")
    book.remove("r2")
    book.remove("r1")
    assert book.add(rule())[0].id == "r3"


def test_an_answer_for_a_time_leaves_the_standing_one_be(book: RuleBook) -> None:
    block, _ = book.add(rule(effect=Effect.BLOCK))
    once, replaced = book.add(rule(lasting=Lasting.ONCE))
    assert replaced is None
    assert book.current() == (block, once)
    book.remove(once.id)
    assert book.current() == (block,)


def test_a_rule_for_the_same_question_replaces_the_older(book: RuleBook) -> None:
    first, _ = book.add(rule())
    other, _ = book.add(rule(camera="Door"))
    changed = replace(CHEESE, sha256="cd" * 32)
    second, replaced = book.add(rule(effect=Effect.BLOCK, app=changed, note="no"))
    assert replaced == first
    assert book.current() == (replace(first, effect=Effect.BLOCK, app=changed, note="no"), other)
    assert second.id == first.id


def test_peoples_comments_survive(book: RuleBook, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("""\
# Our rules. Do not delete.

[[rule]]
id = "r1"   # the first
effect = "allow"
app = "package:cheese"
note = "old"

# For the door only:
[[rule]]
id = "door"
effect = "ask"  # because
camera = "Door"
# the end
""")
    book.add(Rule("", Effect.BLOCK, AppIdentity(AppKind.PACKAGE, "cheese")))
    book.add(Rule("", Effect.ALLOW, AppIdentity(AppKind.PACKAGE, "zoom")))
    assert (
        path.read_text()
        == """\
# Our rules. Do not delete.
last = 2

[[rule]]
id = "r1"   # the first
effect = "block"
app = "package:cheese"
lasting = "always"

# For the door only:
[[rule]]
id = "door"
effect = "ask"  # because
camera = "Door"
# the end

[[rule]]
id = "r2"
effect = "allow"
app = "package:zoom"
lasting = "always"
"""
    )
    book.remove("r1")
    assert path.read_text().startswith("""\
# Our rules. Do not delete.
last = 2

# For the door only:
[[rule]]
id = "door"
""")


def test_hostile_names_stand_escaped_in_the_file(book: RuleBook, path: Path) -> None:
    book.add(rule(app_name='x"]\n[[rule]]\u202e\x1b[31m\U000e0041'))
    written = path.read_text()
    assert r'name = "x\"]\u000A[[rule]]\u202E\u001B[31m\U000E0041"' in written
    assert all(mark.isprintable() or mark == "\n" for mark in written)


def test_a_name_that_is_no_text_is_refused(book: RuleBook, path: Path) -> None:
    with pytest.raises(UsageError, match='"app" holds bytes that are no UTF-8 text'):
        book.add(rule(app=AppIdentity(AppKind.EXECUTABLE, "/tmp/\udcff")))
    assert not path.exists()


def test_a_file_laid_out_oddly_is_left_alone(book: RuleBook, path: Path) -> None:
    path.parent.mkdir()
    odd = 'rule = [{ id = "r1", effect = "ask" }]\n'
    path.write_text(odd)
    assert len(book.current()) == 1
    for change in (lambda: book.add(rule()), lambda: book.remove("r1")):
        with pytest.raises(ConfigError, match="change it by hand"):
            change()
    assert path.read_text() == odd


def test_changes_from_outside_are_seen(book: RuleBook, path: Path) -> None:
    assert book.current() == ()
    stored, _ = RuleBook(path).add(rule())
    assert book.current() == (stored,)
    assert book.current() is book.current()
    RuleBook(path).remove(stored.id)
    assert book.current() == ()
    path.unlink()
    assert book.current() == ()


def test_the_file_is_private_and_keeps_its_mode(book: RuleBook, path: Path) -> None:
    book.add(rule())
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    book.add(rule(user="anna"))
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".rules.toml.lock", "rules.toml"]


def test_a_symlink_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles/mine.toml"
    path.parent.mkdir()
    path.symlink_to(real)
    stored, _ = RuleBook(path).add(rule())
    assert path.is_symlink()
    assert load(real) == (stored,)


def test_two_writers_lose_nothing(path: Path) -> None:
    program = """
import sys
from camguard.core.model import *
from camguard.rulebook import RuleBook
for number in range(12):
    app = AppIdentity(AppKind.PACKAGE, f"{sys.argv[2]}{number}")
    RuleBook(sys.argv[1]).add(Rule("", Effect.ALLOW, app))
"""
    writers = [subprocess.Popen([sys.executable, "-c", program, path, name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = load(path)
    assert {one.id for one in found} == {f"r{number}" for number in range(1, 37)}
    assert {one.app.id for one in found if one.app} == {f"{name}{n}" for name in "abc" for n in range(12)}


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written: "):
        RuleBook(tmp_path / "file/rules.toml").add(rule())


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user to be refused; run as root")
def test_a_place_of_somebody_else_is_told(tmp_path: Path) -> None:
    program = """
import os, sys
from camguard.core.model import *
from camguard.errors import AccessDenied
from camguard.rulebook import RuleBook
os.setuid(65534)
try:
    RuleBook(sys.argv[1]).add(Rule("", Effect.ALLOW))
except AccessDenied as error:
    sys.exit(f"denied: {error}")
"""
    tmp_path.chmod(0o755)
    said = subprocess.run([sys.executable, "-c", program, tmp_path / "x/rules.toml"], capture_output=True, text=True)
    assert said.stderr.startswith("denied: ")
    assert "you may not write this" in said.stderr


HEAD = '[[rule]]\nid = "r1"\neffect = "allow"\n'


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('[[rule]]\nid = "r1"\neffect = "alow"\n', ':3: "effect" cannot be "alow"; did you mean "allow"?'),
        (HEAD + 'ap = "package:x"\n', ':4: unknown key "ap" in [rule]; did you mean "app"?'),
        ('[[rules]]\nid = "r1"\n', ':1: unknown table or key "rules"; did you mean "rule"?'),
        ('[[rule]]\neffect = "allow"\n', ':1: [[rule]] number 1 lacks the key "id"'),
        (HEAD + '\n[[rule]]\nid = "r2"\n', ':5: [[rule]] number 2 lacks the key "effect"'),
        (HEAD + HEAD, ':5: a second rule with the id "r1"'),
        ('[[rule]]\nid = "a b"\neffect = "allow"\n', ':2: "id" must be of letters'),
        (HEAD + 'app = "cheese"\n', ':4: "app": "cheese" names no app; write package:NAME'),
        (HEAD + 'path = "/x"\n', ':4: "path" needs "app" beside it'),
        (HEAD + 'app = "package:x"\nsha256 = "AB"\n', ':5: "sha256" must be 64 hexadecimal digits'),
        (HEAD + 'hours = "Mon 9-5"\n', ':4: "hours": "Mon 9-5" are no hours'),
        (HEAD + 'lasting = "until"\n', ':4: a rule lasting "until" needs a time in "until"'),
        (HEAD + 'lasting = "once"\nuntil = 2030-01-01T00:00:00Z\n', ':4: a rule lasting "until" needs'),
        (HEAD + "until = 2030-01-01T00:00:00\n", ':4: "until" lacks its offset from UTC'),
        (HEAD + "until = 2030-01-01\n", ':4: "until" must be a date with time and offset'),
        (HEAD + "until = 3500-01-01T00:00:00Z\n", ':4: "until" must be between 1970 and 2999'),
        (HEAD + "user = 1000\n", ':4: "user" must be text in quotes, not a whole number'),
        ("[rule]\n", ':1: "rule" must be a list, not a table'),
        ("last = -1\n", ":1: "),
    ],
)
def test_a_complaint_names_file_line_and_remedy(path: Path, written: str, said: str) -> None:
    path.parent.mkdir()
    path.write_text(written)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).removeprefix(str(path)).startswith(said)
    with pytest.raises(ConfigError):
        RuleBook(path).add(rule())
    assert path.read_text() == written
