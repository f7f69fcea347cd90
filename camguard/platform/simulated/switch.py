"""Switches pretend cameras: off, the file ``NAME.camera`` is called ``NAME.off``, and is no camera."""

from __future__ import annotations

import os
from dataclasses import replace

from camguard.core.model import Camera, Outcome, Result
from camguard.core.power import Method, Part, Plan, Power
from camguard.errors import CameraGone, CamguardError, Refused, SwitchError
from camguard.platform.ladder import Ladder
from camguard.platform.simulated.cameras import SUFFIX, SimulatedCameras
from camguard.ports import Tell

SUFFIX_OFF = ".off"
_GONE = "The pretend camera's file is gone, or another is in its place."


class SimulatedSwitch:
    """Implements `camguard.ports.Switch` over a folder of pretend cameras."""

    def __init__(self, source: SimulatedCameras) -> None:
        self._on = source
        self._off = SimulatedCameras(source.folder, SUFFIX_OFF)

    def plans(self, camera: Camera) -> tuple[Plan, ...]:
        """The one way: its file is moved. Raises Refused where it is not here."""
        found = next((here for here in self._on.cameras() if here.id == camera.id), None)
        if found is None:
            raise Refused("This camera is not there: it is unplugged, or switched off already.")
        path = found.nodes[0].path
        return (Plan((found,), path, Method.FILE, (Part(path, found.driver),)),)

    def off(self, plan: Plan, tell: Tell) -> Outcome:
        """Move the file away."""
        return self._move(plan, tell, Power.OFF)

    def on(self, plan: Plan, tell: Tell) -> Outcome:
        """Move the file back."""
        return self._move(plan, tell, Power.ON)

    def state(self, plan: Plan) -> Power | None:
        """By which of its two names the file is there."""
        wanted = {(camera.id, camera.usb_id, camera.serial) for camera in plan.cameras}
        for source, power in ((self._on, Power.ON), (self._off, Power.OFF)):
            if any((camera.id, camera.usb_id, camera.serial) in wanted for camera in source.cameras()):
                return power
        return None

    def dormant(self) -> tuple[Plan, ...]:
        """All files that are called ``NAME.off``."""
        plans = []
        for camera in self._off.cameras():
            path = _stem(camera.nodes[0].path) + SUFFIX
            plans.append(Plan((replace(camera, nodes=()),), path, Method.FILE, (Part(path, camera.driver),)))
        return tuple(plans)

    def _move(self, plan: Plan, tell: Tell, wanted: Power) -> Outcome:
        ladder = Ladder(None, tell)
        try:
            moved = self._moved(plan, wanted)
        except CameraGone as error:
            return ladder.outcome(Result.GONE, str(error))
        except CamguardError as error:
            return ladder.outcome(Result.FAILED, str(error))
        if moved:
            ladder.step(f"moved its file {'away' if wanted is Power.OFF else 'back'}", "done")
        else:
            ladder.step("looked how the camera stands", f"it was switched {wanted.value} already")
        return ladder.outcome(Result.OFF if wanted is Power.OFF else Result.ON)

    def _moved(self, plan: Plan, wanted: Power) -> bool:
        """Whether the file had to be moved to stand as wanted."""
        state = self.state(plan)
        if state is wanted:
            return False
        here = os.path.dirname(plan.device) == os.path.realpath(self._on.folder) and plan.device.endswith(SUFFIX)
        if state is None or plan.method is not Method.FILE or not here:
            raise CameraGone(_GONE)
        shown, hidden = plan.device, _stem(plan.device) + SUFFIX_OFF
        _rename(*((shown, hidden) if wanted is Power.OFF else (hidden, shown)))
        if self.state(plan) is not wanted:
            raise SwitchError(f"The pretend camera could not be switched {wanted.value}.")
        return True


def _stem(path: str) -> str:
    """A pretend camera's path without its last part."""
    return os.path.splitext(path)[0]


def _rename(old: str, new: str) -> None:
    """In one step. Raises CameraGone where the file is gone, SwitchError where it cannot be moved."""
    try:
        os.replace(old, new)
    except FileNotFoundError as error:
        raise CameraGone(_GONE) from error
    except OSError as error:
        raise SwitchError(f"{old} could not be moved: {error.strerror or error}.") from error
