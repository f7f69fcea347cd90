"""Which camera is on air, and with which app, worked out of what a guard tells. No input or output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from camguard.core.events import Kind
from camguard.core.model import State
from camguard.core.records import Record

_ON = {State.CAPTURING.value, State.PRESENT.value}
"""Not `opened`: many programs open a camera only to look at it."""


@dataclass(frozen=True, slots=True)
class Use:
    """One app's use of a camera. `app` is None where whoever is told may not know."""

    camera: str
    app: str | None
    verdict: str | None
    since: str | None


@dataclass(frozen=True, slots=True)
class CameraState:
    """One camera now, with its uses, the oldest first."""

    id: str
    name: str
    uses: tuple[Use, ...] = ()

    @property
    def on(self) -> bool:
        """Whether somebody takes pictures with it, or has had it since before the guard started."""
        return bool(self.uses)


class OnAir:
    """Follows the uses that go on. A camera that was there stays known, unplugged or not."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._uses: dict[str, Use] = {}

    def begin(self, status: Record) -> None:
        """Take how things stand (``camguard status --json``); what was told before is forgotten, but the cameras."""
        told: Any = status
        self._uses.clear()
        for camera in told.get("cameras") or ():
            self._names[str(camera["id"])] = str(camera["name"])
        for use in told.get("uses") or ():
            if use.get("state") in _ON:
                self._take(use)

    def tell(self, record: Record) -> None:
        """Take one event. Only those that begin or end something: what is done about a use speaks of how it was."""
        told: Any = record
        number = told.get("activation")
        match told.get("event"):
            case Kind.CAPTURING | Kind.PRESENT:
                self._take(told)
            case Kind.JUDGED if number in self._uses:
                self._take(told)
            case Kind.ENDED | Kind.PROBE | Kind.FEEDING | Kind.FED:
                self._uses.pop(str(number), None)
            case Kind.CAMERA_ADDED:
                self._names[str(told["camera"]["id"])] = str(told["camera"]["name"])
            case Kind.CAMERA_REMOVED:
                gone = str(told["camera"]["id"])
                self._uses = {number: use for number, use in self._uses.items() if use.camera != gone}

    def cameras(self) -> tuple[CameraState, ...]:
        """All cameras that are known, as they are now."""
        return tuple(
            CameraState(known, name, tuple(use for use in self._uses.values() if use.camera == known))
            for known, name in self._names.items()
        )

    def _take(self, told: Any) -> None:
        camera, app = told["camera"], told.get("app") or {}
        self._names.setdefault(str(camera["id"]), str(camera["name"]))
        name = app.get("name")
        since = told.get("capturing_at") or told.get("opened_at")
        self._uses[str(told["activation"])] = Use(
            str(camera["id"]), None if name is None else str(name), told.get("verdict"), since
        )
