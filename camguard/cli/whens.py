"""A time in the past as people write it: "last Friday 9pm", "yesterday evening", "2026-11-20 21:30 Europe/Berlin".

What is written in one of the usual ways is read here; for the others there is dateparser, which takes half a second to
be ready and is asked only then. Whatever may mean two things is not guessed at: the message says what to write instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from camguard.cli.times import length_of, taken_apart, to_ns

LONGEST = 100
"""Characters of a time; people need fewer."""

USUAL_WITHIN = timedelta(hours=2)
WHEN_FORMS = (
    '"last Friday 9pm", "2026-11-20 21:30", "yesterday evening", "2026-11-20 21:30 Europe/Berlin" or "last Friday"'
)

_ZONE = re.compile(r"^(?P<rest>.*\S)\s+(?P<zone>[A-Za-z_]+/[A-Za-z_/+-]+[0-9]*)$")
_OFFSET = re.compile(
    r"^(?P<rest>.*\S)(?:\s*(?:UTC|GMT)?(?P<far>[+-][0-9]{2}:[0-9]{2})|\s+(?:UTC|GMT)?(?P<near>[+-][0-9]{4}))$",
    re.IGNORECASE,
)
_UTC = re.compile(r"^(?P<rest>.*\S)(?:\s+(?:Z|UTC|GMT)|(?<=[0-9])Z)$", re.IGNORECASE)
_LETTERS = re.compile(r"(?<![A-Za-z])(?P<letters>[A-Z]{2,4}T)$")
_PART = re.compile(r"\b(?P<part>morning|afternoon|evening|night|tonight)\b", re.IGNORECASE)
_CLOCK = re.compile(
    r"[0-9]{1,2}\s*[:h]\s*[0-9]{2}\b|\b[0-9]{1,2}\s*[ap]\.?m\b|\b(?:noon|midnight|now)\b"
    r"|\b(?:hours?|minutes?|mins?) ago\b",
    re.IGNORECASE,
)
_TWO_WAYS = re.compile(r"\b(?P<one>[0-9]{1,2})[/-](?P<other>[0-9]{1,2})[/-][0-9]{2,4}\b")
_DOTS = re.compile(r"\b[0-9]{1,2}\.[0-9]{1,2}\.")
_DAY = timedelta(days=1)
_NOON = 12
_HOURS = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (18, 30), "tonight": (18, 30)}
"""From which hour of the day to which; a night goes on into the next."""
_NIGHTS = {"night", "tonight"}
_FARTHEST = timedelta(hours=14)

_OFFSETS = {"UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3}
"""Letters that mean one offset and no other. Of most (CST, IST, BST, …) several countries make different use."""


@dataclass(frozen=True, slots=True)
class When:
    """A time that was asked about: from `begin` up to `end`, both aware, told in `zone` (None: this machine's).

    `moment` is the very time that was written; None where it was a day, or a part of one.
    """

    begin: datetime
    end: datetime
    zone: tzinfo | None
    moment: datetime | None


def understand(text: str, now: datetime, within: timedelta | None) -> When:
    """The time that is meant: around a moment, `within` wide, or the whole of a day or of a part of it.

    `now` is aware. What is to come is left out. Raises ValueError where it is no time, may be two, does not exist, or
    is to come, with what to write instead.
    """
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"a time is a line of at most {LONGEST} characters; write for example {WHEN_FORMS}")
    try:
        return _meant(text, now, within)
    except OverflowError as error:
        raise ValueError(f'"{text}" is too far away; write for example {WHEN_FORMS}') from error


def _meant(text: str, now: datetime, within: timedelta | None) -> When:
    words, zone = _zone_of(text.strip())
    found = _span(words, now.astimezone(zone))
    if isinstance(found, datetime):
        moment = _aware(found, zone)
        if moment > now:
            raise ValueError(f'"{text}" is still to come ({_said(moment)}); ask about the past')
        half = (within or USUAL_WITHIN) / 2
        return When(moment - half, min(moment + half, now), zone, moment)
    if within is not None:
        raise ValueError(f'"{text}" is more than a moment, and --within is for a moment; leave it out, or write a time')
    begin, end = (_at(edge, zone) for edge in found)
    if begin >= now:
        raise ValueError(f'"{text}" is still to come ({_said(begin)}); ask about the past')
    return When(begin, min(end, now), zone, None)


def explained(when: When) -> str:
    """How a time was understood: local time, offset and UTC."""
    begin, end = when.begin.astimezone(when.zone), when.end.astimezone(when.zone)
    if when.moment is None:
        last = f"{end:%H:%M}" if end.date() == begin.date() else _said(end)
        return f"{_said(begin)} to {last}, in UTC {_utc(begin)} to {_utc(end)}"
    moment = when.moment.astimezone(when.zone)
    edges = [f"{edge:%H:%M}" if edge.date() == moment.date() else f"{edge:%Y-%m-%d %H:%M}" for edge in (begin, end)]
    return f"{_said(moment)}, in UTC {_utc(moment)}; looked at from {edges[0]} to {edges[1]}"


def _said(at: datetime) -> str:
    clock, offset = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}", f"{at:%z}"
    return f"{at:%A} {at.day} {at:%B %Y}, {clock} (UTC{offset[:3]}:{offset[3:5]})"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _zone_of(text: str) -> tuple[str, tzinfo | None]:
    """The time without its zone, and that zone; None where none is written."""
    exact = _iso(text)
    if exact is not None and exact.tzinfo is not None:
        _check_offset(text, exact.utcoffset())
        return exact.replace(tzinfo=None).isoformat(), exact.tzinfo
    named = _ZONE.match(text)
    if named is not None:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return named["rest"], ZoneInfo(named["zone"])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f'there is no time zone "{named["zone"]}"; write for example Europe/Berlin') from error
    offset = _OFFSET.match(text)
    if offset is not None:
        written = (offset["far"] or offset["near"]).replace(":", "")
        length = timedelta(hours=int(written[1:3]), minutes=int(written[3:]))
        _check_offset(text, length)
        return offset["rest"], timezone(-length if written[0] == "-" else length)
    plain = _UTC.match(text)
    if plain is not None:
        return plain["rest"], UTC
    letters = _LETTERS.search(text)
    if letters is None:
        return text, None
    hours = _OFFSETS.get(letters["letters"])
    if hours is None:
        raise ValueError(
            f'"{letters["letters"]}" means different times in different countries; write the place (America/Chicago) '
            "or the offset (-06:00)"
        )
    return text[: letters.start()].strip(), timezone(timedelta(hours=hours), letters["letters"])


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _check_offset(text: str, offset: timedelta | None) -> None:
    if offset is not None and abs(offset) > _FARTHEST:
        raise ValueError(f'"{text}" has an offset that is used nowhere; they go to +14:00')


def _span(text: str, here: datetime) -> datetime | tuple[datetime, datetime]:
    """The moment that is meant, naive as on the wall, or aware; or from when to when, both naive."""
    length = length_of(text)
    if length is not None and length < _DAY:
        return here.astimezone(UTC) - length
    part = _PART.search(text)
    if part is not None and _CLOCK.search(text) is None:
        first, last = _HOURS[part["part"].lower()]
        day = datetime.combine(_day_of_part(text, here), time.min)
        return day + timedelta(hours=first), day + timedelta(hours=last)
    found, timed = _parsed(text, here)
    if not timed:
        day = datetime.combine(found.date(), time.min)
        return day, day + _DAY
    if part is not None and part["part"].lower() in _NIGHTS and found.hour < _NOON:
        return found + _DAY  # "last night at 2 am" is the morning after
    return found


def _day_of_part(text: str, here: datetime) -> date:
    """The day of "yesterday evening", "last night", "this morning" or "Friday afternoon"."""
    rest = _PART.sub("", text).strip(" ,").casefold()
    if rest in {"", "this", "in the", "the"}:
        return here.date()
    if rest == "last":  # said in the small hours, it is the night that is
        return here.date() - timedelta(days=1)
    return _parsed(re.sub(r"\b(?:in the|in|at|the)$", "", rest).strip(), here)[0].date()


def _parsed(text: str, here: datetime) -> tuple[datetime, bool]:
    """A time on the wall, naive, and whether it is more than a day."""
    length = length_of(text)
    if length is not None:
        return (here - length).replace(tzinfo=None), False
    try:
        day, clock = taken_apart(text, here.date())
    except (ValueError, OverflowError):
        return _by_dateparser(text, here)
    if isinstance(clock, datetime):  # with a zone, which was taken off before
        raise ValueError(f'"{text}" has two time zones')  # noqa: TRY004 - it is a person's words that are wrong
    found = datetime.combine(day, clock or time.min)
    if re.fullmatch(r"[0-9:]+", text) and clock is not None and found > here.replace(tzinfo=None):
        found -= _DAY  # the last time that the clock showed this
    return found, clock is not None and not text.isdecimal()


def _by_dateparser(text: str, here: datetime) -> tuple[datetime, bool]:
    two = _TWO_WAYS.search(text)
    if two is not None and int(two["one"]) <= 12 and int(two["other"]) <= 12 and int(two["one"]) != int(two["other"]):
        raise ValueError(f'"{two[0]}" means different days in different countries; write it as 2026-11-20')
    from dateparser.date import DateDataParser

    settings = {
        "RELATIVE_BASE": here.replace(tzinfo=None),
        "PREFER_DATES_FROM": "past",
        "RETURN_TIME_AS_PERIOD": True,
    }
    if _DOTS.search(text):
        settings["DATE_ORDER"] = "DMY"
    found = DateDataParser(languages=["en"], settings=settings).get_date_data(text)
    timed = found.period == "time"
    half_read = _CLOCK.search(text) is not None and not timed
    if found.date_obj is None or half_read or found.period in {"week", "month", "year"}:
        raise ValueError(f'"{text}" is no day and no time of one that is understood; write for example {WHEN_FORMS}')
    moment: datetime = found.date_obj
    if moment.tzinfo is not None:
        raise ValueError(
            f'the time zone in "{text}" cannot be told for sure; write for example Europe/Berlin or +01:00'
        )
    return moment, timed


def _aware(wall: datetime, zone: tzinfo | None) -> datetime:
    """The moment at which a wall there shows this time. Raises ValueError where it never does, or does twice."""
    if wall.tzinfo is not None:
        return wall
    first, second = (_at(wall.replace(fold=fold), zone) for fold in (0, 1))
    if wall not in {at.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) for at in (first, second)}:
        raise ValueError(f"there was no {wall:%H:%M} on {wall:%Y-%m-%d}: the clocks were put forward over it")
    if first.utcoffset() == second.utcoffset():
        return first
    both = " or ".join(f'"{at:%Y-%m-%d %H:%M %z}"' for at in (first, second))
    raise ValueError(f"the clocks showed {wall:%H:%M} twice on {wall:%Y-%m-%d}, when they were put back; write {both}")


def _at(wall: datetime, zone: tzinfo | None) -> datetime:
    return wall.astimezone() if zone is None else wall.replace(tzinfo=zone)


def width(text: str) -> timedelta:
    """How wide a time is to be looked at. Raises ValueError where it is no length, or longer than a month."""
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*(min|m|h|d)\s*", text)
    length = timedelta(seconds=int(found[1]) * {"m": 60, "min": 60, "h": 3600, "d": 86400}[found[2]]) if found else None
    if length is None or not timedelta(0) < length <= timedelta(days=31):
        raise ValueError(f'"{text}" is no length from "1m" to "31d"; write for example "2h"')
    return length


def ns(when: When) -> tuple[int, int]:
    """The bounds in UTC nanoseconds."""
    return to_ns(when.begin), to_ns(when.end)
