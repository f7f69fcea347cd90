"""When the guard was watching, out of what the log's entries say. A silent log means "off" only where it was.

Everything that decides it is here: entries become *signs*, signs become *stretches*. A machine has one wall clock, and
that may be set: what a stretch of wall time was, is what it was at the worst of all the times the clock showed it.

- While the machine sleeps no program of it runs: that counts as watched, and says so.
- Where no guard ran, or nobody can say whether one did, it is not watched. A guard that died watched until its last
  sign of life.
- Where a part could not be seen (a node, an event queue that ran over, entries that were lost), it is watched in part.
- A time that the clock leapt over is not watched: the machine never called any moment so.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

from camguard.core.events import Kind
from camguard.core.model import NANOSECONDS, Moment

KINDS = (
    Kind.GUARD_STARTED,
    Kind.GUARD_STOPPED,
    Kind.GUARD_GAP,
    Kind.GUARD_BLIND,
    Kind.GUARD_SIGHTED,
    Kind.MACHINE_SLEPT,
    Kind.CLOCK_CHANGED,
    Kind.ZONE_CHANGED,
    Kind.JOURNAL_INTERRUPTED,
    Kind.JOURNAL_SET_ASIDE,
    Kind.JOURNAL_CUT,
)
"""The entries that say when a guard was watching, and by which clock."""

NOT_ABOUT_SIGHT = frozenset({"rules", "log", "cameras"})
"""What a guard calls itself blind to without seeing a camera any the less: its rules, the log before, what was off."""

NOTED_JUMP_NS = 600 * NANOSECONDS
"""Where the clock is set by so much and more, the times told by the clock before are told with that."""

BEAT_NS = 60 * NANOSECONDS
"""Within this a guard that watches leaves a sign of life."""

BEGINS = "the log begins later"
CUT = "the entries of this time were cut, as the log is kept for so long only"
ENDS = "there is no sign of a guard after this"
STOPPED = "the guard was stopped"
DIED = "the guard died"
DOWN = "the machine was down, or going down"
STARTING = "the machine was starting, and the guard was not yet running"
NOT_RUNNING = "no guard was running"
ASLEEP = "the machine was asleep: no program ran"
LEAPT = "the clock was put forward, and never showed this time"
TWICE = "the clock was put back, so that it showed this time twice"
LOST = "entries were lost while the log could not be written"
ASIDE = "the log before was set aside"
NOT_TOLD = "there is more to tell of this time than one answer holds"


class Watch(StrEnum):
    """Whether a time was watched."""

    WATCHED = "watched"
    PARTLY = "watched in part"
    NOT = "not watched"


_WORSE = {Watch.WATCHED: 0, Watch.PARTLY: 1, Watch.NOT: 2}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time on the wall clock, from `begin_utc_ns` up to `end_utc_ns`, that was watched, in part or not at all.

    `why` says what there is to say of it, as clauses: why it was not watched, or only in part; of a watched one what
    else to know (the machine slept, the clock was set). Most watched ones have none.
    """

    begin_utc_ns: int
    end_utc_ns: int
    watch: Watch
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sign:
    """What an entry says of the guard or of the clock; see `sign_of`.

    `begin` and `end` are the bounds of a time that is told of afterwards: a gap, a sleep, a time in which the log could
    not be written; or of a clock that was set, the same instant by the clock before and after. Of a cut, `end` is the
    time of the newest entry that went, and `why` how long entries are kept.
    """

    kind: str
    at: Moment
    begin: Moment | None = None
    end: Moment | None = None
    what: str = ""
    why: str = ""
    lost: int = 0


def sign_of(record: Mapping[str, object]) -> Sign | None:
    """The sign in a record as `core.records.line` makes it; None for one that is about something else, or no record."""
    kind, told = record.get("event"), record.get("extra")
    extra = told if isinstance(told, Mapping) else {}
    at = _moment(record.get("clock"))
    if kind not in KINDS or at is None:
        return None
    lost = extra.get("lost")
    return Sign(
        str(kind),
        at,
        _moment(extra.get("from")),
        _moment(extra.get("to") or extra.get("last_at")),
        str(extra.get("what") or ""),
        str(extra.get("why") or extra.get("how") or extra.get("keep") or ""),
        lost if isinstance(lost, int) else 0,
    )


def stretches(
    signs: Iterable[Sign], begin_utc_ns: int, end_utc_ns: int, watching_until: int | None = None
) -> tuple[Stretch, ...]:
    """What there is between two times of the wall clock: in order, without holes, exactly what was asked for.

    `signs` are all that the log has, in the order in which they were written. `watching_until` (UTC nanoseconds) is
    until when a guard that has not stopped is known to have watched; None: until its last entry in `signs`.
    """
    history = _History()
    for sign in signs:
        history.take(sign)
    history.close(watching_until)
    within = (spell for spell in history.spells if spell.begin < end_utc_ns and spell.end > begin_utc_ns)
    return tuple(_joined(_worst(within, begin_utc_ns, end_utc_ns)))


