"""What a report says of a use comes back out of the log as it was put in."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from camguard.core.confidence import Confidence, Through
from camguard.core.decisions import Decision
from camguard.core.events import Kind, Report
from camguard.core.model import (
    Activation,
    App,
    AppIdentity,
    AppKind,
    Camera,
    CameraId,
    CameraKind,
    Capture,
    Ending,
    Judgement,
    Moment,
    Node,
    Process,
    ProcessIdentity,
    Reason,
    State,
    Verdict,
)
from camguard.core.reasons import ReasonCode
from camguard.core.records import describe, moment
from camguard.journal.filter import Filter
from camguard.journal.fold import ActivationRecord, decode, fold
from camguard.journal.recall import recall
from tests.support.journal_data import life

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MAYBE = st.none() | TEXTS
MICROSECONDS = st.integers(1, 4_000_000_000_000_000).map(lambda micro: micro * 1000)
MOMENTS = st.builds(
    Moment,
    MICROSECONDS,
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: minutes * 60),
    st.integers(0, 2**53),
    st.just("boot"),
)
"""As the log keeps them, which has microseconds, and offsets in whole minutes."""
THROUGH = st.builds(
    Through,
    st.sampled_from(Confidence).filter(lambda each: each is not Confidence.PORTAL),
    TEXTS,
    st.integers(0, 2**22),
    says=MAYBE,
) | st.builds(Through, st.just(Confidence.PORTAL), TEXTS, st.integers(0, 2**22), TEXTS.filter(bool), MAYBE)
PROCESSES = st.builds(
    Process,
    st.none() | st.builds(ProcessIdentity, st.integers(1, 2**22), st.integers(0, 2**53), TEXTS),
    TEXTS,
    MAYBE,
    st.none() | st.integers(0, 2**32 - 2),
    MAYBE,
    through=st.none() | THROUGH,
)
CAMERAS = st.builds(
    Camera,
    TEXTS.map(CameraId),
    TEXTS,
    st.lists(TEXTS.map(lambda path: Node(path, (81, 0))), max_size=3).map(tuple),
    st.sampled_from(CameraKind),
    MAYBE,
    MAYBE,
)
APPS = st.builds(
    App,
    st.builds(AppIdentity, st.sampled_from(AppKind), TEXTS, MAYBE, MAYBE),
    TEXTS,
    MAYBE,
    st.sampled_from(Confidence),
)
VERDICTS = st.builds(
    Verdict,
    st.sampled_from(Judgement),
    st.lists(st.builds(Reason, st.sampled_from(ReasonCode), TEXTS, MAYBE), max_size=3).map(tuple),
)


@st.composite
def uses(draw: st.DrawFn) -> Activation:
    opened = draw(MOMENTS)
    state = draw(st.sampled_from(State))
    lasted_ns = draw(st.integers(0, 10**9)) * 1_000_000
    ended = replace(opened, utc_ns=opened.utc_ns + lasted_ns, boottime_ns=opened.boottime_ns + lasted_ns)
    return Activation(
        number=draw(st.integers(1, 2**53)),
        camera=CameraId("camera"),
        state=state,
        process=draw(PROCESSES),
        holders=frozenset(),
        opened_at=opened,
        capturing_at=draw(st.none() | MOMENTS),
        capture=draw(st.none() | st.sampled_from(Capture)),
        ended_at=None if state.live else ended,
        ending=None if state.live else draw(st.sampled_from(Ending)),
        opens=draw(st.integers(1, 1000)),
        frames=draw(st.none() | st.integers(0, 2**53)),
    )


def logged(*reports: Report) -> ActivationRecord:
    """The record that the log makes of reports, through the JSON in which it keeps them."""
    entries = [
        decode(
            json.dumps(
                {"seq": seq, "kind": report.kind.value, "at": moment(report.at), "data": describe(report)}
            ).encode()
        )
        for seq, report in enumerate(reports, 1)
    ]
    assert reports[0].activation is not None
    return fold(reports[0].activation.number, entries)


KIND_OF_STATE = {
    State.OPENED: Kind.OPENED,
    State.PRESENT: Kind.PRESENT,
    State.CAPTURING: Kind.CAPTURING,
    State.ENDED: Kind.ENDED,
    State.PROBE: Kind.PROBE,
    State.FEEDING: Kind.FEEDING,
    State.FED: Kind.FED,
}


@given(uses(), CAMERAS, st.none() | APPS, st.none() | VERDICTS)
def test_what_was_put_in_comes_out(use: Activation, camera: Camera, app: App | None, verdict: Verdict | None) -> None:
    use = replace(use, camera=camera.id)
    put = Report(KIND_OF_STATE[use.state], use.opened_at, camera=camera, activation=use, app=app, verdict=verdict)
    record = logged(put)
    told = recall(record)
    assert told.camera == replace(camera, nodes=tuple(replace(node, number=(0, 0)) for node in camera.nodes))
    assert told.app == (app if app is not None and app.known else None)
    assert told.verdict == verdict
    assert told.activation.process == use.process
    # Said again, it is the same, but for what a guard adds up while it watches.
    again = describe(replace(put, activation=told.activation, camera=told.camera, app=app, verdict=told.verdict))
    assert again == describe(put)


@given(uses(), st.none() | APPS, st.sampled_from(Decision), st.text(max_size=10))
def test_an_answer_is_found_again_and_changes_nothing_else(
    use: Activation, app: App | None, decision: Decision, by: str
) -> None:
    opened, judged, *_ = life(7, 0)
    assert opened.camera is not None
    begun = Report(KIND_OF_STATE[use.state], use.opened_at, opened.camera, use, None, app, None, judged.verdict)
    alert = replace(begun, kind=Kind.ALERT)
    before = logged(begun, alert)
    assert Filter(unanswered=True).matches(before)
    told = recall(before)
    answer = Report(
        Kind.DECIDED,
        use.opened_at,
        camera=told.camera,
        activation=told.activation,
        app=told.app,
        verdict=told.verdict,
        extra={"decision": decision.value, "by": by},
    )
    after = logged(begun, alert, answer)
    assert after.decision is not None
    assert after.decision["decision"] == decision
    assert not Filter(unanswered=True).matches(after)
    assert replace(after, decision=None, last_seq=before.last_seq, last_at=before.last_at) == before


def test_of_a_use_over_which_the_machine_was_started_anew_no_duration_is_made_up() -> None:
    *_, ended = life(7, 0)
    assert ended.activation is not None
    assert ended.activation.ended_at is not None
    torn = replace(ended.activation, ended_at=replace(ended.activation.ended_at, boot_id="another"))
    record = logged(replace(ended, activation=torn))
    assert record.duration_ms is None
    assert recall(record).activation.duration_ns is None
    assert recall(logged(ended)).activation.duration_ns == 60_000_000_000


def test_of_the_least_that_a_log_can_say_something_is_made() -> None:
    entry = {"seq": 1, "kind": "alert", "at": {"at": "2026-10-25T20:00:00+01:00"}, "data": {}}
    told = recall(fold(7, [decode(json.dumps(entry).encode())]))
    assert (told.camera, told.app, told.verdict) == (None, None, None)
    assert (told.activation.number, told.activation.process.known) == (7, False)
