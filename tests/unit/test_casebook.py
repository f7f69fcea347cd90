"""From sightings to reports and wishes."""

from __future__ import annotations

from dataclasses import replace

from camguard.core.activations import Timing
from camguard.core.casebook import Casebook, Digest, Enforce, Identify, Identity, Spend
from camguard.core.circumstance import Circumstance
from camguard.core.context import Context, ContextPolicy, SessionState
from camguard.core.details import Details
from camguard.core.events import Blinded, CamerasSeen, FramesSeen, HoldersSeen, Kind, SightRestored
from camguard.core.model import Effect, Holder, Judgement, Lasting, Process, Rule
from camguard.core.reasons import ReasonCode
from tests.support.core_data import CAMERA, OTHER_CAMERA, START, app, holder, later, process

CHEESE = Identity(app(), Details(user="anna"))
ALLOW = Rule("r1", Effect.ALLOW, app().identity)


def casebook() -> Casebook:
    book = Casebook(Timing(), 17)
    book.take(CamerasSeen((CAMERA,), START), ())
    return book


def seen(*holders: Holder, at: float = 0, openers: tuple[Process, ...] = ()) -> HoldersSeen:
    return HoldersSeen(CAMERA.id, frozenset(holders), later(at), openers)


def kinds(digest: Digest) -> list[Kind]:
    return [report.kind for report in digest.reports]


def test_cameras_at_the_start_are_told_apart_from_those_plugged_in() -> None:
    book = Casebook(Timing(), 1)
    [first] = book.take(CamerasSeen((CAMERA,), START), ()).reports
    [second] = book.take(CamerasSeen((CAMERA, OTHER_CAMERA), later(1)), ()).reports
    assert (first.kind, first.extra) == (Kind.CAMERA_ADDED, {"present": True})
    assert (second.kind, second.camera, second.extra) == (Kind.CAMERA_ADDED, OTHER_CAMERA, None)
    assert book.take(CamerasSeen((CAMERA, OTHER_CAMERA), later(2)), ()).reports == []


def test_an_unexpected_use_is_opened_judged_captured_alerted_once_and_ended() -> None:
    book = casebook()
    opened = book.take(seen(holder()), ())
    assert kinds(opened) == [Kind.OPENED]
    assert opened.wishes == [Identify(17, process())]
    judged = book.identified(17, CHEESE, later(0.1), ())
    assert kinds(judged) == [Kind.JUDGED]
    capturing = book.take(seen(holder(mapped=True), at=0.2), ())
    assert kinds(capturing) == [Kind.CAPTURING, Kind.ALERT]
    assert capturing.reports[1].verdict is not None
    assert capturing.reports[1].verdict.reasons[0].code is ReasonCode.FIRST_USE
    assert kinds(book.take(FramesSeen(CAMERA.id, 100, 5, later(0.5)), ())) == []
    ended = book.take(seen(at=3), ())
    assert kinds(ended) == [Kind.ENDED]
    assert ended.reports[0].activation is not None
    assert ended.reports[0].activation.frames == 5
    assert book.case(17) is None


def test_a_use_that_is_allowed_but_for_its_context_raises_an_alert_and_all_entries_have_that() -> None:
    book = casebook()
    locked = Context(SessionState(locked=True))
    book.take(seen(holder(mapped=True)), [ALLOW])
    digest = book.identified(17, replace(CHEESE, context=locked), later(0.1), [ALLOW])
    assert kinds(digest) == [Kind.JUDGED, Kind.ALERT]
    assert {report.context for report in digest.reports} == {locked}
    assert digest.reports[0].verdict is not None
    assert [reason.code for reason in digest.reports[0].verdict.reasons] == [Circumstance.LOCKED, ReasonCode.OTHERWISE]
    [ended] = book.take(seen(at=3), [ALLOW]).reports
    assert ended.context == locked


def test_a_changed_policy_holds_from_the_next_verdict_on() -> None:
    book = casebook()
    book.minding = ContextPolicy(frozenset())
    book.take(seen(holder(mapped=True)), [ALLOW])
    locked = Context(SessionState(locked=True))
    assert kinds(book.identified(17, replace(CHEESE, context=locked), later(0.1), [ALLOW])) == [Kind.JUDGED]


def test_a_rule_for_one_use_is_not_spent_by_one_that_its_context_makes_unexpected() -> None:
    book, once = casebook(), replace(ALLOW, lasting=Lasting.ONCE)
    book.take(seen(holder(mapped=True)), [once])
    locked = Context(SessionState(locked=True))
    assert book.identified(17, replace(CHEESE, context=locked), later(0.1), [once]).wishes == []


