"""``camguard advice``: at a terminal, as a page, as JSON, and without a trace."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pty
import stat
import subprocess
import sys
import webbrowser
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from camguard.advice.language import LANGUAGES
from camguard.advice.places import places
from camguard.advice.texts import Topic
from camguard.cli import command
from camguard.desktop.activity import ADVICE_PAGE, open_advice
from camguard.errors import PageError
from tests.support.commands import ENVIRONMENT, Stage
from tests.support.htmlpage import Page, hash_of
from tests.support.journal_data import fill

README = Path(__file__).parents[2] / "README.md"
VOID = {"meta", "br", "hr", "img", "input", "link"}
WAY_OUT = "about:blank"
BARE = {name: value for name, value in ENVIRONMENT.items() if not name.startswith(("LC_", "LANG"))}
"""The environment of somebody whose locale is not known."""

WATCHED = """\
import sys
told = []
def hear(event, given):
    if event == "open":
        path, mode, flags = given
        if isinstance(path, (str, bytes)) and (flags or 0) & 0o1103:
            told.append(f"write {path!r}")
    elif event.partition(".")[0] in {"socket", "sqlite3", "subprocess", "urllib", "http", "syslog"}:
        told.append(event)
    elif event in {"os.system", "os.exec", "os.posix_spawn", "os.fork", "os.mkdir", "os.rename", "webbrowser.open"}:
        told.append(event)
sys.addaudithook(hear)
from camguard.cli import main
try:
    main(sys.argv[1:])
finally:
    print("told:", told, file=sys.stderr)
"""
"""Runs a command, and says which files it opened to write, and whether it had to do with anybody else."""


class Balance(HTMLParser):
    """What is wrong with how the elements of a page are nested, and which ids there are twice."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.feed(html)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} at {self.getpos()}")


def run(*arguments: str | Path, **environment: str) -> Result:
    """Run it as somebody who has no configuration, and whose locale says nothing."""
    unset = dict.fromkeys(("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LC_TELEPHONE", "LC_ADDRESS", "COLUMNS"))
    result = CliRunner(env={**unset, **environment}).invoke(command, ["advice", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def page(*arguments: str, **environment: str) -> str:
    ran = run("--html", "-", *arguments, **environment)
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """All files below a folder, each with what is in it and when it was changed."""
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("topic", Topic)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_printed_plainly_where_no_terminal_is(topic: Topic, language: str) -> None:
    ran = run(topic, "--language", language)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert run(topic, LANG=f"{language}_XX.UTF-8").stdout.splitlines()[0] == ran.stdout.splitlines()[0]


def test_it_begins_with_the_question() -> None:
    assert run().stdout == run("start").stdout
    section = README.read_text(encoding="utf-8").split("### If someone threatens you\n")[1]
    shown = section.split("```text\n$ camguard advice\n")[1].split("\n…\n```")[0]
    assert "Which of these two is it?" in shown
    assert run().stdout.startswith(shown)


def test_the_country_is_that_of_the_locale_until_another_is_named() -> None:
    assert "Netsafe" in run("report", LANG="en_NZ.UTF-8").stdout
    named = run("report", "--country", "uk", LANG="en_NZ.UTF-8").stdout
    assert ("Report Fraud" in named, "Netsafe" in named) == (True, False)
    unlisted = run("contact", "--country", "BR")
    assert unlisted.exit_code == 0
    assert "We have no list for this country (BR) yet." in unlisted.stdout
    assert "https://takeitdown.ncmec.org" in unlisted.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--country Brazil", '"Brazil" is no country code; write two letters, for example --country GB'),
        ("--json --open", "--json, --html and --open exclude one another"),
        ("--html page.html --open", "--json, --html and --open exclude one another"),
        ("--force", "--force is about the file of --html"),
        ("emial", "'emial' is not one of 'start', 'email', 'contact'"),
        ("--language fr", "'fr' is not one of 'en', 'de'"),
    ],
)
def test_wrong_usage_is_told(arguments: str, said: str) -> None:
    ran = run(*arguments.split())
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr


