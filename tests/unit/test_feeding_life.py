"""The life of a program that feeds a virtual camera: no use of a camera, and logged and shown as what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camguard.activity.answer import Answer, Asked, find, told
from camguard.activity.overview import Sort, sort_of
from camguard.activity.words import FED, FEEDS, judged
from camguard.cli.eventlines import line
from camguard.core.activations import Activations, Timing, Transition
from camguard.core.casebook import Casebook, Identity
from camguard.core.coverage import Stretch, Watch
from camguard.core.details import Details
from camguard.core.events import CamerasSeen, FramesSeen, HoldersSeen, Kind
from camguard.core.model import NANOSECONDS, Capture, Effect, Holder, Judgement, Rule, State
from camguard.core.part import Part
from camguard.core.reasons import ReasonCode
from camguard.core.records import line as record
from camguard.desktop import words
from camguard.journal.filter import to_utc_ns
from camguard.journal.known import Checked, Known, TimedUse
from tests.support.core_data import CAMERA, START, app, holder, later
from tests.unit.test_activity_overview import use

STUDIO = Identity(app("obs-studio"), Details(user="anna"))


def feeder(pid: int = 100, *, part: Part = Part.FEEDS, mapped: bool = True) -> Holder:
    return replace(holder(pid, mapped=mapped), part=part)


def seen(*holders: Holder, at: float = 0, first: bool = False) -> HoldersSeen:
    return HoldersSeen(CAMERA.id, frozenset(holders), later(at), first=first)


def states(steps: list[Transition]) -> list[State]:
    return [step.activation.state for step in steps]


@pytest.fixture
def book() -> Activations:
    return Activations(Timing(), 1)


@pytest.mark.parametrize("first", [False, True])
def test_it_is_no_use_however_long_it_lasts(book: Activations, first: bool) -> None:
    begun = State.PRESENT if first else State.OPENED
    assert states(book.observe(seen(feeder(), first=first))) == [begun, State.FEEDING]
    assert book.deadline_ns() is None
    assert book.elapse(later(3600)) == []
    [over] = book.observe(seen(at=3601))
    assert over.activation.state is State.FED
    assert over.activation.capture is None
    assert book.live == ()


def test_who_waits_for_a_camera_that_nobody_feeds_uses_it_once_somebody_does(book: Activations) -> None:
    assert states(book.observe(seen(feeder(part=Part.WAITS)))) == [State.OPENED]
    assert book.deadline_ns() is None
    book.observe(seen(feeder(part=Part.VIEWS, mapped=False), at=60))
    [capturing] = book.elapse(later(60))
    assert (capturing.activation.state, capturing.activation.capture) == (State.CAPTURING, Capture.DWELL)


def test_who_waits_and_goes_only_looked(book: Activations) -> None:
    book.observe(seen(feeder(part=Part.WAITS)))
    book.observe(seen(at=60))
    assert states(book.elapse(later(61))) == [State.PROBE]


@pytest.mark.parametrize("by", ["frames", "mapping", "dwell"])
def test_a_feeder_that_takes_pictures_too_uses_it(book: Activations, by: str) -> None:
    book.observe(seen(feeder()))
    if by == "frames":
        steps = book.frames(FramesSeen(CAMERA.id, 100, 1, later(5)))
    elif by == "mapping":
        steps = book.observe(seen(feeder(), feeder(200, part=Part.VIEWS), at=5))
    else:
        book.observe(seen(feeder(), feeder(200, part=Part.VIEWS, mapped=False), at=5))
        steps = book.elapse(later(6))
    assert states(steps) == [State.CAPTURING]
    assert book.live[0].capture is Capture(by)


def casebook() -> Casebook:
    book = Casebook(Timing(), 17)
    book.take(CamerasSeen((CAMERA,), START), ())
    return book


def test_it_is_expected_without_a_rule_and_nobody_is_alerted() -> None:
    book = casebook()
    opened = book.take(seen(feeder(part=Part.WAITS)), ())
    first = book.identified(17, STUDIO, later(0.1), ())
    feeding = book.take(seen(feeder(), at=0.2), ())
    ended = book.take(seen(at=100), ())
    kinds = [each.kind for digest in (opened, first, feeding, ended) for each in digest.reports]
    assert kinds == [Kind.OPENED, Kind.JUDGED, Kind.FEEDING, Kind.JUDGED, Kind.FED]
    verdict = ended.reports[0].verdict
    assert verdict is not None
    assert verdict.judgement is Judgement.EXPECTED
    assert [reason.code for reason in verdict.reasons] == [ReasonCode.FEEDS]
    told = [line(record(report)) for report in (feeding.reports[0], ended.reports[0])]
    assert "feeding" in told[0]
    assert "which gives this virtual camera its pictures" in told[0]
    assert "fed " in told[1]


def test_that_it_takes_pictures_after_all_is_alerted() -> None:
    book = casebook()
    book.take(seen(feeder()), ())
    book.identified(17, STUDIO, later(0.1), ())
    digest = book.take(FramesSeen(CAMERA.id, 100, 1, later(9)), ())
    assert [each.kind for each in digest.reports] == [Kind.CAPTURING, Kind.JUDGED, Kind.ALERT]
    assert digest.reports[-1].verdict is not None
    assert digest.reports[-1].verdict.judgement is Judgement.UNEXPECTED


def test_a_block_holds_for_feeding_too() -> None:
    book = casebook()
    rule = Rule("r1", Effect.BLOCK, app("obs-studio").identity)
    book.take(seen(feeder()), [rule])
    digest = book.identified(17, STUDIO, later(0.1), [rule])
    assert [each.kind for each in digest.reports] == [Kind.JUDGED, Kind.ALERT]


def test_the_log_and_the_tray_say_what_it_is() -> None:
    going_on = use(state="feeding", ended_at=None)
    over = use(state="fed")
    assert (judged(going_on), judged(over), judged(use(state="feeding", interrupted=True))) == (FEEDS, FED, FED)
    assert {sort_of(each) for each in (going_on, over)} == {Sort.LOOKED}
    blocked = use(state="fed", verdict="blocked")
    assert (judged(blocked), sort_of(blocked)) == ("blocked", Sort.BLOCKED)
    told = {"app": {"name": "OBS Studio"}, "camera": {"name": "OBS Virtual Camera"}, "state": "feeding"}
    assert words.going_on(told, 120) == "OBS Studio has been giving OBS Virtual Camera its pictures for 2 minutes"


def test_no_camera_was_on_for_who_only_fed_a_virtual_one() -> None:
    record_ = use(state="fed", verdict="expected")
    begin = to_utc_ns(record_.opened_at)
    stretch = Stretch(begin, begin + 60 * NANOSECONDS, Watch.WATCHED, ())
    fed = TimedUse(record_, begin + 30 * NANOSECONDS)
    known = Known((stretch,), (fed,), more=False, checked=Checked(3, whole=True, all=True))
    found = find(Asked(begin, stretch.end_utc_ns), known)
    assert (found.answer, found.uses, found.looks) == (Answer.NO, (), (fed,))
    assert told(fed) == "Zoom gave the virtual camera Camera its pictures, and took none"
