"""When the guard was watching: any interval's coverage, against a model that counts second by second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from camguard.core import coverage
from camguard.core.coverage import KINDS, Sign, Stretch, Watch, bounded, sign_of, stretches
from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, Moment
from camguard.core.records import line, moment
from camguard.core.timekeeping import Reading, Timekeeping

BEGIN = 1_000
"""The wall's second at which the machine of the model is started for the first time."""

ORDER = [Watch.WATCHED, Watch.PARTLY, Watch.NOT]
TRULY_WATCHED = {"watched", "asleep"}

Said = dict[int, list[Watch]]


@dataclass
class Machine:
    """A machine and its guard, second by second; what its log would say, and what is true.

    `said` has of each second of the wall what the log can know of each time that the clock showed it; `true` what was
    so. `now` is the time by its clock.
    """

    now: int = BEGIN
    up: int = 5
    slept: int = 0
    boot: int = 1
    blind: bool = False
    signs: list[Sign] = field(default_factory=list)
    said: Said = field(default_factory=lambda: defaultdict(list))
    true: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self.first = self.now
        self.times = Timekeeping(self.reading())
        self.tell(Kind.GUARD_STARTED)

    @property
    def moment(self) -> Moment:
        return Moment(self.now * NANOSECONDS, 3600, self.up * NANOSECONDS, f"boot-{self.boot}")

    def reading(self) -> Reading:
        return Reading(self.moment, self.slept * NANOSECONDS, "Europe/Berlin")

    def tell(self, kind: Kind, **extra: object) -> None:
        self.hear(Report(kind, self.moment, extra=dict(extra)))

    def hear(self, report: Report) -> None:
        sign = sign_of(line(report))
        assert sign is not None
        self.signs.append(sign)

    def follow_clocks(self) -> None:
        for report in self.times.changes(self.reading()):
            self.hear(report)

    def go_on(self, seconds: int, said: Watch | None = None, true: str = "") -> None:
        for _ in range(seconds):
            self.said[self.now].append(said or (Watch.PARTLY if self.blind else Watch.WATCHED))
            self.true[self.now].add(true or ("blind" if self.blind else "watched"))
            self.now, self.up = self.now + 1, self.up + 1

    # What may happen to it

    def watch(self, seconds: int, _: int) -> None:
        self.go_on(seconds)

    def turn_blind(self, seconds: int, _: int) -> None:
        self.blind = True
        self.tell(Kind.GUARD_BLIND, what="/dev/video0", why="it cannot be watched")
        self.go_on(seconds)

    def see_again(self, seconds: int, _: int) -> None:
        self.blind = False
        self.tell(Kind.GUARD_SIGHTED, what="/dev/video0")
        self.go_on(seconds)

    def sleep(self, seconds: int, _: int) -> None:
        self.go_on(seconds + 1, Watch.WATCHED, "asleep")
        self.slept += seconds + 1
        self.follow_clocks()

    def set_clock(self, _: int, jump: int) -> None:
        for leapt in range(self.now, self.now + jump):
            self.said[leapt].append(Watch.NOT)
        self.now += jump
        self.follow_clocks()

    def sleep_and_set_clock(self, seconds: int, jump: int) -> None:
        self.go_on(seconds + 1, Watch.WATCHED, "asleep")
        self.slept += seconds + 1
        self.set_clock(0, jump)

    def stop(self, seconds: int, jump: int) -> None:
        self.tell(Kind.GUARD_STOPPED)
        self.away("stopped", self.moment, seconds, jump)

    def crash(self, seconds: int, jump: int) -> None:
        beat = self.moment
        unknown = min(seconds, 3)  # it went on watching for so long, and nobody will ever know
        self.go_on(unknown, Watch.NOT)
        self.away("died", beat, seconds - unknown, jump)

    def reboot(self, seconds: int, jump: int) -> None:
        beat = self.moment
        if jump >= 0:  # else it went on unseen, under a clock that was put back unseen: nothing could know that
            self.go_on(min(seconds, 3), Watch.NOT)
        self.anew("machine went down", beat, seconds, jump)

    def shut_down(self, seconds: int, jump: int) -> None:
        self.tell(Kind.GUARD_STOPPED)
        self.anew("stopped", self.moment, seconds, jump)

    def away(self, how: str, since: Moment, seconds: int, jump: int) -> None:
        """No guard runs, and somebody sets the clock at a second that nobody knows: all that it may have shown."""
        before, lasted = since.utc_ns // NANOSECONDS, self.up - since.boottime_ns // NANOSECONDS + seconds
        for at in range(lasted + 1):
            for shown in (*range(before, before + at), *range(before + at + jump, before + lasted + jump)):
                self.said[shown].append(Watch.NOT)
            for leapt in range(before + at, before + at + jump):
                self.said[leapt].append(Watch.NOT)
        half = seconds // 2
        self.go_on(half, Watch.NOT, "away")
        self.now += jump
        self.go_on(seconds - half, Watch.NOT, "away")
        self.begin_again(how, since)

    def anew(self, how: str, since: Moment, seconds: int, jump: int) -> None:
        """It is started anew: of what the clock showed meanwhile nothing is known but its ends."""
        self.now += seconds + jump
        self.boot, self.up, self.slept = self.boot + 1, 0, 0
        self.go_on(2, Watch.NOT, "away")
        before = since.utc_ns // NANOSECONDS
        unknown = range(before, before + 60) if self.now - self.up < before else ()
        for second in (*range(min(before, self.now), max(before, self.now)), *unknown):
            self.said[second].append(Watch.NOT)
        self.begin_again(how, since)

    def begin_again(self, how: str, since: Moment) -> None:
        self.tell(Kind.GUARD_GAP, how=how, **{"from": moment(since), "to": moment(self.moment)})
        self.tell(Kind.GUARD_STARTED)
        self.times = Timekeeping(self.reading())
        self.blind = False

    def expected(self, second: int) -> Watch:
        """What the log should say of a second of the wall."""
        if second < self.first or second >= self.now:
            return Watch.NOT  # and before the log, and after what is known, more may be
        return max(self.said[second], key=ORDER.index, default=Watch.NOT)