def test_json_is_for_programs() -> None:
    told = json.loads(run("contact", "--json", "--country", "UK", "--language", "de").stdout)
    assert (told["schema"], told["language"], told["topic"], told["country"]) == (1, "de", "contact", "GB")
    assert told["parts"][0]["kind"] == "young"
    assert "report@phishing.gov.uk" in {route["mail"] for route in told["places"][0]["routes"]}
    assert told["checked"] == "2026-11-25"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_and_has_all_topics(language: str) -> None:
    html = page("--language", language, "--country", "GB")
    balance = Balance(html)
    assert balance.wrong == []
    assert len(set(balance.ids)) == len(balance.ids)
    assert set(Topic) <= set(balance.ids)
    found = Page(html)
    assert ("html", "lang", language) in found.attributes
    assert found.elements["h1"] == 1
    for topic in Topic:
        for line in json.loads(run(topic, "--json", "--language", language).stdout)["parts"]:
            assert all(said in found.text for said in line["said"])
    for place in places().place:
        for route in place.route:
            assert all(each in found.text for each in (route.name, route.phone, route.mail))
    openings = [key for tag, key, _ in found.attributes if (tag, key) == ("details", "open")]
    assert len(openings) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_link_of_the_page_is_dead_and_none_leads_elsewhere(language: str) -> None:
    html = page("--language", language)
    found = Page(html)
    links = {value or "" for tag, key, value in found.attributes if (tag, key) == ("a", "href")}
    inner = {link for link in links if link.startswith("#")}
    assert {f"#{topic}" for topic in Topic} == inner
    assert {link[1:] for link in inner} <= set(Balance(html).ids)
    routes = [route for place in places().place for route in place.route]
    outer = {route.url for route in routes if route.url}
    outer |= {f"tel:{route.digits}" for route in routes if route.phone} | {
        f"mailto:{route.mail}" for route in routes if route.mail
    }
    assert links - inner == outer | {WAY_OUT}
    assert all(link.startswith(("https://", "tel:", "mailto:")) for link in outer)
    kept = {value for tag, key, value in found.attributes if (tag, key) == ("a", "rel")}
    assert kept == {"noreferrer noopener external"}


def test_the_page_fetches_nothing_and_runs_nothing_but_its_own() -> None:
    found = Page(page())
    [style], [script] = found.raw["style"], found.raw["script"]
    own = f"style-src {hash_of(style)}; script-src {hash_of(script)}"
    assert found.policy == f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    assert not {"img", "iframe", "object", "embed", "base", "link", "form"} & set(found.elements)
    assert {tag for tag, key, _ in found.attributes if key == "href"} == {"a"}
    assert not [key for _, key, _ in found.attributes if key.startswith("on") or key in {"src", "style", "action"}]
    assert "url(" not in style
    assert "fetch" not in script


def test_the_page_is_one_persons_and_does_not_say_in_its_name_or_title_what_it_is(tmp_path: Path) -> None:
    target = tmp_path / "mine.html"
    assert run("--html", target).exit_code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "<title>camguard</title>" in target.read_text()
    assert run("--html", target).exit_code == 1
    assert run("--html", target, "--force", "--language", "de").exit_code == 0
    assert '<html lang="de">' in target.read_text()
    assert os.listdir(tmp_path) == ["mine.html"]