def bounded(found: tuple[Stretch, ...], most: int) -> tuple[Stretch, ...]:
    """At most so many stretches, the last of them made of all that have no place, and as bad as the worst of those."""
    if len(found) <= most:
        return found
    rest = found[most - 1 :]
    worst = max((stretch.watch for stretch in rest), key=_WORSE.__getitem__)
    return (*found[: most - 1], Stretch(rest[0].begin_utc_ns, rest[-1].end_utc_ns, worst, (NOT_TOLD,)))


@dataclass(slots=True, order=True)
class _Spell:
    """A time on the wall, once that the clock showed it."""

    begin: int
    end: int
    watch: Watch = field(compare=False)
    why: tuple[str, ...] = field(compare=False)


_EVER = 2**63 - 1


@dataclass(slots=True)
class _History:
    """What the signs so far come to. `since` is from when the present state holds, which `running` tells."""

    spells: list[_Spell] = field(default_factory=list)
    running: bool = False
    since: Moment | None = None
    last: Moment | None = None
    because: str = BEGINS
    blind: dict[str, str] = field(default_factory=dict)
    by_this_clock: int = 0

    def take(self, sign: Sign) -> None:
        """Go on to the next sign."""
        if self.since is None:
            self.since = _first(sign)
            self._add(-_EVER, self.since.utc_ns, Watch.NOT, BEGINS)
        if not self.running and _by_a_guard(sign):  # its start is in a log that was set aside, or was cut off
            self._until(_first(sign))
            self.running, self.blind = True, {}
        match sign.kind:
            case Kind.GUARD_STARTED:
                self._start(sign.at)
            case Kind.GUARD_STOPPED:
                self._until(sign.at)
                self.running, self.because = False, STOPPED
            case Kind.GUARD_GAP:
                self._gap(sign)
            case Kind.GUARD_BLIND | Kind.GUARD_SIGHTED:
                self._see(sign)
            case Kind.MACHINE_SLEPT:
                self._sleep(sign)
            case Kind.CLOCK_CHANGED:
                self._change(sign)
            case Kind.JOURNAL_INTERRUPTED | Kind.JOURNAL_SET_ASIDE | Kind.JOURNAL_CUT:
                self._miss(sign)
        self.last = sign.at

    def close(self, watching_until: int | None) -> None:
        """Say what is known of the end."""
        if self.since is None or self.last is None:
            self._add(-_EVER, _EVER, Watch.NOT, BEGINS)
            return
        until = self.since
        if self.running:
            known = self.last.utc_ns if watching_until is None else max(watching_until, self.since.utc_ns)
            until = replace(self.since, utc_ns=known)
            self._until(until)
        self._add(until.utc_ns, _EVER, Watch.NOT, ENDS if self.running else self.because)

    def _start(self, at: Moment) -> None:
        if self.running and self.last is not None:  # the one before ended, and nobody wrote down when
            self._until(self.last)
            self.running, self.because = False, NOT_RUNNING
        self._until(at)
        self.running, self.blind, self.by_this_clock = True, {}, len(self.spells)

    def _gap(self, sign: Sign) -> None:
        if sign.begin is None or sign.end is None:
            return
        if self.running:
            self._until(sign.begin)
        self.running, self.since, self.because = False, sign.end, NOT_RUNNING
        lasted = sign.end.since(sign.begin)
        if lasted is not None:
            why = {"stopped": STOPPED, "died": DIED}.get(sign.why, NOT_RUNNING)
            for first, last in _shown(sign.begin.utc_ns, sign.end.utc_ns, lasted):
                self._add(first, last, Watch.NOT, why)
            return
        begin, end = _hull(sign.begin, sign.end)
        booted = sign.end.utc_ns - sign.end.boottime_ns
        self._add(begin, booted if begin <= booted <= end else end, Watch.NOT, DOWN)
        self._add(booted, sign.end.utc_ns, Watch.NOT, STARTING)
        if booted < sign.begin.utc_ns:  # the clock was put back: what it showed after the last sign comes again
            self._add(sign.begin.utc_ns, sign.begin.utc_ns + BEAT_NS, Watch.NOT, DOWN)

    def _see(self, sign: Sign) -> None:
        if sign.what in NOT_ABOUT_SIGHT:
            return
        self._until(sign.at)
        if sign.kind == Kind.GUARD_BLIND:
            self.blind[sign.what] = sign.why
        else:
            self.blind.pop(sign.what, None)

    def _miss(self, sign: Sign) -> None:
        if sign.kind == Kind.JOURNAL_CUT:
            self.spells[0].why = (CUT,)  # the time before the first sign that is left
            if sign.end is not None:  # of the guard's start, which a cut carries on, to what is left
                self._add(-_EVER, sign.end.utc_ns, Watch.NOT, CUT)
        elif sign.lost and sign.begin is not None and sign.end is not None:
            self._add(*_hull(sign.begin, sign.end), Watch.PARTLY, LOST)
        elif sign.kind == Kind.JOURNAL_SET_ASIDE and not self.running:
            self.because = ASIDE

    def _sleep(self, sign: Sign) -> None:
        if sign.begin is None or sign.end is None or not self.running:
            return
        self._until(sign.begin)
        self._add(sign.begin.utc_ns, sign.end.utc_ns, Watch.WATCHED, ASLEEP)
        self.since = sign.end

    def _change(self, sign: Sign) -> None:
        if sign.begin is None or sign.end is None or not self.running:
            return
        self._until(sign.begin)
        before, after = sign.begin.utc_ns, sign.end.utc_ns
        if abs(after - before) >= NOTED_JUMP_NS:
            self._doubt(after - before)
        if after > before:
            self._add(before, after, Watch.NOT, LEAPT)
        else:
            self._add(after, before, Watch.WATCHED, TWICE)
        self.since, self.by_this_clock = sign.end, len(self.spells)

    def _doubt(self, jump_ns: int) -> None:
        """What was told by the clock before may have been at another time: nobody knows which clock was right."""
        way = "forward" if jump_ns > 0 else "back"
        why = f"told by a clock that was put {way} by {_minutes(abs(jump_ns))} later"
        for spell in self.spells[self.by_this_clock :]:
            spell.why += (why,)

    def _until(self, at: Moment) -> None:
        """The present state held until now."""
        if self.since is not None:
            if not self.running:
                self._add(*_hull(self.since, at), Watch.NOT, self.because)
            elif self.blind:
                self._add(self.since.utc_ns, at.utc_ns, Watch.PARTLY, *self.blind.values())
            else:
                self._add(self.since.utc_ns, at.utc_ns, Watch.WATCHED)
        self.since = at

    def _add(self, begin: int, end: int, watch: Watch, *why: str) -> None:
        if begin < end:
            self.spells.append(_Spell(begin, end, watch, why))