DEEDS: list[Callable[[Machine, int, int], None]] = [
    Machine.watch,
    Machine.turn_blind,
    Machine.see_again,
    Machine.sleep,
    Machine.set_clock,
    Machine.sleep_and_set_clock,
    Machine.stop,
    Machine.crash,
    Machine.reboot,
    Machine.shut_down,
]
JUMPS = st.one_of(st.just(0), st.integers(-40, 40).filter(lambda jump: abs(jump) > 2))
HISTORY = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 12), JUMPS), max_size=12)
EDGE = st.integers(BEGIN - 60, BEGIN + 200)


def after(history: list[tuple[Callable[[Machine, int, int], None], int, int]]) -> Machine:
    machine = Machine()
    machine.go_on(3)
    for deed, seconds, jump in history:
        deed(machine, seconds, jump)
        machine.go_on(1)
    return machine


def asked(machine: Machine, begin: int, end: int) -> tuple[Stretch, ...]:
    return stretches(machine.signs, begin * NANOSECONDS, end * NANOSECONDS, machine.now * NANOSECONDS)


def at(found: tuple[Stretch, ...], second: int) -> Watch:
    [stretch] = [each for each in found if each.begin_utc_ns <= second * NANOSECONDS < each.end_utc_ns]
    assert (second + 1) * NANOSECONDS <= stretch.end_utc_ns
    return stretch.watch


@settings(max_examples=150)
@given(HISTORY, EDGE, st.integers(1, 120))
@example([(Machine.set_clock, 0, -30), (Machine.stop, 5, 0)], BEGIN - 60, 120)
@example([(Machine.stop, 10, -30), (Machine.watch, 12, 0)], BEGIN - 60, 120)
def test_any_intervals_coverage_is_what_counting_finds(
    history: list[tuple[Callable[[Machine, int, int], None], int, int]], begin: int, length: int
) -> None:
    machine = after(history)
    found = asked(machine, begin, begin + length)
    assert (found[0].begin_utc_ns, found[-1].end_utc_ns) == (begin * NANOSECONDS, (begin + length) * NANOSECONDS)
    assert all(one.end_utc_ns == next_.begin_utc_ns for one, next_ in pairwise(found))
    assert [at(found, second) for second in range(begin, begin + length)] == [
        machine.expected(second) for second in range(begin, begin + length)
    ]


