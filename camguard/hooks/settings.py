"""The tables ``[hooks.NAME]`` of the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from camguard.core.events import Kind
from camguard.core.model import NANOSECONDS
from camguard.shapes import Shape
from camguard.toml_source import Place, TomlSource

MOST = 16
"""So many hooks there may be; each has a row of its own, so this also bounds how many run at once."""

_LONGEST_ARGV = 64
_SHORTEST_NS, _LONGEST_NS = NANOSECONDS // 10, 600 * NANOSECONDS
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")

Bounded = Callable[[TomlSource, Place, str | float, int, int], int]
"""Reads a duration, between two bounds, in nanoseconds; raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Hook:
    """What to run (an argv: never a shell's line), on which events, and for how long at most, in nanoseconds."""

    name: str
    on: frozenset[Kind]
    run: tuple[str, ...]
    timeout_ns: int = 10 * NANOSECONDS


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    on: tuple[Kind, ...]
    run: tuple[str, ...]
    timeout: str | int | float = "10s"


_TABLE = Shape(_Table)


def hooks_of(source: TomlSource, said: Mapping[str, Any], bounded: Bounded) -> tuple[Hook, ...]:
    """The hooks that a configuration file names, in its order. Raises ConfigError."""
    if len(said) > MOST:
        raise source.error(("hooks",), f"there are {len(said)} hooks, and there may be {MOST}")
    return tuple(_hook(source, name, value, bounded) for name, value in said.items())


def _hook(source: TomlSource, name: str, value: object, bounded: Bounded) -> Hook:
    place: Place = ("hooks", name)
    if _NAME.fullmatch(name) is None:
        raise source.error(place, "a hook's name has letters, digits, - and _, 32 of them at most")
    table = source.decode_within(place, value, _TABLE)
    if not table.on:
        raise source.error((*place, "on"), '"on" names no event; write for example on = ["alert"]')
    _check_argv(source, (*place, "run"), table.run)
    timeout_ns = bounded(source, (*place, "timeout"), table.timeout, _SHORTEST_NS, _LONGEST_NS)
    return Hook(name, frozenset(table.on), table.run, timeout_ns)


def _check_argv(source: TomlSource, place: Place, argv: tuple[str, ...]) -> None:
    if not argv or not os.path.isabs(argv[0]):
        raise source.error(place, '"run" must begin with the whole path of a program; it is run without a shell')
    if len(argv) > _LONGEST_ARGV or any("\0" in word for word in argv):
        raise source.error(place, f'"run" is no command: {_LONGEST_ARGV} words at most, without NUL')