def test_an_expected_use_raises_no_alert() -> None:
    book = casebook()
    book.take(seen(holder(mapped=True)), [ALLOW])
    digest = book.identified(17, CHEESE, later(0.1), [ALLOW])
    assert kinds(digest) == [Kind.JUDGED]
    assert digest.reports[0].verdict is not None
    assert digest.reports[0].verdict.judgement is Judgement.EXPECTED


def test_a_look_raises_no_alert() -> None:
    book = casebook()
    book.take(seen(holder()), ())
    book.identified(17, CHEESE, later(0.1), ())
    book.take(seen(at=0.2), ())
    assert kinds(book.elapse(later(2), ())) == [Kind.PROBE]


def test_a_capture_that_is_over_before_anybody_knew_who_it_was_is_alerted_still() -> None:
    book = casebook()
    book.take(seen(holder(mapped=True)), ())
    book.take(seen(at=0.05), ())
    assert kinds(book.identified(17, CHEESE, later(0.3), ())) == [Kind.JUDGED, Kind.ALERT]
    assert book.case(17) is None


def test_an_alert_does_not_wait_for_ever_for_the_app_to_be_identified() -> None:
    book = casebook()
    book.take(seen(holder(mapped=True)), ())
    assert book.deadline_ns() == later(1).boottime_ns
    late = book.elapse(later(1), ())
    assert kinds(late) == [Kind.JUDGED, Kind.ALERT]
    assert late.reports[0].verdict is not None
    assert late.reports[0].verdict.reasons[0].code is ReasonCode.UNKNOWN_PROCESS
    assert book.deadline_ns() is None
    allowed = book.identified(17, CHEESE, later(2), [ALLOW])
    assert kinds(allowed) == [Kind.JUDGED], "the verdict is put right, the alert is not raised again"


def test_a_blocked_app_is_to_be_ended_at_once_and_once() -> None:
    block = Rule("r9", Effect.BLOCK, app().identity)
    book = casebook()
    book.take(seen(holder()), [block])
    digest = book.identified(17, CHEESE, later(0.01), [block])
    assert digest.wishes == [Enforce(17)]
    assert kinds(digest) == [
        Kind.JUDGED,
        Kind.ALERT,
    ]  # a program is ended: people hear of it, whether it captured or not
    later_on = book.take(seen(holder(mapped=True), at=0.1), [block])
    assert later_on.wishes == []
    assert kinds(later_on) == [Kind.CAPTURING]


def test_a_rule_for_one_use_is_spent_by_a_use_and_not_by_a_look() -> None:
    once = Rule("r2", Effect.ALLOW, app().identity, lasting=Lasting.ONCE)
    book = casebook()
    book.take(seen(holder()), [once])
    assert book.identified(17, CHEESE, later(0.01), [once]).wishes == []
    assert book.take(seen(holder(mapped=True), at=0.1), [once]).wishes == [Spend("r2")]


def test_unplugging_ends_the_use_before_the_camera_is_gone() -> None:
    book = casebook()
    book.take(seen(holder(mapped=True)), ())
    assert kinds(book.take(CamerasSeen((), later(1)), ())) == [Kind.ENDED, Kind.CAMERA_REMOVED]
    assert kinds(book.take(seen(holder(mapped=True), at=1.1), ())) == [], "a sighting that was on its way"


def test_blindness_and_sight_are_told() -> None:
    book = casebook()
    blind = book.take(Blinded("queue", "too much at once", later(1)), ())
    assert (kinds(blind), blind.reports[0].extra) == ([Kind.GUARD_BLIND], {"what": "queue", "why": "too much at once"})
    assert book.blind == {"queue": "too much at once"}
    assert kinds(book.take(SightRestored("queue", later(2)), ())) == [Kind.GUARD_SIGHTED]
    assert book.blind == {}


def test_a_camera_that_is_gone_is_nothing_that_cannot_be_seen() -> None:
    book = casebook()
    book.take(Blinded("/dev/video0", "it cannot be watched", later(1)), ())
    book.take(Blinded("queue", "too much at once", later(1)), ())
    gone = book.take(CamerasSeen((), later(2)), ())
    assert kinds(gone) == [Kind.CAMERA_REMOVED, Kind.GUARD_SIGHTED]
    assert gone.reports[1].extra == {"what": "/dev/video0"}
    assert book.blind == {"queue": "too much at once"}


def test_cases_are_forgotten_when_they_are_over_and_known() -> None:
    book = casebook()
    for number in range(17, 40):
        book.take(seen(holder(mapped=True), at=number), ())
        book.identified(number, CHEESE, later(number), ())
        book.take(seen(at=number + 0.5), ())
    assert book.live == ()
    assert all(book.case(number) is None for number in range(17, 40))