@settings(max_examples=150)
@given(HISTORY)
def test_what_is_called_watched_was_watched_each_time_that_the_clock_showed_it(
    history: list[tuple[Callable[[Machine, int, int], None], int, int]],
) -> None:
    machine = after(history)
    found = asked(machine, BEGIN - 60, machine.now + 60)
    for second in range(BEGIN - 60, machine.now + 60):
        if at(found, second) is Watch.WATCHED:
            assert machine.true[second] <= TRULY_WATCHED
            assert machine.true[second]


@settings(max_examples=150)
@given(HISTORY, EDGE, st.integers(1, 60), st.integers(1, 60))
def test_a_part_is_told_as_in_the_whole(
    history: list[tuple[Callable[[Machine, int, int], None], int, int]], begin: int, one: int, other: int
) -> None:
    machine = after(history)
    whole = asked(machine, begin, begin + one + other)
    parts = (*asked(machine, begin, begin + one), *asked(machine, begin + one, begin + one + other))
    for second in range(begin, begin + one + other):
        assert at(whole, second) is at(parts, second)


def told(machine: Machine, second: int) -> tuple[Watch, tuple[str, ...]]:
    [stretch] = asked(machine, second, second + 1)
    return stretch.watch, stretch.why


def test_the_reasons_are_told() -> None:
    deeds = [Machine.sleep, Machine.turn_blind, Machine.see_again, Machine.stop]
    machine = after([(deed, 9, 0) for deed in deeds])
    assert told(machine, BEGIN - 1) == (Watch.NOT, (coverage.BEGINS,))
    assert told(machine, BEGIN + 1) == (Watch.WATCHED, ())
    assert told(machine, BEGIN + 5) == (Watch.WATCHED, (coverage.ASLEEP,))
    assert told(machine, BEGIN + 16) == (Watch.PARTLY, ("it cannot be watched",))
    assert told(machine, BEGIN + 38) == (Watch.NOT, (coverage.STOPPED,))
    assert told(machine, machine.now + 1) == (Watch.NOT, (coverage.ENDS,))


def test_a_machine_that_was_started_anew_was_down_before_and_starting_after() -> None:
    machine = after([(Machine.reboot, 10, 0)])
    assert told(machine, BEGIN + 8) == (Watch.NOT, (coverage.DOWN,))
    assert told(machine, BEGIN + 3 + 3 + 10 + 1) == (Watch.NOT, (coverage.STARTING,))


def test_a_clock_that_was_set_is_told() -> None:
    back = after([(Machine.watch, 12, 0), (Machine.set_clock, 0, -10), (Machine.watch, 12, 0)])
    assert told(back, BEGIN + 8) == (Watch.WATCHED, (coverage.TWICE,))
    forward = after([(Machine.set_clock, 0, 10)])
    assert told(forward, BEGIN + 8) == (Watch.NOT, (coverage.LEAPT,))


def test_a_clock_that_was_far_off_casts_doubt_on_the_times_before_and_on_no_others() -> None:
    machine = after([(Machine.stop, 5, 0), (Machine.watch, 5, 0), (Machine.set_clock, 0, 36_000)])
    why = "told by a clock that was put forward by 10 h later"
    assert told(machine, BEGIN + 1) == (Watch.WATCHED, ())
    assert told(machine, BEGIN + 12) == (Watch.WATCHED, (why,))
    assert told(machine, machine.now - 1) == (Watch.WATCHED, ())


def test_blind_to_rules_is_not_blind() -> None:
    machine = after([])
    machine.tell(Kind.GUARD_BLIND, what="rules", why="they cannot be read")
    machine.go_on(5)
    assert told(machine, machine.now - 2) == (Watch.WATCHED, ())


def test_a_guard_that_began_twice_without_a_word_watched_until_its_last_entry() -> None:
    machine = after([(Machine.turn_blind, 5, 0), (Machine.see_again, 9, 0)])
    seen_last = machine.signs[-1].at.utc_ns // NANOSECONDS
    machine.tell(Kind.GUARD_STARTED)
    assert told(machine, seen_last - 7)[0] is Watch.WATCHED
    assert told(machine, seen_last + 1) == (Watch.NOT, (coverage.NOT_RUNNING,))


