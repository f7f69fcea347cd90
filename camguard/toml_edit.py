"""TOML that people write, changed line by line, so that all that is not meant to change stays as they wrote it.

It is for tables whose values are text, numbers, times and truths, each key on a line of its own. What is laid out
otherwise comes out wrong: whoever writes the result somewhere reads it back first.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from camguard.toml_source import Place, TomlSource

# A key, "=", and a value on one line, or a string over several. A string of three quotes may end in two more of them.
_STATEMENT = re.compile(
    r"([^=\n]*=[ \t]*)"
    r'("""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|[^#\s]+(?: [^#\s]+)?)",
    re.DOTALL,
)


def appended(source: TomlSource, table: str, values: Mapping[str, str]) -> str:
    """The text with one more table in the list `table`, at its end; values are given as TOML."""
    return "\n".join([source.text.rstrip("\n"), "", f"[[{table}]]", *_statements(values), ""])


def overwritten(source: TomlSource, place: Place, values: Mapping[str, str]) -> str:
    """The text with these keys, and no others, in the table at `place`; comments on the keys that stay, stay."""
    lines, begin, end = _block(source, place)
    table = _table(source, place)
    wanted = tomllib.loads("\n".join(_statements(values)))
    keys = {source.line_of((*place, key)) - 1: key for key in table}
    block: list[str] = []
    at = begin
    while at < end:
        key = keys.get(at)
        statement = lines[at] if key is None else _statement("\n".join(lines[at:end]))
        at += statement.count("\n") + 1
        if key is None or (key in wanted and table[key] == wanted[key]):
            block.append(statement)
        elif key in wanted:
            block.append(_with_value(statement, values[key]))
    added = _statements({key: value for key, value in values.items() if key not in table})
    return "\n".join([*lines[:begin], *block, *added, *lines[end:]])


def without(source: TomlSource, place: Place) -> str:
    """The text without the table at `place`."""
    lines, begin, end = _block(source, place)
    while end < len(lines) and not lines[end].strip() and begin and not lines[begin - 1].strip():
        end += 1  # one empty line is enough where two met
    return "\n".join(lines[:begin] + lines[end:])


def with_key(source: TomlSource, key: str, value: str) -> str:
    """The text with this key and value, given as TOML, before all tables."""
    lines = source.text.split("\n")
    known = source.line_of((key,))
    if known:
        lines[known - 1] = _with_value(lines[known - 1], value)
        return "\n".join(lines)
    at = _before_tables(source, lines)
    gap = [""] if lines[at : at + 1] and lines[at].strip() else []
    return "\n".join([*lines[:at], f"{key} = {value}", *gap, *lines[at:]])


def _before_tables(source: TomlSource, lines: list[str]) -> int:
    """Before which line a key of the document itself has its place: after what is said at the head of the file."""
    tables = [source.line_of((name,)) for name, value in source.data.items() if isinstance(value, dict | list)]
    if not tables:
        return len(lines) - 1 if not lines[-1] else len(lines)
    at = min(tables) - 1
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    while at and not lines[at - 1].strip():
        at -= 1
    return at


def _block(source: TomlSource, place: Place) -> tuple[list[str], int, int]:
    """All lines, and from which to before which the table at `place`, in a list of tables, stands.

    Comments after its last key belong to what follows.
    """
    *before, position = place
    lines = source.text.split("\n")
    begin = source.line_of(place) - 1
    following = source.line_of((*before, int(position) + 1))
    end = following - 1 if following else len(lines)
    while end > begin and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return lines, begin, end


def _table(source: TomlSource, place: Place) -> dict[str, Any]:
    found: Any = source.data
    for step in place:
        found = found[step]
    return dict(found)


def _statement(text: str) -> str:
    """The line, or the lines, that the key at the beginning of `text` and its value take."""
    found = _STATEMENT.match(text)
    end = text.find("\n", found.end() if found else 0)
    return text if end < 0 else text[:end]


def _with_value(statement: str, value: str) -> str:
    return _STATEMENT.sub(lambda found: found[1] + value, statement, count=1)


def _statements(values: Mapping[str, str]) -> list[str]:
    return [f"{key} = {value}" for key, value in values.items()]
