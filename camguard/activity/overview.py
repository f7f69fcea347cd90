"""What the page shows before its table: each camera day by day, and how much each app used them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby

from camguard.activity.spans import DAY_MINUTES, Piece, Span, joined, pieces, wall, within
from camguard.activity.words import app_of, is_feeding
from camguard.core.model import Judgement, State
from camguard.journal.fold import ActivationRecord

NARROWEST = 5.0
"""Minutes that a bar is wide at least: less would not be seen."""

APART = 3.0
"""Bars of one sort that are nearer to one another than so many minutes are drawn as one."""

ALIKE = 4
"""So many days and more without a use, one after another and all watched or all not, are told in one line."""

_DAY = timedelta(days=1)


class Sort(StrEnum):
    """What kind of use it was; each has a shape of its own on the page."""

    EXPECTED = "expected"
    UNEXPECTED = "unexpected"
    BLOCKED = "blocked"
    LOOKED = "looked"
    UNJUDGED = "unjudged"


_OF_VERDICT = {
    Judgement.EXPECTED.value: Sort.EXPECTED,
    Judgement.UNEXPECTED.value: Sort.UNEXPECTED,
    Judgement.BLOCKED.value: Sort.BLOCKED,
}

NOTEWORTHY = frozenset({Sort.UNEXPECTED, Sort.BLOCKED})
"""The uses that nobody wanted."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Uses of one sort in a day, in minutes since its midnight, at least `NARROWEST` wide."""

    sort: Sort
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Day:
    """A line of a camera's timeline: one day, or several that are alike (`first` is before `last` then).

    `uses` are those that began on it, looks aside; `unwatched` is how long no guard ran, of each of the days. What is
    told of lies between `begin` and `end`, in minutes since midnight: the rest is before the log, or to come.
    """

    first: date
    last: date
    uses: int = 0
    unexpected: int = 0
    blocked: int = 0
    looks: int = 0
    bars: tuple[Bar, ...] = ()
    away: tuple[Piece, ...] = ()
    begin: float = 0
    end: float = DAY_MINUTES

    @property
    def unwatched(self) -> timedelta:
        """How long no guard ran."""
        return timedelta(minutes=sum(piece.end - piece.begin for piece in self.away))

    @property
    def quiet(self) -> bool:
        """Whether nothing is to be seen on it but that it was watched, or not, all the time."""
        whole = (self.begin, self.end) == (0, DAY_MINUTES)
        return whole and not self.bars and not self.uses and self.unwatched in {timedelta(0), _DAY}


@dataclass(frozen=True, slots=True)
class Timeline:
    """One camera's days, the newest first; `uses` counts looks too."""

    camera: str
    camera_id: str
    uses: int
    days: tuple[Day, ...]


@dataclass(slots=True)
class Total:
    """How much one app used cameras; `noteworthy` uses were unexpected or blocked.

    `ns` is how long those uses lasted whose end is known.
    """

    app: str
    uses: int = 0
    noteworthy: int = 0
    looks: int = 0
    ns: int = 0
    last: datetime = datetime.min  # noqa: DTZ901 - naive, as the wall showed it


@dataclass(slots=True)
class _Tally:
    """A day of a camera, while it is counted."""

    uses: int = 0
    unexpected: int = 0
    blocked: int = 0
    looks: int = 0
    pieces: dict[Sort, list[Piece]] = field(default_factory=lambda: defaultdict(list))


def sort_of(record: ActivationRecord) -> Sort:
    """What kind of use it was."""
    if record.state == State.PROBE or (is_feeding(record) and record.verdict != Judgement.BLOCKED):
        return Sort.LOOKED
    return _OF_VERDICT.get(record.verdict or "", Sort.UNJUDGED)


def span_of(record: ActivationRecord, now: datetime) -> Span:
    """From when to when it is known to have gone on."""
    begin = wall(record.opened_at)
    if record.ended_at is not None:
        return Span(begin, wall(record.ended_at))
    return Span(begin, wall(record.last_at) if record.over or record.interrupted else max(begin, now))


