"""What every switch must do: over a folder of pretend cameras, and over a tree laid out as the kernel's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.model import Camera, CameraId, Node, Outcome, Result, Step
from camguard.core.power import Method, Plan, Power
from camguard.errors import Refused
from camguard.platform.linux.switch import LinuxSwitch
from camguard.platform.simulated.cameras import SimulatedCameras, make_camera
from camguard.platform.simulated.switch import SimulatedSwitch
from camguard.ports import CameraSource, Switch
from tests.support.fake_sysfs import MICROPHONE, WEBCAM, FakeCameras, FakeSysfs


class World(ABC):
    """Cameras that can be plugged in, and what switches them."""

    source: CameraSource
    switch: Switch
    methods: frozenset[Method]

    @abstractmethod
    def again(self) -> Switch:
        """A switch that was not there before, as after a restart."""

    @abstractmethod
    def plug(self, number: int = 1, serial: str = "S1") -> None:
        """Plug a camera in at a place."""

    @abstractmethod
    def unplug(self, number: int = 1) -> None:
        """Pull it out, on or off."""

    def camera(self) -> Camera:
        """The only one that is on."""
        (camera,) = self.source.cameras()
        return camera


class Pretend(World):
    methods = frozenset({Method.FILE})

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.source = self._cameras = SimulatedCameras(folder)
        self.switch = SimulatedSwitch(self._cameras)

    def again(self) -> Switch:
        return SimulatedSwitch(SimulatedCameras(self._folder))

    def plug(self, number: int = 1, serial: str = "S1") -> None:
        make_camera(self._folder, f"Cam {number}", usb_id="046d:0825", serial=serial)

    def unplug(self, number: int = 1) -> None:
        (file,) = self._folder.glob(f"Cam {number}.*")
        file.unlink()


class Sysfs(World):
    methods = frozenset({Method.INTERFACES, Method.DEVICE})

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self._tree = cleanup.enter_context(FakeSysfs(folder).kernel())
        self.source = FakeCameras(self._tree)
        self.switch = self.again()

    def again(self) -> Switch:
        return LinuxSwitch(FakeCameras(self._tree), str(self._tree.sys))

    def plug(self, number: int = 1, serial: str = "S1") -> None:
        self._tree.plug(f"1-{number}", serial=serial, product=f"Cam {number}", functions=(*WEBCAM, *MICROPHONE))

    def unplug(self, number: int = 1) -> None:
        self._tree.unplug(self._tree.sys / f"devices/pci0000:00/0000:00:14.0/usb1/1-{number}")


@pytest.fixture(params=["pretend", "sysfs"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as cleanup:
        yield Pretend(tmp_path) if request.param == "pretend" else Sysfs(tmp_path, cleanup)


def done(outcome: Outcome, told: list[Step]) -> Result:
    """What it came to, once it is seen that every step was told, in words."""
    assert list(outcome.steps) == told
    assert all(step.pid is None and step.what and step.result for step in told)
    assert (outcome.why is None) is (outcome.result in {Result.OFF, Result.ON})
    return outcome.result


def off(switch: Switch, plan: Plan) -> Result:
    told: list[Step] = []
    return done(switch.off(plan, told.append), told)


def on(switch: Switch, plan: Plan) -> Result:
    told: list[Step] = []
    return done(switch.on(plan, told.append), told)


def test_a_camera_that_is_on_has_plans(world: World) -> None:
    world.plug()
    camera = world.camera()
    plans = world.switch.plans(camera)
    assert {plan.method for plan in plans} == world.methods
    assert all(plan.cameras == (camera,) and plan.parts for plan in plans)
    assert [world.switch.state(plan) for plan in plans] == [Power.ON] * len(plans)
    assert world.switch.dormant() == ()


def test_each_way_leads_off_and_on_again(world: World) -> None:
    world.plug()
    before = world.camera()
    for plan in world.switch.plans(before):
        assert off(world.switch, plan) is Result.OFF
        assert world.source.cameras() == ()
        assert world.switch.state(plan) is Power.OFF
        assert on(world.switch, plan) is Result.ON
        assert world.switch.state(plan) is Power.ON
        assert replace(world.camera(), nodes=()) == replace(before, nodes=())
        assert world.switch.dormant() == ()


def test_what_is_done_already_is_done(world: World) -> None:
    world.plug()
    for plan in world.switch.plans(world.camera()):
        assert on(world.switch, plan) is Result.ON
        assert [off(world.switch, plan), off(world.switch, plan)] == [Result.OFF, Result.OFF]
        assert [on(world.switch, plan), on(world.switch, plan)] == [Result.ON, Result.ON]
    assert len(world.source.cameras()) == 1


def test_a_camera_that_is_off_is_recognised_after_a_restart(world: World) -> None:
    world.plug()
    camera = world.camera()
    for plan in world.switch.plans(camera):
        off(world.switch, plan)
        switch = world.again()
        (found,) = switch.dormant()
        (seen,) = found.cameras
        assert (seen.id, seen.name, seen.usb_id, seen.serial) == (
            camera.id,
            camera.name,
            camera.usb_id,
            camera.serial,
        )
        assert (found.device, found.method, seen.nodes) == (plan.device, plan.method, ())
        assert (switch.state(plan), switch.state(found)) == (Power.OFF, Power.OFF)
        assert on(switch, found) is Result.ON
        assert world.camera().id == camera.id


def test_a_camera_that_was_unplugged_while_on_is_gone(world: World) -> None:
    world.plug()
    camera = world.camera()
    plans = world.switch.plans(camera)
    world.unplug()
    for plan in plans:
        assert (off(world.switch, plan), on(world.switch, plan)) == (Result.GONE, Result.GONE)
        assert world.switch.state(plan) is None
    with pytest.raises(Refused):
        world.switch.plans(camera)


def test_a_camera_that_was_unplugged_while_off_is_gone(world: World) -> None:
    world.plug()
    plans = world.switch.plans(world.camera())
    for plan in plans:
        off(world.switch, plan)
        world.unplug()
        assert world.switch.state(plan) is None
        assert world.switch.dormant() == ()
        assert on(world.switch, plan) is Result.GONE
        world.plug()
        assert world.camera().id == plan.cameras[0].id
        assert world.switch.plans(world.camera())[0].method is plans[0].method


def test_another_camera_in_its_place_is_left_alone(world: World) -> None:
    world.plug(serial="S1")
    plans = world.switch.plans(world.camera())
    world.unplug()
    world.plug(serial="S2")
    other = world.camera()
    for plan in plans:
        assert world.switch.state(plan) is None
        assert (off(world.switch, plan), on(world.switch, plan)) == (Result.GONE, Result.GONE)
    assert world.camera() == other


def test_a_camera_is_switched_without_the_one_beside_it(world: World) -> None:
    world.plug(1, serial="S1")
    world.plug(2, serial="S2")
    first, second = world.source.cameras()
    (plan, *_), (other, *_) = world.switch.plans(first), world.switch.plans(second)
    assert off(world.switch, plan) is Result.OFF
    assert world.source.cameras() == (second,)
    assert world.switch.state(other) is Power.ON
    assert [found.cameras[0].id for found in world.switch.dormant()] == [first.id]


def test_there_is_no_plan_for_a_camera_that_is_not_there(world: World) -> None:
    stranger = Camera(CameraId("usb:1d6b:0104@9-9"), "Stranger", (Node("/dev/video99", (81, 99)),))
    with pytest.raises(Refused, match="not there"):
        world.switch.plans(stranger)


def test_a_plan_of_another_kind_is_not_carried_out(world: World) -> None:
    world.plug()
    (plan, *_) = world.switch.plans(world.camera())
    foreign = replace(plan, method=next(method for method in Method if method not in world.methods))
    told: list[Step] = []
    outcome = world.switch.off(replace(foreign, device="/sys/devices/nowhere"), told.append)
    assert outcome.result in {Result.FAILED, Result.GONE}
    assert world.camera() == plan.cameras[0]
