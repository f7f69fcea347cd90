"""Lengths of time as people write them."""

from __future__ import annotations

import re

from camguard.core.model import NANOSECONDS

_UNITS = {
    "ms": NANOSECONDS // 1000,
    "s": NANOSECONDS,
    "min": 60 * NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3600 * NANOSECONDS,
    "d": 86400 * NANOSECONDS,
    "w": 7 * 86400 * NANOSECONDS,
    "y": 365 * 86400 * NANOSECONDS,
}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|min|m|h|d|w|y)")


def parse_duration(said: str | float) -> int:
    """Nanoseconds in a duration: text such as ``2.5s``, ``300ms``, ``30m``, ``1h``, ``2d``, or a number of seconds.

    A week is ``1w``, a year of 365 days ``1y``.

    Raises ValueError where it is neither.
    """
    if isinstance(said, str):
        found = _DURATION.fullmatch(said.strip())
        if found is None:
            raise ValueError(f'"{said}" is no duration; write for example "2.5s", "300ms", "30m" or "1h"')
        return round(float(found[1]) * _UNITS[found[2]])
    if not 0 <= said < 1e9:
        raise ValueError(f'{said} is no duration; write a number of seconds, or for example "300ms"')
    return round(said * NANOSECONDS)


def spell_duration(ns: int) -> str:
    """The shortest text that `parse_duration` reads as `ns`, to the millisecond."""
    if ns % NANOSECONDS:
        return f"{ns // 1_000_000}ms"
    for unit in ("y", "d", "h", "m"):
        if ns and ns % _UNITS[unit] == 0:
            return f"{ns // _UNITS[unit]}{unit}"
    return f"{ns // NANOSECONDS}s"