def _by_a_guard(sign: Sign) -> bool:
    """Whether it shows by itself that a guard was watching."""
    sight = sign.kind in {Kind.GUARD_BLIND, Kind.GUARD_SIGHTED} and sign.what not in NOT_ABOUT_SIGHT
    return sight or sign.kind in {Kind.MACHINE_SLEPT, Kind.CLOCK_CHANGED, Kind.ZONE_CHANGED, Kind.JOURNAL_CUT}


def _first(sign: Sign) -> Moment:
    """The first moment that a sign tells of."""
    return sign.begin if sign.kind == Kind.MACHINE_SLEPT and sign.begin is not None else sign.at


def _shown(begin: int, end: int, lasted: int) -> tuple[tuple[int, int], ...]:
    """All that the clock may have shown in a time that lasted so long, in which somebody may have set it."""
    if lasted > end - begin + NANOSECONDS:  # it was put back, nobody knows when
        return (begin, begin + lasted), (end - lasted, end)
    return ((begin, end),)


def _hull(one: Moment, other: Moment) -> tuple[int, int]:
    return min(one.utc_ns, other.utc_ns), max(one.utc_ns, other.utc_ns)


def _minutes(ns: int) -> str:
    minutes = round(ns / (60 * NANOSECONDS))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{amount} {unit}" for amount, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if amount]
    return " ".join(parts[:2])


def _worst(spells: Iterable[_Spell], begin: int, end: int) -> Iterator[Stretch]:
    """Of each moment the worst that is said of it; what nothing is said of is not watched."""
    coming = sorted(spells)
    edges = sorted({begin, end, *(edge for spell in coming for edge in (spell.begin, spell.end) if begin < edge < end)})
    active: list[tuple[int, int]] = []
    number = 0
    for first, last in pairwise(edges):
        while number < len(coming) and coming[number].begin <= first:
            heapq.heappush(active, (coming[number].end, number))
            number += 1
        while active and active[0][0] <= first:
            heapq.heappop(active)
        here = [coming[index] for _, index in active]
        watch = max((spell.watch for spell in here), key=_WORSE.__getitem__, default=Watch.NOT)
        said = sorted((spell for spell in here if spell.watch is watch), key=lambda spell: (spell.begin, spell.end))
        yield Stretch(first, last, watch, tuple(dict.fromkeys(why for spell in said for why in spell.why)))


def _joined(found: Iterable[Stretch]) -> Iterator[Stretch]:
    whole: Stretch | None = None
    for stretch in found:
        if whole is not None and (whole.watch, whole.why) == (stretch.watch, stretch.why):
            whole = replace(whole, end_utc_ns=stretch.end_utc_ns)
            continue
        if whole is not None:
            yield whole
        whole = stretch
    if whole is not None:
        yield whole


def _moment(value: object) -> Moment | None:
    """A moment as `core.records.moment` wrote it."""
    if not isinstance(value, Mapping):
        return None
    utc_ns, offset_s = value.get("utc_ns"), value.get("utc_offset_s")
    boottime_ns, boot_id = value.get("boottime_ns"), value.get("boot_id")
    if not (isinstance(utc_ns, int) and isinstance(offset_s, int) and isinstance(boottime_ns, int)):
        return None
    return Moment(utc_ns, offset_s, boottime_ns, str(boot_id))
