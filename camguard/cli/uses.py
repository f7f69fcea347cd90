"""Who holds a camera now, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camguard.core.events import Kind, Report
from camguard.core.model import Camera, Moment
from camguard.core.records import Record, describe

if TYPE_CHECKING:
    from camguard.uses import Use

_UNTOLD = Moment(0, 0, 0, "")  # a description of a report leaves out when it was


def camera_record(camera: Camera) -> Record:
    """A camera in the shape of ``watch --json``."""
    record = describe(Report(Kind.CAMERA_ADDED, _UNTOLD, camera=camera))["camera"]
    return record if isinstance(record, dict) else {}


def use_record(use: Use) -> Record:
    """A use in the shape of ``watch --json``: camera, app, process, verdict, reasons; and whether it maps buffers."""
    report = Report(
        Kind.PRESENT,
        _UNTOLD,
        camera=use.camera,
        process=use.process,
        app=use.app,
        details=use.details,
        verdict=use.verdict,
    )
    record = {key: value for key, value in describe(report).items() if key not in {"activation", "state"}}
    return {**record, "mapped": use.mapped}


def use_row(use: Use) -> tuple[str, str, str, str, str]:
    """Camera, app, pid, user and verdict, not yet made safe."""
    identity = use.process.identity
    user = use.details.user or ("" if use.process.uid is None else str(use.process.uid))
    name = use.app.name or use.process.name or "an unknown process"
    return (use.camera.name, name, "" if identity is None else str(identity.pid), user, use.verdict.judgement)
