"""Life cycles of activations: examples of each, then a state machine against a model that is too simple to be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from camguard.core.activations import TRANSITIONS, Activations, Signal, Timing, Transition
from camguard.core.events import FramesSeen, HoldersSeen
from camguard.core.model import NANOSECONDS, Activation, Capture, Ending, Holder, Moment, Process, State
from tests.support.core_data import CAMERA, START, holder, later, process

TIMING = Timing(dwell_ns=5 * NANOSECONDS // 2, linger_ns=NANOSECONDS)


def states(steps: list[Transition]) -> list[State]:
    return [step.activation.state for step in steps]


def seen(*holders: Holder, at: float = 0, openers: tuple[Process, ...] = (), first: bool = False) -> HoldersSeen:
    return HoldersSeen(CAMERA.id, frozenset(holders), later(at), openers, first)


@pytest.fixture
def book() -> Activations:
    return Activations(TIMING, 1)


def test_an_open_then_a_mapped_buffer_then_a_close(book: Activations) -> None:
    assert states(book.observe(seen(holder()))) == [State.OPENED]
    assert states(book.observe(seen(holder(mapped=True), at=0.2))) == [State.CAPTURING]
    [ended] = book.observe(seen(at=5))
    assert ended.activation.state is State.ENDED
    assert ended.activation.capture is Capture.MAPPING
    assert ended.activation.duration_ns == 5 * NANOSECONDS
    assert ended.activation.ending is Ending.CLOSED
    assert book.live == ()


def test_a_look_is_a_probe_once_the_linger_is_over(book: Activations) -> None:
    book.observe(seen(holder()))
    assert book.observe(seen(at=0.1)) == []
    assert book.elapse(later(1.09)) == []
    [probe] = book.elapse(later(1.1))
    assert probe.activation.state is State.PROBE
    assert probe.activation.duration_ns == NANOSECONDS // 10


def test_an_opener_that_was_gone_at_the_look_is_an_activation_still(book: Activations) -> None:
    [opened] = book.observe(seen(openers=(process(),)))
    assert opened.activation.state is State.OPENED
    assert opened.activation.holders == frozenset()
    assert states(book.elapse(later(1))) == [State.PROBE]


def test_a_process_nobody_could_read_is_an_activation_still(book: Activations) -> None:
    [opened] = book.observe(seen(openers=(Process(None, uid=1000),)))
    assert not opened.activation.process.known


def test_held_past_the_dwell_counts_as_use_and_says_that_it_is_inferred(book: Activations) -> None:
    book.observe(seen(holder()))
    assert book.deadline_ns() == later(2.5).boottime_ns
    [capturing] = book.elapse(later(2.5))
    assert capturing.activation.state is State.CAPTURING
    assert capturing.activation.capture is Capture.DWELL
    book.observe(seen(holder(mapped=True), at=3))
    assert book.live[0].capture is Capture.MAPPING, "proof replaces inference"


def test_reopening_again_and_again_adds_up_to_use(book: Activations) -> None:
    for round_ in range(6):
        book.observe(seen(holder(), at=round_))
        assert book.observe(seen(at=round_ + 0.45)) == []
    assert [each.opens for each in book.live] == [6]
    book.observe(seen(holder(), at=6))
    assert states(book.elapse(later(6.45))) == [State.CAPTURING]
    assert states(book.observe(seen(at=7))) == [State.ENDED]


def test_frames_prove_capture_and_are_counted(book: Activations) -> None:
    book.observe(seen(holder(pid=7)))
    assert states(book.frames(FramesSeen(CAMERA.id, 7, 1, later(0.1)))) == [State.CAPTURING]
    assert book.frames(FramesSeen(CAMERA.id, 7, 14, later(0.9))) == []
    [ended] = book.observe(seen(at=1))
    assert ended.activation.frames == 15
    assert ended.activation.capture is Capture.FRAMES


def test_frames_told_after_the_close_make_a_capture_of_the_look(book: Activations) -> None:
    book.observe(seen(openers=(process(7),)))
    steps = book.frames(FramesSeen(CAMERA.id, 7, 1, later(0.1)))
    assert states(steps) == [State.CAPTURING]
    steps += book.elapse(later(1))  # within the linger it might have been found to hold it still
    assert states(steps) == [State.CAPTURING, State.ENDED]
    assert steps[-1].activation.ended_at == later(0)
    assert steps[-1].activation.ended_at == START


def test_frames_of_nobody_known_change_nothing(book: Activations) -> None:
    book.observe(seen(holder(pid=7)))
    assert book.frames(FramesSeen(CAMERA.id, 8, 1, later(0.1))) == []
    assert book.live[0].frames is None


def test_who_holds_at_the_first_look_was_there_before(book: Activations) -> None:
    [present] = book.observe(seen(holder(), first=True))
    assert present.activation.state is State.PRESENT
    [ended] = book.observe(seen(at=1))
    assert ended.activation.state is State.ENDED, "how long it was in use before is not known: never a probe"
    assert ended.activation.present


def test_unplugging_ends_what_captures_and_what_looks(book: Activations) -> None:
    book.observe(seen(holder(7, mapped=True), holder(8, exe="/usr/bin/v4l2-ctl")))
    steps = book.gone(CAMERA.id, later(1), Ending.UNPLUGGED)
    assert states(steps) == [State.ENDED, State.PROBE]
    assert {step.activation.ending for step in steps} == {Ending.UNPLUGGED}
    assert book.live == ()


def test_a_child_that_inherits_carries_the_activation_on(book: Activations) -> None:
    [opened] = book.observe(seen(holder(7, mapped=True)))[:1]
    assert book.observe(seen(holder(7, mapped=True), holder(8, mapped=True), at=1)) == []
    assert book.observe(seen(holder(8, mapped=True), at=2)) == []
    assert book.live[0].number == opened.activation.number
    assert states(book.observe(seen(at=3))) == [State.ENDED]


def test_another_program_that_was_handed_the_camera_is_its_own_activation(book: Activations) -> None:
    book.observe(seen(holder(7, mapped=True)))
    steps = book.observe(seen(holder(8, "/home/anna/evil", mapped=True), at=1))
    assert states(steps) == [State.OPENED, State.CAPTURING, State.ENDED]
    assert steps[0].activation.process.exe == "/home/anna/evil"


def test_a_process_that_is_just_ending_is_still_who_it_was(book: Activations) -> None:
    [opened] = book.observe(seen(holder(7)))
    dying = replace(process(7), exe=None, script=None)
    assert book.observe(seen(at=0.1, openers=(dying,))) == []
    assert [(each.number, each.opens) for each in book.live] == [(opened.activation.number, 2)]


def test_a_storm_by_one_app_is_one_activation(book: Activations) -> None:
    for number in range(1000):
        book.observe(seen(at=number / 1000, openers=(process(number + 1),)))
    assert [each.opens for each in book.live] == [1000]


def test_the_table_names_every_live_state_and_leaves_final_ones_final() -> None:
    assert {state for state, _ in TRANSITIONS} == {state for state in State if state.live}
    assert all((state, Signal.SETTLED) in TRANSITIONS for state in State if state.live)


@dataclass
class App:
    """The model's idea of one app on the camera."""

    pids: set[int] = field(default_factory=set)
    mapped: set[int] = field(default_factory=set)


