"""Spans of time as a clock on the wall showed them: joined, cut to limits, cut into days; and those not watched.

All times here are naive: local time with the offset that held then, as the log has it. So a use at nine in the morning
is at nine in the morning on the page, wherever and in whatever season that was. When clocks are put back an hour of
the wall is lived through twice; both are drawn in the one place there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from camguard.core.events import Kind
from camguard.core.records import Record

DAY_MINUTES = 24 * 60

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_EVER = datetime(1, 1, 1)  # noqa: DTZ001  # all times here are naive


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `begin` to `end`, both as the wall showed them. Where a clock was put back, `end` may come first."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is, never less than nothing."""
        return max(self.end - self.begin, timedelta(0))


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """The part of a span that lies in one day, in minutes since its midnight."""

    day: date
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What the log says of a guard: that it started, or stopped, at a time; or a gap, a span in which none ran.

    That older entries were cut is a gap too: of the time before nothing is known any more.
    """

    kind: str
    at: datetime
    gap: Span | None = None


def wall(at: datetime) -> datetime:
    """An aware time as the wall showed it where, and when, it was written down."""
    return at.replace(tzinfo=None)


def turn_of(record: Record) -> Turn | None:
    """What an entry about a guard says (``watch --json``'s shape); None for one that does not say when."""
    extra = record.get("extra")
    at, gap = _time_in(record), None
    if record.get("event") == Kind.GUARD_GAP and isinstance(extra, dict):
        begin, end = _time_in(extra.get("from")), _time_in(extra.get("to"))
        gap = Span(begin, end) if begin is not None and end is not None else None
    if record.get("event") == Kind.JOURNAL_CUT and isinstance(extra, dict):
        end = _time_in(extra.get("last_at"))
        gap = None if end is None else Span(_EVER, end)
    return None if at is None else Turn(str(record.get("event")), at, gap)


def not_watched(turns: Iterable[Turn], limits: Span) -> list[Span]:
    """When, within the limits, no guard ran as far as the log says.

    That is before the first start, from each stop on, and in gaps. `turns` are in the order in which they were written;
    a guard that neither stopped nor left a gap runs still.
    """
    away: list[Span] = []
    since: datetime | None = limits.begin
    for turn in turns:
        if turn.gap is not None:
            away.append(turn.gap)
        elif turn.kind == Kind.GUARD_STARTED and since is not None:
            away.append(Span(since, turn.at))
            since = None
        elif turn.kind == Kind.GUARD_STOPPED and since is None:
            since = turn.at
    if since is not None:
        away.append(Span(since, limits.end))
    return joined(within(away, limits))


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that neither touch nor overlap, in order."""
    whole: list[Span] = []
    for span in sorted(span for span in spans if span.length):
        if whole and span.begin <= whole[-1].end:
            whole[-1] = Span(whole[-1].begin, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return whole


def within(spans: Iterable[Span], limits: Span) -> Iterator[Span]:
    """What of each span lies within the limits; nothing for one that does not."""
    for span in spans:
        cut = Span(max(span.begin, limits.begin), min(span.end, limits.end))
        if cut.length:
            yield cut


def pieces(span: Span) -> Iterator[Piece]:
    """A span day by day. One without length is a piece without length, so that a use of no time is on the page too."""
    day, end = span.begin.date(), max(span.begin, span.end)
    while True:
        midnight = datetime.combine(day, time.min)
        first = max(0.0, (span.begin - midnight) / _MINUTE)
        last = min(float(DAY_MINUTES), (end - midnight) / _MINUTE)
        yield Piece(day, first, last)
        if end - midnight <= _DAY:
            return
        day += _DAY


def _time_in(value: object) -> datetime | None:
    """The time in what `core.records.moment` made."""
    said = value.get("at") if isinstance(value, dict) else None
    try:
        return wall(datetime.fromisoformat(said)) if isinstance(said, str) else None
    except ValueError:
        return None