def test_it_opens_the_page_in_the_persons_browser(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" > {seen}\n')
    browser.chmod(0o755)
    session = tmp_path / "session"
    session.mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "camguard", "advice", "--open", "--country", "NZ"],
        capture_output=True, text=True, env={**BARE, "BROWSER": f"{browser} %s", "XDG_RUNTIME_DIR": str(session)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    written = session / "camguard" / "page.html"
    assert seen.read_text() == f"{written.as_uri()}\n"
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700
    assert str(written) in ran.stdout
    assert "Netsafe" in written.read_text()


def test_where_no_browser_can_be_started_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    ran = run("--open")
    assert ran.exit_code == 1
    assert ran.stderr == f"camguard: no browser could be started; open this yourself: {tmp_path}/camguard/page.html\n"
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    ran = run("--open")
    assert (ran.exit_code, "cannot be made: Not a directory; use --html FILE" in ran.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [["contact"], ["--html", "page.html"]], ids=str)
def test_no_log_says_that_it_was_read_and_nobody_is_told(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "stage").mkdir()
    stage = Stage(tmp_path / "stage")
    fill(stage.journal, 3)
    before = contents(stage.folder)
    (tmp_path / "here").mkdir()
    ran = subprocess.run(
        [sys.executable, "-P", "-c", WATCHED, "--config", str(stage.config), "advice", *arguments],
        capture_output=True, text=True, cwd=tmp_path / "here",
        env={**BARE, "HOME": str(tmp_path / "here"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = ran.stderr.splitlines()[-1]
    if "--html" in arguments:
        assert told.count("write ") == 1
        assert told.count(", ") == 0
        assert "'.'" in told or "here/.page.html." in told  # without a name until it is whole, where the disk can
        assert os.listdir(tmp_path / "here") == ["page.html"]
    else:
        assert ran.stderr == "told: []\n"
        assert os.listdir(tmp_path / "here") == []
    assert contents(stage.folder) == before


def test_what_is_done_elsewhere_would_be_noticed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    fill(stage.journal, 3)
    ran = subprocess.run(
        [sys.executable, "-P", "-c", WATCHED, "--config", str(stage.config), "log"],
        capture_output=True, text=True, env=BARE,
    )  # fmt: skip
    assert "sqlite3.connect" in ran.stderr.splitlines()[-1]


def test_the_tray_opens_it_as_it_opens_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", open_)
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.delenv("LANGUAGE", raising=False)
    folder = tmp_path / "session" / "camguard"
    written = folder / ADVICE_PAGE
    folder.mkdir(parents=True)
    written.write_text("of last time")
    asyncio.run(open_advice(folder))
    assert opened == [written.as_uri()]
    assert '<html lang="de">' in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert os.listdir(folder) == [ADVICE_PAGE]
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    with pytest.raises(PageError, match="no browser could be started; open this yourself"):
        asyncio.run(open_advice(folder))


def test_a_broken_configuration_keeps_nobody_from_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.config.write_text("what is this")
    assert stage.run("advice").exit_code == 0


def test_topics_languages_and_countries_are_completed() -> None:
    complete = ShellComplete(command, {}, "camguard", "_CAMGUARD_COMPLETE").get_completions
    assert [each.value for each in complete([], "adv")] == ["advice"]
    assert [each.value for each in complete(["advice"], "con")] == ["contact"]
    assert [each.value for each in complete(["advice", "--language"], "d")] == ["de"]
    assert [(each.value, each.help) for each in complete(["advice", "--country"], "n")] == [("NZ", "New Zealand")]


def at_terminal(typed: bytes, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run it at a terminal of many lines, and type something; its exit code, and what the terminal showed."""
    person, program = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "camguard", "advice", *arguments],
        stdin=program, stdout=program, stderr=program, start_new_session=True,
        env={**BARE, "LINES": "200", "COLUMNS": "100", "TERM": "dumb", **environment},
    ) as running:  # fmt: skip
        os.close(program)
        os.write(person, typed)
        shown = b""
        try:
            while part := os.read(person, 65536):
                shown += part
        except OSError:  # the last end at the program's side is closed: EIO, see pty(7)
            pass
        os.close(person)
    return running.returncode, shown.decode()


def test_at_a_terminal_the_question_can_be_answered_at_once() -> None:
    code, shown = at_terminal(b"2\n")
    assert code == 0
    assert shown.index("Which of these two is it?") < shown.index("Type 1 or 2") < shown.index("A person threatens you")
    code, shown = at_terminal(b"\n", LANG="de_DE.UTF-8")
    assert code == 0
    assert "Gib 1 oder 2 ein" in shown
    assert "Ein Mensch droht dir" not in shown


def test_a_long_page_is_shown_through_a_pager() -> None:
    pager = f'{sys.executable} -c \'import sys; [print("paged", line, end="") for line in sys.stdin]\''
    assert "paged" in at_terminal(b"", "contact", PAGER=pager, LINES="24")[1]
    assert "paged" not in at_terminal(b"", "contact", "--no-pager", PAGER=pager, LINES="24")[1]