class Life(RuleBasedStateMachine):
    """Random histories on one camera. The model knows who holds it; time passes only in `wait`."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Activations(TIMING, 1)
        self.now: Moment = START
        self.apps = {"/usr/bin/a": App(), "/usr/bin/b": App(), "/usr/bin/c": App()}
        self.history: dict[int, list[Activation]] = {}
        self.proven: set[int] = set()

    def take(self, steps: list[Transition]) -> None:
        for step in steps:
            life = self.history.setdefault(step.activation.number, [])
            if life:
                assert step.was is life[-1].state
                assert step.activation.state in {TRANSITIONS.get((step.was, signal)) for signal in Signal}
            else:
                assert step.was is None
                assert step.activation.state is State.OPENED
            life.append(step.activation)

    def look(self) -> None:
        holders = frozenset(
            Holder(process(pid, exe), pid in app.mapped) for exe, app in self.apps.items() for pid in app.pids
        )
        self.take(self.book.observe(HoldersSeen(CAMERA.id, holders, self.now)))
        for each in self.book.live:
            exe = each.process.exe
            if exe is not None and self.apps[exe].mapped:
                self.proven.add(each.number)

    @rule(exe=st.sampled_from(["/usr/bin/a", "/usr/bin/b", "/usr/bin/c"]), pid=st.integers(1, 4))
    def open(self, exe: str, pid: int) -> None:
        self.apps[exe].pids.add(pid)
        self.look()

    @rule(exe=st.sampled_from(["/usr/bin/a", "/usr/bin/b", "/usr/bin/c"]), pid=st.integers(1, 4))
    def close(self, exe: str, pid: int) -> None:
        self.apps[exe].pids.discard(pid)
        self.apps[exe].mapped.discard(pid)
        self.look()

    @rule(exe=st.sampled_from(["/usr/bin/a", "/usr/bin/b"]))
    def map_a_buffer(self, exe: str) -> None:
        self.apps[exe].mapped |= set(list(self.apps[exe].pids)[:1])
        self.look()

    @precondition(lambda self: any(app.pids for app in self.apps.values()))
    @rule(data=st.data())
    def deliver_a_frame(self, data: st.DataObject) -> None:
        exe = data.draw(st.sampled_from(sorted(exe for exe, app in self.apps.items() if app.pids)))
        pids = {
            pid for pid in self.apps[exe].pids if not any(pid in app.pids for e, app in self.apps.items() if e != exe)
        }
        if pids:
            self.take(self.book.frames(FramesSeen(CAMERA.id, min(pids), 1, self.now)))
            self.proven |= {each.number for each in self.book.live if each.process.exe == exe}

    @rule(seconds=st.sampled_from([0.0, 0.3, 0.9, 1.0, 2.4, 2.6]))
    def wait(self, seconds: float) -> None:
        self.now = later(seconds, self.now)
        self.take(self.book.elapse(self.now))
        due = self.book.deadline_ns()
        assert due is None or due > self.now.boottime_ns, "whatever was due has been done"

    @rule()
    def unplug(self) -> None:
        for app in self.apps.values():
            app.pids.clear()
            app.mapped.clear()
        self.take(self.book.gone(CAMERA.id, self.now, Ending.UNPLUGGED))
        assert self.book.live == ()

    @invariant()
    def who_is_held_is_who_holds(self) -> None:
        held = {
            each.process.exe: {p.identity.pid for p in each.holders if p.identity}
            for each in self.book.live
            if each.held_since is not None
        }
        assert held == {exe: app.pids for exe, app in self.apps.items() if app.pids}

    @invariant()
    def what_is_mapped_captures(self) -> None:
        for each in self.book.live:
            exe = each.process.exe
            if exe is not None and self.apps[exe].mapped:
                assert each.state is State.CAPTURING

    @invariant()
    def nothing_captures_without_a_reason(self) -> None:
        for number, life in self.history.items():
            last = life[-1]
            if last.capture is None:
                assert number not in self.proven
                assert last.state is not State.CAPTURING
            elif last.capture is not Capture.DWELL:
                assert number in self.proven
            else:
                assert last.held_ns + self._held_now(last) >= TIMING.dwell_ns

    def _held_now(self, activation: Activation) -> int:
        return 0 if activation.held_since is None else self.now.boottime_ns - activation.held_since.boottime_ns

    @invariant()
    def numbers_grow_and_final_is_final(self) -> None:
        assert list(self.history) == sorted(self.history)
        for life in self.history.values():
            assert all(each.state.live for each in life[:-1])


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
