"""How things stand now, in the shape of ``watch --json``: for programs, and for the way from the service to them."""

from __future__ import annotations

from camguard.core.casebook import Case
from camguard.core.events import Kind, Report
from camguard.core.model import Camera, Moment, Process, ProcessIdentity
from camguard.core.power import Power
from camguard.core.records import Record, describe
from camguard.core.switchboard import Wanted
from camguard.uses import Use

_UNTOLD = Moment(0, 0, 0, "")  # a description of a report leaves out when it was
_NOT_KNOWN_OF_A_LOOK = frozenset({"activation", "state"})


def camera_view(camera: Camera, power: Power, wanted: Wanted | None = None) -> Record:
    """A camera, whether it is on, and where that is known why, and for how many seconds yet."""
    told = describe(Report(Kind.CAMERA_ADDED, _UNTOLD, camera=camera))["camera"]
    record: Record = {**(told if isinstance(told, dict) else {}), "power": power.value}
    if wanted is not None:
        record["wanted"] = {
            "power": wanted.power.value,
            "why": wanted.why,
            "left_s": None if wanted.left_ns is None else wanted.left_ns // 1_000_000_000,
        }
    return record


def use_view(use: Use) -> Record:
    """One process that holds a camera, as a look found it: whether it has the camera's buffers mapped, or feeds it."""
    report = Report(
        Kind.PRESENT,
        _UNTOLD,
        camera=use.camera,
        process=use.process,
        app=use.app,
        details=use.details,
        verdict=use.verdict,
        context=use.context,
    )
    record = {key: value for key, value in describe(report).items() if key not in _NOT_KNOWN_OF_A_LOOK}
    return {**record, "mapped": use.mapped, "feeds": use.feeds}


def case_view(case: Case, process: Process) -> Record:
    """One process of a use that a guard follows, as `use_view` has it and with the activation's life."""
    whole = describe(_told(case))
    alone = describe(
        Report(
            Kind.PRESENT,
            _UNTOLD,
            process=process,
            details=None if case.identity is None else case.identity.details,
        )
    )
    return {**whole, "process": alone["process"], "feeds": case.activation.state.feeds}


def _told(case: Case) -> Report:
    return Report(
        Kind.PRESENT,
        _UNTOLD,
        camera=case.camera,
        activation=case.activation,
        app=None if case.identity is None else case.identity.app,
        details=None if case.identity is None else case.identity.details,
        verdict=case.verdict,
        context=None if case.identity is None else case.identity.context,
    )


def reference(camera: Camera, identity: ProcessIdentity) -> Record:
    """What names one process's use of one camera, and no other that might come after it."""
    return {
        "camera": camera.id,
        "pid": identity.pid,
        "start_ticks": identity.start_ticks,
        "boot_id": identity.boot_id,
    }
