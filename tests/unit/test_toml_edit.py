"""Files that people wrote, changed line by line: the rest stays as they wrote it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.toml_edit import appended, overwritten, with_key, without
from camguard.toml_source import TomlSource

FIRST = ("rule", 0)
WRITTEN = (
    '"plain"',
    '"with # and \\" and = in it"',
    "'literal \\ # \" it is'",
    '"""one line"""',
    '"""\nseveral # lines\nid = "no key"\n[[rule]]\n # no comment\n\\"""end"""',
    "'''\nseveral ' lines\nnote = 1\n'''",
    '"""ends in quotes"""""',
    "''''quoted''''",
    '""',
    "''",
    "true",
    "12",
    "2030-01-31T18:00:00+01:00",
    "2030-01-31 18:00:00+01:00",
)
values = st.sampled_from(WRITTEN)
keys = st.lists(st.sampled_from(["id", "effect", "note", '"quoted"', "'name'", "a-b"]), unique=True)
comments = st.sampled_from(["", " # mine", '\t# it\'s "mine" = yes', "#"])
ends = st.sampled_from(["\n", "\r\n"])


def source(text: str) -> TomlSource:
    return TomlSource(Path("rules.toml"), text)


@st.composite
def tables(draw: st.DrawFn) -> list[str]:
    lines = [f"[[rule]]{draw(comments)}"]
    for key in draw(keys):
        if draw(st.booleans()):
            lines.append(f"  # about {key}")
        lines.append(f"{draw(st.sampled_from(['', '  ']))}{key} = {draw(values)}{draw(comments)}")
    return lines


@given(tables(), tables(), st.dictionaries(st.sampled_from(["id", "effect", "quoted", "new"]), values), ends)
def test_a_table_says_what_is_wanted_and_the_others_what_they_said(
    first: list[str], second: list[str], wanted: dict[str, str], end: str
) -> None:
    text = "\n".join(["# head", *first, "", "# of the second", *second, "# tail", ""]).replace("\n", end)
    before = source(text)
    after = overwritten(before, FIRST, wanted)
    assert tomllib.loads(after)["rule"] == [
        tomllib.loads("\n".join(f"{key} = {value}" for key, value in wanted.items())),
        before.data["rule"][1],
    ]
    rest = "\n".join(["", "# of the second", *second, "# tail", ""]).replace("\n", end)
    assert after.endswith(rest)
    assert after.startswith(f"# head{end}{first[0]}{end}")
    for line in (line for line in first[1:] if line.startswith("  # about")):
        assert line in after


@given(tables(), tables())
def test_a_table_is_taken_out_and_put_in_whole(first: list[str], second: list[str]) -> None:
    text = "\n".join(["# head", "", *first, "", "# of the second", *second, ""])
    before = source(text).data["rule"]
    left = without(source(text), FIRST)
    assert left == "\n".join(["# head", "", "# of the second", *second, ""])
    assert tomllib.loads(appended(source(left), "rule", {"id": '"last"'}))["rule"] == [before[1], {"id": "last"}]


@pytest.mark.parametrize("old", [value for value in WRITTEN if "\n" not in value])
def test_a_value_is_exchanged_and_the_rest_of_its_line_kept(old: str) -> None:
    text = f"[[rule]]\n  id   =  {old}   # who\nother = 1\n"
    assert overwritten(source(text), FIRST, {"id": '"new"', "other": "1"}) == (
        '[[rule]]\n  id   =  "new"   # who\nother = 1\n'
    )


def test_a_value_that_says_the_same_stays_as_it_was_written() -> None:
    text = "[[rule]]\nnote = 'a\\b' # mine\n"
    assert overwritten(source(text), FIRST, {"note": json.dumps("a\\b")}) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "last = 3\n"),
        ("# head\n\n", "# head\n\nlast = 3\n"),
        ("# head", "# head\nlast = 3"),
        ("# head\nlast = 2 # so far\n\n[[rule]]\n", "# head\nlast = 3 # so far\n\n[[rule]]\n"),
        ("# head\n\n# first\n[[rule]]\n", "# head\nlast = 3\n\n# first\n[[rule]]\n"),
        ("# first\n[[rule]]\n", "last = 3\n\n# first\n[[rule]]\n"),
        ("[[rule]]\n", "last = 3\n\n[[rule]]\n"),
        ("\n\n[[rule]]\n", "last = 3\n\n\n[[rule]]\n"),
    ],
)
def test_a_key_of_the_file_stands_before_its_tables(text: str, wanted: str) -> None:
    assert with_key(source(text), "last", "3") == wanted
    assert tomllib.loads(wanted)["last"] == 3
