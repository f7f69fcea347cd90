"""An activation that is over, put together again from the log: as much of it as a report about it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from camguard.core.confidence import Confidence, Through
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
from camguard.core.reasons import reason_code
from camguard.journal.filter import to_utc_ns
from camguard.journal.fold import ActivationRecord

_NO_OFFSET = timedelta(0)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the log knows of a use; `app` and `camera` are None where it does not."""

    activation: Activation
    camera: Camera | None
    app: App | None
    verdict: Verdict | None


def recall(record: ActivationRecord) -> Recalled:
    """The use that a record tells of.

    Its moments are on no boot's clock, so that nothing can be reckoned from them but how long it lasted, where that is
    known.
    """
    camera = None if record.camera is None else _camera(record.camera)
    process = _process(record)
    activation = Activation(
        number=record.number,
        camera=CameraId("") if camera is None else camera.id,
        state=State(record.state or State.ENDED),
        process=process,
        holders=frozenset(),
        opened_at=moment_at(record.opened_at),
        capturing_at=None if record.capturing_at is None else moment_at(record.capturing_at),
        capture=None if record.capture is None else Capture(record.capture),
        ended_at=_end(record),
        ending=None if record.ending is None else Ending(record.ending),
        opens=record.opens,
        frames=record.frames,
    )
    return Recalled(activation, camera, app_of(record), _verdict(record))


def app_of(record: ActivationRecord) -> App | None:
    """The app of a use; None where there is nothing that a rule could be made of."""
    app: dict[str, Any] = record.app or {}
    kind = app.get("kind", AppKind.UNKNOWN)
    if kind == AppKind.UNKNOWN:
        return None
    identity = AppIdentity(AppKind(kind), app["id"], app.get("path"), app.get("sha256"))
    return App(identity, app["name"], app.get("version"), Confidence(app.get("confidence", Confidence.KERNEL)))


def identity_of(record: ActivationRecord) -> ProcessIdentity | None:
    """What the process of a use is known by; None where it was not known."""
    told: dict[str, Any] = record.process or {}
    if told.get("pid") is None:
        return None
    return ProcessIdentity(told["pid"], told["start_ticks"], told["boot_id"])


def moment_at(at: datetime) -> Moment:
    """A time of the log by the wall clock alone: it is on no boot's clock."""
    return Moment(to_utc_ns(at), int((at.utcoffset() or _NO_OFFSET).total_seconds()), 0, "")


def _camera(told: dict[str, Any]) -> Camera:
    return Camera(
        CameraId(str(told["id"])),
        str(told["name"]),
        tuple(Node(str(path), (0, 0)) for path in told.get("nodes", ())),
        kind=CameraKind(told["kind"]),
        usb_id=told.get("usb_id"),
        serial=told.get("serial"),
    )


def _process(record: ActivationRecord) -> Process:
    told: dict[str, Any] = record.process or {}
    through = None if told.get("through") is None else _through(told["through"])
    return Process(
        identity_of(record),
        told.get("name") or "",
        told.get("exe"),
        told.get("uid"),
        told.get("script"),
        through=through,
    )


def _through(told: dict[str, Any]) -> Through:
    confidence = Confidence(told["confidence"])
    app_id = told.get("app") if confidence is Confidence.PORTAL else None
    return Through(confidence, told["broker"], told["pid"], app_id, told.get("says"))


def _verdict(record: ActivationRecord) -> Verdict | None:
    if record.verdict is None:
        return None
    reasons = tuple(
        Reason(reason_code(each["code"]), str(each["sentence"]), each.get("rule")) for each in record.reasons
    )
    return Verdict(Judgement(record.verdict), reasons)


def _end(record: ActivationRecord) -> Moment | None:
    if record.ended_at is None:
        return None
    end = moment_at(record.ended_at)
    if record.duration_ms is None:  # a boot lies between
        return replace(end, boot_id="later")
    return replace(end, boottime_ns=record.duration_ms * 1_000_000)
