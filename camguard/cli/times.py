"""Times and durations as people write and say them. All of it is local time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTH = re.compile(r"([0-9]{1,6})\s*(s|min|m|h|d|w)")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_LAST_YEAR = 2999
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}

PAST_FORMS = '"2026-11-24", "2026-11-24 21:30", "21:30", "2h", "3d", "today" or "yesterday"'
FUTURE_FORMS = '"30m", "2h", "18:00", "tomorrow", "2026-11-24" or "2026-11-24 21:30"'
"""What may be written for a time, for help texts and complaints."""


def parse_past(text: str, now: datetime, *, end: bool = False) -> datetime:
    """A time that was, as written: a date, a time today, both, or how long ago.

    A day stands for its beginning, with `end` for its last moment, so that "since yesterday until yesterday" is
    the whole of it. Raises ValueError where it is none of these.
    """
    try:
        if (length := length_of(text)) is not None:
            return now - length
        day, clock = taken_apart(text, now.date())
        return clock if isinstance(clock, datetime) else _at(day, clock or (time.max if end else time.min))
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"{text}" is no time that is understood; write for example {PAST_FORMS}') from error


def parse_future(text: str, now: datetime) -> datetime:
    """A time to come, as written: how long from now, a time of day (the next one), a date, or both.

    A day stands for its end. Raises ValueError where it is none of these, over, or after 2999.
    """
    try:
        until = _coming(text, now)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"{text}" is no time that is understood; write for example {FUTURE_FORMS}') from error
    if until <= now:
        raise ValueError(f'"{text}" is over already')
    if until.year > _LAST_YEAR:
        raise ValueError(f'"{text}" is too far away; leave the time out to mean always')
    return until


def to_ns(moment: datetime) -> int:
    """Nanoseconds since 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def from_ns(utc_ns: int) -> datetime:
    """The local time of this machine at that instant."""
    return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone()


def local_now() -> datetime:
    """Now, by this machine's wall clock and zone."""
    return datetime.now(UTC).astimezone()


def spoken_day(day: date, today: date) -> str:
    """A day as a heading: ``Today, Wednesday 25 November 2026``."""
    near = {0: "Today, ", 1: "Yesterday, "}.get((today - day).days, "")
    return f"{near}{day:%A} {day.day} {day:%B %Y}"


def spoken_time(moment: datetime, now: datetime) -> str:
    """A local time with as much of the date as is needed to tell it from now: ``11:02`` or ``2026-11-24 11:02``."""
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"


def _coming(text: str, now: datetime) -> datetime:
    if (length := length_of(text)) is not None:
        return now + length
    day, clock = taken_apart(text, now.date())
    until = clock if isinstance(clock, datetime) else _at(day, clock or time.max)
    if until <= now and _CLOCK.fullmatch(text.strip()):
        return _at(day + timedelta(days=1), until.time())
    return until


def length_of(text: str) -> timedelta | None:
    """A duration as written, ``30m`` or ``3d``; None where it is none."""
    found = _LENGTH.fullmatch(text.strip())
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else None


def taken_apart(text: str, today: date) -> tuple[date, time | datetime | None]:
    """The day that is meant, and the time of it where one is; a whole moment where its zone was written too."""
    words = text.strip().casefold()
    name, _, rest = words.partition(" ")
    if name in _DAYS:
        return today + timedelta(days=_DAYS[name]), _clock(rest.strip()) if rest else None
    if _CLOCK.fullmatch(words):
        return today, _clock(words)
    if _DATE.fullmatch(words):
        return date.fromisoformat(words), None
    moment = datetime.fromisoformat(text.strip())
    return moment.date(), moment if moment.tzinfo else moment.time()


def _clock(text: str) -> time:
    return time.fromisoformat(text if text.index(":") == 2 else "0" + text)


def _at(day: date, clock: time) -> datetime:
    """That local time, by this machine's rules for summer time on that day."""
    return datetime.combine(day, clock).astimezone()
