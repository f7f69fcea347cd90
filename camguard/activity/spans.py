"""Spans of time as a clock on the wall showed them: joined, cut to limits, cut into days; and those not watched.

All times here are naive: local time with the offset that held then, as the log has it. So a use at nine in the morning
is at nine in the morning on the page, wherever and in whatever season that was. When clocks are put back an hour of
the wall is lived through twice; both are drawn in the one place there is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from camguard.core.coverage import Sign, Watch, stretches
from camguard.core.model import Moment

DAY_MINUTES = 24 * 60

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive, as all times here
_FARTHEST_NS = 24 * 3600 * 10**9
"""No wall is farther from UTC."""

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


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


def wall(at: datetime) -> datetime:
    """An aware time as the wall showed it where, and when, it was written down."""
    return at.replace(tzinfo=None)


def local(at: Moment) -> datetime:
    """A moment as the wall showed it where, and when, it was."""
    return _wall_of(at.utc_ns, at.utc_offset_s)


def not_watched(signs: Sequence[Sign], limits: Span, watching_until: int | None = None) -> list[Span]:
    """When, within the limits, no guard was watching; what that means is for `core.coverage` to say.

    `signs` are all that the log has, in the order in which they were written; `watching_until` is as there.
    """
    if not signs:
        return list(within([limits], limits))
    moments = sorted(each for sign in signs for each in _moments(sign))
    begin, end = (_utc_ns(limits.begin) - _FARTHEST_NS, _utc_ns(limits.end) + _FARTHEST_NS)
    away = (
        Span(_placed(stretch.begin_utc_ns, moments), _placed(stretch.end_utc_ns, moments))
        for stretch in stretches(signs, begin, end, watching_until)
        if stretch.watch is Watch.NOT
    )
    return joined(within(away, limits))


def _moments(sign: Sign) -> Iterator[tuple[int, int]]:
    """When it was, by UTC, and how far from that the wall was, of each moment in a sign."""
    for at in (sign.at, sign.begin, sign.end):
        if at is not None:
            yield at.utc_ns, at.utc_offset_s


def _placed(utc_ns: int, moments: Sequence[tuple[int, int]]) -> datetime:
    """A time in UTC as the wall showed it, as far apart as they were at the last moment before it in the log."""
    index = bisect_right(moments, (utc_ns, _FARTHEST_NS)) - 1
    return _wall_of(utc_ns, moments[max(index, 0)][1])


def _wall_of(utc_ns: int, offset_s: int) -> datetime:
    return _EPOCH + timedelta(microseconds=utc_ns // 1000, seconds=offset_s)


def _utc_ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


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
