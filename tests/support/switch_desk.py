"""A switch of Linux over a pretended tree of devices."""

from __future__ import annotations

from camguard.core.model import Camera, Outcome
from camguard.core.power import Method, Plan
from camguard.platform.linux.switch import LinuxSwitch
from tests.support.fake_sysfs import FakeCameras, FakeSysfs


class Desk:
    """A switch over a tree, and its only camera."""

    def __init__(self, tree: FakeSysfs) -> None:
        self.tree, self.source = tree, FakeCameras(tree)
        self.switch = LinuxSwitch(self.source, str(tree.sys), str(tree.sys / "no-udev"))

    def plan(self, method: Method, camera: Camera | None = None) -> Plan:
        plans = self.switch.plans(camera or self.source.cameras()[0])
        return next(plan for plan in plans if plan.method is method)

    def off(self, plan: Plan) -> Outcome:
        return self.switch.off(plan, lambda _: None)

    def on(self, plan: Plan) -> Outcome:
        return self.switch.on(plan, lambda _: None)
