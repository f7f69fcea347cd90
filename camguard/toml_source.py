"""TOML that people write: read strictly, and every complaint names file, line and the nearest right key."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

import msgspec

from camguard.errors import ConfigError
from camguard.shapes import Shape, T

Place = tuple[str | int, ...]
"""Where a value stands in a document: table and key names, and the index in a list of tables."""

_LIMIT = 1 << 20

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_STRING_OR_COMMENT = re.compile(r'"""|' + r"'''|" + r'"(?:\\.|[^"\\])*"|' + r"'[^']*'|#.*")
_END = {'"""': re.compile(r'(?:\\.|[^\\])*?"{3,5}'), "'''": re.compile(r".*?'{3,5}")}
_SAID_BY_MSGSPEC = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<where>[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\[(\d+)\]|\.([^.\[]+)")
_TOML_LINE = re.compile(r" \(at line (\d+), column \d+\)$")

_IN_WORDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "datetime": "a date with time and offset, such as 2030-01-31T18:00:00+01:00",
    "date": "a date without a time",
    "time": "a time without a date",
}


class TomlSource:
    """One file's text, and what it says."""

    def __init__(self, path: Path, text: str) -> None:
        """Take `text` for the content of `path`; raises ConfigError where it is not TOML."""
        self.path = path
        self.text = text
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise self._syntax_error(error) from error
        self._lines = lines_of(text)

    @classmethod
    def read(cls, path: Path) -> TomlSource:
        """Read a file.

        Raises FileNotFoundError where there is none, and ConfigError where it cannot be used.
        """
        raw = _content(path)
        try:
            return cls(path, raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise ConfigError(f"{path}:{line}: this is not UTF-8 text; save the file as UTF-8") from error

    def decode(self, shape: Shape[T]) -> T:
        """What the file says, as `shape`; raises ConfigError where it says anything else."""
        try:
            return shape.of(self.data)
        except msgspec.ValidationError as error:
            self._complain(shape.kind, str(error))

    def decode_within(self, table: Place, value: object, shape: Shape[T]) -> T:
        """What the table at `table` says, whose content is `value`, as `shape`; raises as `decode` does."""
        try:
            return shape.of(value)
        except msgspec.ValidationError as error:
            self._complain(shape.kind, str(error), table)

    def error(self, place: Place, message: str) -> ConfigError:
        """A ConfigError about what stands at `place`, or about the table around it where the key is missing."""
        for length in range(len(place), 0, -1):
            if line := self.line_of(place[:length]):
                return ConfigError(f"{self.path}:{line}: {message}")
        return ConfigError(f"{self.path}: {message}")

    def line_of(self, place: Place) -> int:
        """The line on which a table or key first stands, counted from 1; 0 where it is not found."""
        return self._lines.get(place, 0)

    def _syntax_error(self, error: tomllib.TOMLDecodeError) -> ConfigError:
        message = str(error)
        if found := _TOML_LINE.search(message):
            return ConfigError(f"{self.path}:{found[1]}: not valid TOML: {message[: found.start()]}")
        line = self.text.count("\n") + 1
        return ConfigError(f"{self.path}:{line}: not valid TOML: {message.removesuffix(' (at end of document)')}")

    def _complain(self, shape: type, said: str, table: Place = ()) -> NoReturn:
        """Turn what msgspec says, such as ``Expected `str`, got `int` - at `$.a.b```, into words for people."""
        found = _SAID_BY_MSGSPEC.match(said)
        what, where = (found["what"], found["where"] or "") if found else (said, "")
        place: Place = tuple(int(index) if index else key for index, key in _STEP.findall(where))
        where_it_is = (*table, *place)
        quoted = re.findall(r"`([^`]*)`", what)
        if what.startswith("Object contains unknown field"):
            raise self.error((*where_it_is, quoted[0]), _unknown(shape, place, quoted[0]))
        if what.startswith("Object missing required field"):
            raise self.error(where_it_is, f'{_named(where_it_is)} lacks the key "{quoted[0]}"')
        if what.startswith("Invalid enum value"):
            value = what.removeprefix("Invalid enum value ").strip("'")
            choices = [str(choice) for choice in _enum_choices(_type_at(shape, place))]
            key = next(step for step in reversed(place) if isinstance(step, str))
            be = "be" if place[-1] == key else "hold"
            raise self.error(where_it_is, f'"{key}" cannot {be} "{value}"{nearest(value, choices)}')
        if what.endswith("with a timezone component"):
            raise self.error(
                (*table, *place), f'"{place[-1]}" lacks its offset from UTC; write {_IN_WORDS["datetime"]}'
            )
        if what.startswith("Expected") and len(quoted) == 2:
            wanted = " or ".join(_IN_WORDS.get(name, name) for name in quoted[0].split(" | ") if name != "null")
            raise self.error(
                (*table, *place), f"{_named(place)} must be {wanted}, not {_IN_WORDS.get(quoted[1], quoted[1])}"
            )
        raise self.error(where_it_is, what)


def nearest(word: str, choices: Iterable[str]) -> str:
    """The end of a complaint about `word`: the nearest right word, or all of them where none is near."""
    from difflib import get_close_matches  # late: only a mistake needs it

    known = list(choices)
    for match in get_close_matches(word, known, n=1):
        return f'; did you mean "{match}"?'
    return "; it can be " + ", ".join(known) if known else ""


def lines_of(text: str) -> dict[Place, int]:
    """The line, counted from 1, on which each table and key of a TOML document first stands."""
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    closing: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if closing is None:
            if header := _HEADER.match(line):
                table = _names(header[2])
                if header[1] == "[[":
                    lines.setdefault(table, number)
                    index = counts.get(table, 0)
                    counts[table] = index + 1
                    table = (*table, index)
                elif (last := counts.get(table[:-1])) and len(table) > 1:
                    table = (*table[:-1], last - 1, table[-1])
                lines.setdefault(table, number)
            elif assignment := _ASSIGNMENT.match(line):
                place = table
                for name in _names(assignment[1]):
                    place = (*place, name)
                    lines.setdefault(place, number)
        closing = _open_string(line, closing)
    return lines


def _content(path: Path) -> bytes:
    """The bytes of a file that a person named; a file that anybody may change decides nothing."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_LIMIT + 1)
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise ConfigError(f"{path}: this is a folder, not a file") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        raise ConfigError(f"{path}: everybody on this machine may change this file; run: chmod o-w {path}")
    if len(raw) > _LIMIT:
        raise ConfigError(f"{path}: larger than {_LIMIT} bytes; this is no file of camguard's")
    return raw


def _open_string(line: str, closing: str | None) -> str | None:
    """The delimiter that a multi-line string still open at the end of `line` waits for; `closing`: at its start."""
    position = 0
    while True:
        if closing is not None:
            end = _END[closing].match(line, position)
            if end is None:
                return closing
            position, closing = end.end(), None
        token = _STRING_OR_COMMENT.search(line, position)
        if token is None:
            return None
        position = token.end()
        if token[0] in ('"""', "'''"):
            closing = token[0]


def _names(dotted: str) -> Place:
    return tuple(name[1:-1] if name[0] in "\"'" else name for name in re.findall(_KEY, dotted))


def _named(place: Place) -> str:
    if not place:
        return "the file"
    if isinstance(place[-1], int):
        return f"[[{place[-2]}]] number {place[-1] + 1}"
    return f'"{place[-1]}"'


def _unknown(shape: type, place: Place, key: str) -> str:
    table = [name for name in place if isinstance(name, str)]
    within = f" in [{'.'.join(table)}]" if table else ""
    here = _keys(_type_at(shape, place))
    kind = "key" if place else "table or key"
    from difflib import get_close_matches

    if get_close_matches(key, here, n=1):
        return f'unknown {kind} "{key}"{within}{nearest(key, here)}'
    for name in _keys(shape):
        for match in get_close_matches(key, _keys(_type_at(shape, (name,))), n=1):
            return f'unknown {kind} "{key}"{within}; did you mean "{match}" in [{name}]?'
    return f'unknown {kind} "{key}"{within}{nearest(key, here)}'


def _keys(shape: object) -> list[str]:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return list(shape.__struct_encode_fields__)
    return []


def _type_at(shape: Any, place: Place) -> Any:
    """The type that `shape` asks for at `place`, without its "or nothing"."""
    for step in place:
        shape = get_args(shape)[0] if isinstance(step, int) else get_type_hints(shape)[step]
        if get_origin(shape) is UnionType:
            shape = next(kind for kind in get_args(shape) if kind is not type(None))
    return shape


def _enum_choices(kind: Any) -> list[StrEnum]:
    return list(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else []
