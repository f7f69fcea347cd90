"""Switches cameras off and on through sysfs: barred interfaces, unbound drivers, barred devices.

*Off* is what no program can undo but root's: chmod is not, since it leaves open descriptors alone. See the kernel's
Documentation/usb/authorization.rst and, for bind and unbind, Documentation/ABI/testing/sysfs-bus-*. It takes root and
a writable /sys. A write returns when the driver has let go; where a driver hangs in that, so does the call.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from camguard.core.model import Camera, Outcome, Result
from camguard.core.power import Method, Part, Plan, Power
from camguard.errors import CameraGone, Refused, SwitchError
from camguard.platform.ladder import Ladder
from camguard.platform.linux.devices import Device, Tree
from camguard.platform.linux.devicewrite import Held, hold
from camguard.platform.linux.switchplan import dormant, fits, in_the_way, plans_of, power
from camguard.ports import CameraSource, Tell

_OFF_PATIENCE_S = 2.0
_ON_PATIENCE_S = 5.0
_LOOK_S = 0.01
_GONE = "The camera is not plugged in any more, or another device is in its place."
_VIRTUAL = (
    "This camera is made by a program and has no device that could be switched off; end the program that feeds it, "
    "or unload its driver (v4l2loopback: modprobe -r v4l2loopback)."
)
_WHAT = {Method.INTERFACES: "USB video interface", Method.DRIVER: "driver", Method.DEVICE: "whole USB device"}


class LinuxSwitch:
    """Implements `camguard.ports.Switch`. `source` names the cameras, as the guard knows them."""

    def __init__(self, source: CameraSource, sys: str = "/sys", udev_data: str = "/run/udev/data") -> None:
        self._source = source
        self._tree = Tree(sys, udev_data)

    def plans(self, camera: Camera) -> tuple[Plan, ...]:
        """The ways to switch off the device that this camera is in. Raises Refused where there is none."""
        device = self._device_of(camera)
        if not fits(device.usb, (camera,)):
            raise Refused(f"{_GONE} Look again which cameras there are.")
        beside = (other for other in self._source.cameras() if other.id != camera.id and _shares(other, device.nodes))
        found = plans_of(device, (camera, *beside))
        if not found:
            raise Refused("This camera's device has neither a driver nor a USB authorisation that could be withdrawn.")
        return found

    def off(self, plan: Plan, tell: Tell) -> Outcome:
        """Switch off; blocks for 2 s at most after the kernel has let go."""
        ladder = Ladder(None, tell)
        moved: list[Part] = []
        try:
            with hold(self._tree.root, plan) as held:
                try:
                    self._take(held, plan, ladder, moved)
                    self._check_off(plan, ladder)
                except SwitchError:
                    self._put_back(held, plan, ladder, moved)
                    raise
        except CameraGone:
            return ladder.outcome(Result.GONE, _GONE)
        except SwitchError as error:
            return ladder.outcome(Result.FAILED, str(error))
        return ladder.outcome(Result.OFF)

    def on(self, plan: Plan, tell: Tell) -> Outcome:
        """Switch on; blocks for 5 s at most after the kernel has let the drivers look."""
        ladder = Ladder(None, tell)
        try:
            with hold(self._tree.root, plan) as held:
                self._give(held, plan, ladder)
            self._check_on(plan, ladder)
        except CameraGone:
            return ladder.outcome(Result.GONE, _GONE)
        except SwitchError as error:
            return ladder.outcome(Result.FAILED, str(error))
        return ladder.outcome(Result.ON)

    def state(self, plan: Plan) -> Power | None:
        """How the device stands, whoever switched it."""
        try:
            return self._present(plan)
        except CameraGone:
            return None

    def dormant(self) -> tuple[Plan, ...]:
        """Plans of all USB cameras that are barred: their video interfaces, or the device as a whole.

        A device whose driver is unbound does not tell what it is; only a plan from before knows it.
        """
        taken = {camera.id for camera in self._source.cameras()}
        return dormant(self._tree.usb_devices(), taken)

    def _device_of(self, camera: Camera) -> Device:
        for node in camera.nodes:
            if node.pretend:
                continue
            try:
                device = self._tree.of_node(node.number)
            except OSError:
                continue
            if device is None:
                raise Refused(_VIRTUAL)
            return device
        raise Refused("This camera is not there: it is unplugged, or switched off already.")

    def _take(self, held: Held, plan: Plan, ladder: Ladder, moved: list[Part]) -> None:
        """Take every part away that is not yet; `moved` are those that were, also where one fails."""
        for part in plan.parts:
            try:
                taken = held.take(part)
            except SwitchError:
                if self._present(plan) is Power.OFF:  # switched off in another way meanwhile, or before
                    break
                raise
            if taken:
                moved.append(part)
                ladder.step(f"switched off the {_named(plan, part)}", "it let go")
        if not moved:
            ladder.step("looked how the camera stands", "it was switched off already")

    def _give(self, held: Held, plan: Plan, ladder: Ladder) -> None:
        if plan.method is not Method.DEVICE:
            self._check_whole(plan)
        for part in plan.parts:
            if held.give(part):
                ladder.step(f"switched on the {_named(plan, part)}", "it is free")
        if plan.method is Method.DEVICE:
            self._give_interfaces(plan, ladder)
        elif plan.method is Method.INTERFACES:
            held.probe(plan.parts)
            ladder.step("let the drivers look for the camera", "they did")

    def _check_whole(self, plan: Plan) -> None:
        """Leave a device alone that is off as a whole though it is another switch's plan: somebody else meant that."""
        device = self._device(plan)
        if device.authorized is False:
            raise SwitchError(f"The camera stays off. {in_the_way(device, plan)}")

    def _give_interfaces(self, plan: Plan, ladder: Ladder) -> None:
        """Free the video interfaces too, where this system bars those of every new device."""
        device = self._device(plan)
        parts = [Part(f"{plan.device}/{each.name}") for each in device.video if each.authorized is False]
        if parts:
            inner = Plan(plan.cameras, plan.device, Method.INTERFACES, tuple(parts))
            with hold(self._tree.root, inner) as held:
                self._give(held, inner, ladder)

    def _put_back(self, held: Held, plan: Plan, ladder: Ladder, moved: list[Part]) -> None:
        if not moved:
            return
        try:
            for part in moved:
                held.give(part)
            if plan.method is Method.INTERFACES:
                held.probe(tuple(moved))
        except SwitchError as error:
            ladder.step("tried to put back what was switched off", str(error))
        else:
            ladder.step("put back what was switched off", "done")

    def _check_off(self, plan: Plan, ladder: Ladder) -> None:
        off = _until(lambda: self._present(plan) is Power.OFF, _OFF_PATIENCE_S)
        ladder.step("looked whether a way to its pictures is left", "there is none" if off else "there is")
        if not off:
            raise SwitchError("The camera could not be switched off: its device still has a video node or a driver.")

    def _check_on(self, plan: Plan, ladder: Ladder) -> None:
        if _until(lambda: self._device(plan).captures, _ON_PATIENCE_S):
            ladder.step("looked for the camera", "it is there")
            return
        ladder.step("looked for the camera", f"it is not there after {_ON_PATIENCE_S:g} s")
        raise SwitchError(f"The camera did not come back. {in_the_way(self._device(plan), plan)}")

    def _present(self, plan: Plan) -> Power:
        """How the device stands. Raises CameraGone where it is not there."""
        return power(self._device(plan), plan)

    def _device(self, plan: Plan) -> Device:
        """A plan's device as it is now. Raises CameraGone where it is not there, or another is."""
        device = self._tree.device(plan.device)
        if device is None or not fits(device.usb, plan.cameras):
            raise CameraGone(_GONE)
        return device


def _named(plan: Plan, part: Part) -> str:
    """What a part is in words; its sysfs name was checked to be a plain one."""
    name = part.path.rpartition("/")[2]
    if plan.method is Method.DRIVER:
        return f"driver {part.driver} of {name}"
    return f"{_WHAT[plan.method]} {name}"


def _shares(camera: Camera, nodes: frozenset[tuple[int, int]]) -> bool:
    return any(node.number in nodes for node in camera.nodes)


def _until(met: Callable[[], bool], within_s: float) -> bool:
    """Whether it comes true in time; looks at least once."""
    end = time.monotonic() + within_s
    while not met():
        if time.monotonic() >= end:
            return False
        time.sleep(_LOOK_S)
    return True
