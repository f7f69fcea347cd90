"""The words in which rules are written, in the rules file and on the command line: apps and hours."""

from __future__ import annotations

import re
from collections.abc import Iterable

from camguard.core.model import AppIdentity, AppKind, Hours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES_A_DAY = 24 * 60

_TIMES = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
_APP_KINDS = tuple(kind for kind in AppKind if kind is not AppKind.UNKNOWN)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_APP_FORMS = (
    "package:NAME, flatpak:ID, snap:NAME, portal:ID, appimage:/PATH, container:ID (64 digits), executable:/PATH or "
    "script:/PATH"
)


def parse_app(text: str) -> AppIdentity:
    """An app as a rule names it: ``package:cheese``, ``executable:/usr/bin/x``, ``script:/home/a/x.py``.

    Also ``flatpak:org.gnome.Cheese``, ``portal:org.gnome.Cheese``, ``snap:zoom-client``, ``appimage:/PATH`` and
    ``container:`` with the 64 digits of its id. Raises ValueError where it is none of these.
    """
    kind, _, name = text.partition(":")
    if kind not in _APP_KINDS or not name or "\0" in name:
        raise ValueError(f'"{text}" names no app; write {_APP_FORMS}')
    asked = AppKind(kind)
    if not _could_be(asked, name):
        raise ValueError(f'"{text}" names no {asked}; write {_APP_FORMS}')
    return AppIdentity(asked, name)


def _could_be(kind: AppKind, name: str) -> bool:
    """Whether a name has the form of those that camguard itself gives to Flatpaks, snaps, AppImages and containers."""
    match kind:
        case AppKind.FLATPAK | AppKind.SNAP | AppKind.PORTAL:
            return _PLAIN_NAME.fullmatch(name) is not None
        case AppKind.APPIMAGE:
            return name.startswith("/")
        case AppKind.CONTAINER:
            return re.fullmatch(r"[0-9a-f]{64}", name) is not None
        case _:
            return True


def spell_app(app: AppIdentity) -> str:
    """The text that `parse_app` reads as the kind and id of `app`."""
    return f"{app.kind}:{app.id}"


def parse_hours(text: str) -> Hours:
    """Weekly hours: ``Mon-Fri 09:00-17:30``, ``Sat,Sun 10:00-12:00``, ``22:00-06:00`` (every day), ``Sat`` (all day).

    Days may run over the weekend (``Fri-Mon``), times past midnight. Raises ValueError where they are no hours.
    """
    days, _, times = text.strip().partition(" ")
    if days[:1].isdigit():
        days, times = "Mon-Sun", text.strip()
    try:
        start, end = _parse_times(times.strip()) if times else (0, MINUTES_A_DAY)
        return Hours(_parse_days(days), start, end)
    except ValueError as error:
        raise ValueError(f'"{text}" are no hours ({error}); write for example "Mon-Fri 09:00-17:30"') from error


def spell_hours(hours: Hours) -> str:
    """The shortest text that `parse_hours` reads as `hours`."""
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.start_minute, hours.end_minute))
    if len(hours.days) == len(DAYS):
        return f"{start}-{end}"
    return f"{_spell_days(hours.days)} {start}-{end}"


def spell_list(words: Iterable[str]) -> str:
    """Plain words as TOML has a list of them."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _parse_times(text: str) -> tuple[int, int]:
    found = _TIMES.fullmatch(text)
    if found is None:
        raise ValueError("times are written 09:00-17:30")
    start, end = (_minute(found[1], found[2]), _minute(found[3], found[4]))
    if start == MINUTES_A_DAY:
        raise ValueError("a day's first minute is 00:00")
    return start, end


def _minute(hour: str, minute: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > MINUTES_A_DAY:
        raise ValueError(f"{hour}:{minute} is no time of day")
    return total


def _parse_days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _day(first)
        end = _day(last) if dash else begin
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(days)


def _day(text: str) -> int:
    for number, day in enumerate(DAYS):
        if text.casefold() == day.casefold():
            return number
    raise ValueError(f'"{text}" is no day, they are {", ".join(DAYS)}')


def _spell_days(days: Iterable[int]) -> str:
    """``Mon-Fri``, ``Sat,Sun``: three or more in a row become a range."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    parts = []
    for run in runs:
        if len(run) > 2:
            parts.append(f"{DAYS[run[0]]}-{DAYS[run[-1]]}")
        else:
            parts += [DAYS[day] for day in run]
    return ",".join(parts)
