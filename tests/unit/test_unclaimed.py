"""Frames are heard of before the open, after the end, or of somebody who is gone: none of it makes a capture unseen."""

from __future__ import annotations

import pytest

from camguard.core.activations import Activations, Timing, Transition
from camguard.core.events import FramesSeen, HoldersSeen
from camguard.core.model import Capture, Ending, Process, State
from camguard.core.unclaimed import KEPT
from camguard.platform.linux.holdings import Holdings
from camguard.platform.linux.nodewatch import Hints
from camguard.platform.linux.takers import PATIENCE_S, Takers
from tests.support.core_data import CAMERA, OTHER_CAMERA, holder, later, process


@pytest.fixture
def book() -> Activations:
    return Activations(Timing(), 1)


def frames(pid: int = 100, count: int = 1, at: float = 0) -> FramesSeen:
    return FramesSeen(CAMERA.id, pid, count, later(at))


def opened(*openers: Process, at: float = 0) -> HoldersSeen:
    return HoldersSeen(CAMERA.id, frozenset(), later(at), openers)


def told(steps: list[Transition]) -> list[tuple[State, Capture | None, int | None]]:
    return [(step.activation.state, step.activation.capture, step.activation.frames) for step in steps]


CAPTURED = [(State.CAPTURING, Capture.FRAMES, 3), (State.ENDED, Capture.FRAMES, 3)]


def test_frames_that_are_heard_of_before_the_open_are_its_own(book: Activations) -> None:
    assert book.frames(frames(count=2)) == []
    assert book.frames(frames(count=1, at=0.1)) == []
    steps = book.observe(opened(process(), at=0.5))
    assert told(steps + book.elapse(later(1.5))) == [(State.OPENED, None, None), *CAPTURED]
    assert book.deadline_ns() is None


def test_frames_that_are_heard_of_after_a_look_was_over_make_it_a_use(book: Activations) -> None:
    book.observe(opened(process()))
    assert told(book.elapse(later(1))) == [(State.PROBE, None, None)]
    book.frames(frames(count=3, at=1.1))
    steps = book.elapse(later(2.1))
    assert told(steps) == [(State.OPENED, None, None), *CAPTURED]
    assert steps[0].activation.process == process()


def test_frames_of_somebody_who_was_never_seen_are_a_use_by_an_unknown_process(book: Activations) -> None:
    book.frames(frames(count=3))
    assert book.deadline_ns() == later(1).boottime_ns
    assert book.elapse(later(0.9)) == []
    steps = book.elapse(later(1))
    assert told(steps)[1:] == CAPTURED
    assert not steps[0].activation.process.known


def test_who_was_told_as_an_unknown_process_is_named_when_its_open_is_heard_of(book: Activations) -> None:
    book.frames(frames(count=3))
    book.elapse(later(1))
    steps = book.observe(opened(process(), at=5))
    assert told(steps + book.elapse(later(6))) == [(State.OPENED, None, None), *CAPTURED]
    assert steps[0].activation.process == process()


def test_who_took_frames_and_is_found_to_hold_it_still_goes_on(book: Activations) -> None:
    book.observe(opened(process()))
    assert told(book.frames(frames(count=3, at=0.1))) == CAPTURED[:1]
    assert book.observe(HoldersSeen(CAMERA.id, frozenset({holder()}), later(0.5))) == []
    assert book.elapse(later(60)) == []
    assert told(book.observe(opened(at=61))) == CAPTURED[1:]


def test_frames_go_to_the_unknown_process_that_was_heard_to_open(book: Activations) -> None:
    book.observe(opened(Process(None)))
    book.frames(frames(count=3))
    assert told(book.elapse(later(1))) == CAPTURED


def test_late_frames_of_a_capture_that_is_told_are_nothing_new(book: Activations) -> None:
    book.observe(HoldersSeen(CAMERA.id, frozenset({holder(mapped=True)}), later(0)))
    book.observe(opened(at=1))
    book.frames(frames(at=1.2))
    assert book.elapse(later(9)) == []
    assert book.deadline_ns() is None


def test_who_captures_again_is_not_taken_for_the_use_before(book: Activations) -> None:
    book.observe(HoldersSeen(CAMERA.id, frozenset({holder(mapped=True)}), later(0)))
    book.observe(opened(at=1))
    book.frames(frames(count=3, at=1.2))
    steps = book.observe(opened(process(), at=1.3))
    assert told(steps + book.elapse(later(2.3))) == [(State.OPENED, None, None), *CAPTURED]


def test_a_camera_that_is_gone_takes_its_frames_along(book: Activations) -> None:
    book.frames(frames())
    book.gone(CAMERA.id, later(0.1), Ending.UNPLUGGED)
    assert book.elapse(later(9)) == []


def test_no_flood_of_takers_is_kept(book: Activations) -> None:
    for pid in range(1000, 1000 + KEPT + 1):
        book.frames(frames(pid))
    due = book.deadline_ns()
    assert due is not None
    assert due <= later(0).boottime_ns


def known(holdings: Holdings, *pids: int) -> None:
    for pid in pids:
        holdings.opened_by(process(pid))
    holdings.sighting(later(0))


def test_who_read_frames_is_found_by_the_camera_that_it_held() -> None:
    one, other = Holdings(CAMERA), Holdings(OTHER_CAMERA)
    takers = Takers(lambda holdings, pid: pid in holdings.pids, lambda holdings, pid: None)
    assert list(takers.claim({(None, 7): 2}, (one, other), 0.0)) == []
    assert len(takers._waiting) == 1
    known(one, 7)
    assert list(takers.claim({(None, 7): 1}, (one, other), 0.5)) == [(one, 7, 3)]
    assert not takers.waiting
    known(other, 7)
    assert list(takers.claim({(None, 7): 1}, (one, other), 1.0)) == []
    other.note(Hints(opened_at=later(0), openers={}))
    list(takers.claim({}, (one, other), 1.5 + PATIENCE_S))
    assert not takers.waiting


def test_who_took_frames_of_a_camera_unheard_is_looked_for() -> None:
    one, met = Holdings(CAMERA), []
    takers = Takers(lambda holdings, pid: False, lambda holdings, pid: met.append(pid))
    assert list(takers.claim({(0, 7): 2, (9, 8): 1}, (one,), 0.0)) == [(one, 7, 2)]
    assert met == [7]