def timelines(records: Sequence[ActivationRecord], away: Sequence[Span], limits: Span) -> list[Timeline]:
    """Each camera's days within the limits, and those with a use wherever they are; the most used camera first."""
    absent: dict[date, list[Piece]] = defaultdict(list)
    for span in joined(away):
        for piece in pieces(span):
            absent[piece.day].append(piece)
    by_camera: dict[tuple[str, str], list[ActivationRecord]] = defaultdict(list)
    for record in records:
        by_camera[record.camera_name, str((record.camera or {}).get("id", ""))].append(record)
    found = [
        Timeline(*camera, len(uses), tuple(_days(_tallied(uses, limits.end), absent, limits)))
        for camera, uses in by_camera.items()
    ]
    return sorted(found, key=lambda timeline: (-timeline.uses, timeline.camera, timeline.camera_id))


def totals(records: Iterable[ActivationRecord]) -> list[Total]:
    """How much each app used cameras; those with unexpected uses first, then those with the most."""
    found: dict[str, Total] = {}
    for record in records:
        count_in(found, record, sort_of(record))
    return ranked(found.values())


def count_in(found: dict[str, Total], record: ActivationRecord, sort: Sort) -> None:
    """Add a use of that sort to what its app comes to so far."""
    app = app_of(record)
    total = found.setdefault(app, Total(app))
    total.looks += sort is Sort.LOOKED
    total.uses += sort is not Sort.LOOKED
    total.noteworthy += sort in NOTEWORTHY
    total.ns += (record.duration_ms or 0) * 1_000_000
    total.last = max(total.last, wall(record.opened_at))


def ranked(found: Iterable[Total]) -> list[Total]:
    """Those with unexpected uses first, then those with the most."""
    return sorted(found, key=lambda total: (-total.noteworthy, -total.uses, -total.looks, total.app))


def bars(sort: Sort, found: Iterable[Piece]) -> Iterator[Bar]:
    """One day's pieces of one sort as bars that can be seen and told apart, in order."""
    begin: float | None = None
    end = 0.0
    for piece in sorted(found):
        first = min(piece.begin, DAY_MINUTES - NARROWEST)
        if begin is None or first > end + APART:
            if begin is not None:
                yield Bar(sort, begin, end)
            begin, end = first, first
        end = max(end, piece.end, first + NARROWEST)
    if begin is not None:
        yield Bar(sort, begin, end)


def _tallied(records: Iterable[ActivationRecord], now: datetime) -> dict[date, _Tally]:
    days: dict[date, _Tally] = defaultdict(_Tally)
    for record in records:
        sort, span = sort_of(record), span_of(record, now)
        began = days[span.begin.date()]
        began.looks += sort is Sort.LOOKED
        began.uses += sort is not Sort.LOOKED
        began.unexpected += sort is Sort.UNEXPECTED
        began.blocked += sort is Sort.BLOCKED
        for piece in pieces(span):
            days[piece.day].pieces[sort].append(piece)
    return days


def _days(tallies: dict[date, _Tally], absent: dict[date, list[Piece]], limits: Span) -> Iterator[Day]:
    """The lines of a camera, the newest first; days that are alike are joined."""
    every = set(tallies)
    day = limits.begin.date()
    while day <= limits.end.date():
        every.add(day)
        day += _DAY
    told = {piece.day: piece for piece in (*_part(limits.begin.date(), limits), *_part(limits.end.date(), limits))}
    lines = (
        _day(told.get(day, Piece(day, 0, DAY_MINUTES)), tallies.get(day, _Tally()), absent.get(day, ()))
        for day in sorted(every, reverse=True)
    )
    for (quiet, _, _), group in groupby(enumerate(lines), lambda each: _likeness(*each)):
        alike = [day for _, day in group]
        if quiet and len(alike) >= ALIKE:
            yield replace(alike[0], first=alike[-1].first)
        else:
            yield from alike


def _likeness(number: int, day: Day) -> tuple[bool, date | int, timedelta]:
    """What is the same for days that follow one another and are alike, and for no others."""
    return (True, day.first + number * _DAY, day.unwatched) if day.quiet else (False, number, timedelta(0))


def _part(day: date, limits: Span) -> Iterator[Piece]:
    """What of a day lies within the limits."""
    midnight = datetime.combine(day, time.min)
    for span in within([Span(midnight, midnight + _DAY)], limits):
        yield next(pieces(span))


def _day(part: Piece, tally: _Tally, away: Sequence[Piece]) -> Day:
    drawn = tuple(bar for sort in Sort for bar in bars(sort, tally.pieces.get(sort, ())))
    counts = (tally.uses, tally.unexpected, tally.blocked, tally.looks)
    return Day(part.day, part.day, *counts, drawn, tuple(away), part.begin, part.end)
