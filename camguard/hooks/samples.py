"""An event of each kind to try a hook with: made up, in the shape that the real ones have, and marked as a sample."""

from __future__ import annotations

import os
from dataclasses import replace

from camguard.core.details import Details
from camguard.core.events import Kind, Report
from camguard.core.model import (
    NANOSECONDS,
    Activation,
    App,
    AppIdentity,
    AppKind,
    Camera,
    CameraId,
    Capture,
    Ending,
    Judgement,
    Moment,
    Node,
    Outcome,
    Process,
    ProcessIdentity,
    Reason,
    Result,
    State,
    Verdict,
)
from camguard.core.reasons import ReasonCode
from camguard.core.records import ACTIVATION_KINDS, Record, line

_CAMERA = Camera(CameraId("sample"), "Sample Camera", (Node("/dev/video0", (81, 0)),))
_APP = App(AppIdentity(AppKind.PACKAGE, "sample", "/usr/bin/sample", "0" * 64), "Sample App")
_STATES = {Kind.OPENED: State.OPENED, Kind.PRESENT: State.PRESENT, Kind.ENDED: State.ENDED, Kind.PROBE: State.PROBE}
_STATES |= {Kind.FEEDING: State.FEEDING, Kind.FED: State.FED}
_TAKE_NONE = {State.OPENED, State.PROBE, State.FEEDING, State.FED}
_VERDICT = Verdict(Judgement.UNEXPECTED, (Reason(ReasonCode.FIRST_USE, "first use by this app"),))
_EXTRA: dict[Kind, Record] = {
    Kind.DECIDED: {"decision": "keep", "by": "sample"},
    Kind.ACTION_PENDING: {"action": "end", "by": "sample", "pids": []},
    Kind.ACTION_COMPLETED: {"action": "end", "by": "sample", "pids": []},
    Kind.POWER_SAID: {"power": "off", "camera": "Sample Camera", "by": "sample"},
    Kind.GUARD_BLIND: {"what": "sample", "why": "this is a sample"},
    Kind.GUARD_SIGHTED: {"what": "sample"},
}


def sample(kind: Kind, now: Moment) -> Record:
    """What a hook would be told of an event of this kind; ``sample`` is true in it, and its ``seq`` is null."""
    report = Report(kind, now, extra=_EXTRA.get(kind))
    if kind in ACTIVATION_KINDS:
        report = replace(report, camera=_CAMERA, activation=_activation(kind, now), app=_APP, verdict=_VERDICT)
        report = replace(report, details=Details(user="sample", command=("sample",)))
    elif kind in {Kind.CAMERA_ADDED, Kind.CAMERA_REMOVED}:
        report = replace(report, camera=_CAMERA)
    if kind is Kind.ACTION_COMPLETED:
        report = replace(report, outcome=Outcome(Result.ENDED))
    return {**line(report), "sample": True}


def _activation(kind: Kind, now: Moment) -> Activation:
    identity = ProcessIdentity(os.getpid(), 0, now.boot_id)
    process = Process(identity, "sample", "/usr/bin/sample", os.getuid())
    state = _STATES.get(kind, State.CAPTURING)
    over = not state.live
    return Activation(
        number=1,
        camera=_CAMERA.id,
        state=state,
        process=process,
        holders=frozenset({process}),
        opened_at=now,
        capturing_at=None if state in _TAKE_NONE else now,
        capture=None if state in _TAKE_NONE else Capture.MAPPING,
        ended_at=now if over else None,
        ending=Ending.CLOSED if over else None,
        held_ns=NANOSECONDS,
    )