def test_a_guard_whose_start_was_cut_off_shows_by_what_it_says_that_it_was_watching() -> None:
    machine = after([(Machine.sleep, 9, 0), (Machine.stop, 5, 0)])
    machine.signs = machine.signs[1:]
    assert told(machine, BEGIN + 1) == (Watch.NOT, (coverage.BEGINS,))
    assert told(machine, BEGIN + 5) == (Watch.WATCHED, (coverage.ASLEEP,))
    assert told(machine, BEGIN + 13) == (Watch.WATCHED, ())
    machine.signs = machine.signs[1:]
    assert told(machine, BEGIN + 13) == (Watch.NOT, (coverage.BEGINS,))


def test_entries_that_were_lost_leave_a_part() -> None:
    machine = after([])
    begin = machine.moment
    machine.go_on(5)
    machine.tell(Kind.JOURNAL_INTERRUPTED, lost=2, kept=0, **{"from": moment(begin), "to": moment(machine.moment)})
    machine.go_on(5)
    assert told(machine, machine.now - 7) == (Watch.PARTLY, (coverage.LOST,))
    assert told(machine, machine.now - 2) == (Watch.WATCHED, ())


def test_an_empty_log_knows_nothing() -> None:
    assert stretches([], 5, 9) == (Stretch(5, 9, Watch.NOT, (coverage.BEGINS,)),)


def test_what_has_no_place_is_told_as_its_worst() -> None:
    found = tuple(
        Stretch(number, number + 1, watch) for number, watch in enumerate([Watch.WATCHED, Watch.NOT, Watch.WATCHED] * 4)
    )
    few = bounded(found, 3)
    assert few[:2] == found[:2]
    assert few[2] == Stretch(2, 12, Watch.NOT, (coverage.NOT_TOLD,))
    assert bounded(found, 12) == found


def test_no_record_of_anything_is_a_sign_but_those_that_are() -> None:
    assert sign_of({}) is None
    assert sign_of({"event": "guard.started", "clock": None}) is None
    assert sign_of({"event": "guard.gap", "clock": moment(Machine().moment), "extra": {"from": "?"}}) is not None
    assert sign_of(line(Report(Kind.RULE_ADDED, Machine().moment))) is None
    assert {kind.value for kind in KINDS} <= {kind.value for kind in Kind}


def reading(at_s: float, jump_s: float = 0, slept_s: float = 0, zone: str = "Europe/Berlin") -> Reading:
    at_ns = int(at_s * NANOSECONDS)
    utc_ns = (BEGIN * NANOSECONDS) + at_ns + int(jump_s * NANOSECONDS)
    return Reading(Moment(utc_ns, 3600, at_ns, "boot-1"), int(slept_s * NANOSECONDS), zone)


def test_clocks_that_go_on_have_nothing_to_tell() -> None:
    times = Timekeeping(reading(0))
    assert times.changes(reading(100)) == []
    assert times.changes(reading(200, jump_s=0.4, slept_s=0.2)) == []


def test_small_steps_are_told_once_they_come_to_a_second() -> None:
    times = Timekeeping(reading(0))
    assert times.changes(reading(1, jump_s=0.6)) == []
    [report] = times.changes(reading(2, jump_s=1.2))
    assert report.kind is Kind.CLOCK_CHANGED
    assert times.changes(reading(3, jump_s=1.2)) == []


def test_a_sleep_is_told_by_the_clock_that_it_began_with() -> None:
    times = Timekeeping(reading(0))
    slept, changed = times.changes(reading(100, jump_s=500, slept_s=60))
    sign = sign_of(line(slept))
    assert sign is not None
    assert (sign.begin, sign.end) == (reading(40).at, reading(100).at)
    assert changed.kind is Kind.CLOCK_CHANGED
    assert changed.at == replace(reading(100).at, utc_ns=reading(600).at.utc_ns)


def test_another_zone_is_told() -> None:
    [report] = Timekeeping(reading(0)).changes(reading(1, zone="America/Lima"))
    assert (report.kind, report.extra) == (
        Kind.ZONE_CHANGED,
        {"from": "Europe/Berlin", "to": "America/Lima", "utc_offset_s": 3600},
    )
