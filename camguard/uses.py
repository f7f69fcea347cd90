"""Who uses a camera at this moment, without a guard that runs: one look, identified and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from camguard.core.context import Context, ContextPolicy, against
from camguard.core.details import Details
from camguard.core.events import CamerasSeen, HoldersSeen
from camguard.core.model import App, Camera, CameraId, Process, Rule, Verdict
from camguard.core.part import Part
from camguard.core.policy import Circumstances, judge, of_feeding
from camguard.errors import NothingMatched, UsageError
from camguard.ports import History, Platform


@dataclass(frozen=True, slots=True)
class Use:
    """One process that holds a camera now; `mapped` where it has the camera's buffers mapped.

    `feeds` where it gives a virtual camera its pictures and takes none.
    """

    camera: Camera
    process: Process
    app: App
    details: Details
    mapped: bool
    verdict: Verdict
    context: Context
    feeds: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things stand now. `guard_pid` is the guard that keeps this activation log, None where none runs.

    `off` are the cameras that are known to be switched off.
    """

    method: str
    guard_pid: int | None
    journal_path: Path
    cameras: tuple[Camera, ...]
    uses: tuple[Use, ...]
    off: tuple[Camera, ...] = ()


def activation_number(text: str) -> int | None:
    """17 for ``a17``; None for anything else."""
    digits = text[1:]
    return int(digits) if text[:1] == "a" and digits.isdecimal() and digits.isascii() else None


def camera_meant(name: str, cameras: Sequence[Camera]) -> Camera:
    """The camera that a person means by an id, or by a name in any case.

    Raises NothingMatched where none has it, UsageError where several have.
    """
    exact = next((camera for camera in cameras if camera.id == name), None)
    if exact is not None:
        return exact
    found = [camera for camera in cameras if camera.name.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f'several cameras are called "{name}": {", ".join(camera.id for camera in found)}')
    names = ", ".join(camera.name for camera in cameras) or "none is plugged in"
    raise NothingMatched(f'no camera is called "{name}"; there is: {names}')


def look(
    platform: Platform, history: History, rules: tuple[Rule, ...], minding: ContextPolicy
) -> tuple[tuple[Camera, ...], tuple[Use, ...]]:
    """All cameras, and everybody who holds one, oldest process first."""
    cameras: dict[CameraId, Camera] = {}
    uses: list[Use] = []
    for sighting in platform.sensor.look():
        if isinstance(sighting, CamerasSeen):
            cameras = {camera.id: camera for camera in sighting.cameras}
        elif isinstance(sighting, HoldersSeen) and sighting.camera in cameras:
            camera = cameras[sighting.camera]
            for holder in sorted(sighting.holders, key=lambda each: each.process.age):
                app, details = platform.identifier.identify(holder.process)
                times, last = history.times_seen(app.identity) if app.known else (0, None)
                uid, at = holder.process.uid, sighting.at
                context = platform.surroundings.context(holder.process, details.origin)
                speaking = against(context, at, minding)
                case = Circumstances(app, camera, at, details.user, uid, times, last, speaking)
                verdict, feeds = judge(case, rules), holder.part is Part.FEEDS
                verdict = of_feeding(verdict) if feeds else verdict
                uses.append(Use(camera, holder.process, app, details, holder.mapped, verdict, context, feeds))
    return tuple(cameras.values()), tuple(uses)


def by_pid(uses: tuple[Use, ...], pid: int) -> tuple[Use, ...]:
    """The uses by one process. Raises NothingMatched where it holds no camera."""
    found = tuple(use for use in uses if use.process.pid == pid)
    if not found:
        raise NothingMatched(f"process {pid} does not hold a camera now{_who_does(uses)}")
    return found


def by_app(uses: tuple[Use, ...], name: str) -> tuple[Use, ...]:
    """The uses by the app of that name, or of the one app whose name begins so.

    Raises NothingMatched where there is none, UsageError where several begin so.
    """
    wanted = name.casefold()
    exact = tuple(use for use in uses if wanted in {use.app.name.casefold(), use.process.name.casefold()})
    if exact:
        return exact
    begins = tuple(use for use in uses if use.app.name.casefold().startswith(wanted))
    names = sorted({use.app.name for use in begins})
    if len(names) > 1:
        raise UsageError(f"{name!r} could be any of: {', '.join(names)}. Say the whole name, or give a pid.")
    if not begins:
        raise NothingMatched(f"no app named {name!r} holds a camera now{_who_does(uses)}")
    return begins


def _who_does(uses: tuple[Use, ...]) -> str:
    if not uses:
        return "; no camera is in use"
    held = ", ".join(f"{use.app.name} (pid {use.process.pid})" if use.process.known else use.app.name for use in uses)
    return f"; in use by: {held}"
