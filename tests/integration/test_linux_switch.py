"""What only the switch of Linux meets: interfaces, drivers, refusals of the kernel, devices that change places."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import Camera, Outcome, Result, Step
from camguard.core.power import Method, Part, Plan, Power
from camguard.errors import Refused
from camguard.platform.linux import switch as switch_module
from camguard.platform.linux.devices import classes
from camguard.platform.linux.switch import LinuxSwitch
from tests.support.fake_sysfs import CONTROL, MICROPHONE, OLD_WEBCAM, STREAM, WEBCAM, FakeCameras, FakeSysfs, Function


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[FakeSysfs]:
    with FakeSysfs(tmp_path).kernel() as tree:
        yield tree


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretended kernel is done before a write returns: what is not there then never comes."""
    monkeypatch.setattr(switch_module, "_OFF_PATIENCE_S", 0.05)
    monkeypatch.setattr(switch_module, "_ON_PATIENCE_S", 0.05)


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


def methods(plans: tuple[Plan, ...]) -> list[Method]:
    return [plan.method for plan in plans]


def test_a_microphone_stays_while_the_video_interfaces_are_off(tree: FakeSysfs) -> None:
    webcam = tree.plug(functions=(*MICROPHONE, *WEBCAM))
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    assert plan.parts == (Part(f"{webcam}/1-2:1.2", "uvcvideo"), Part(f"{webcam}/1-2:1.3", "uvcvideo"))
    assert plan.takes == ()
    assert desk.off(plan).result is Result.OFF
    assert tree.driver(webcam / "1-2:1.0") == "snd-usb-audio"
    assert (webcam / "1-2:1.0/authorized").read_text() == "1\n"
    assert [value for name, value in tree.written if name.endswith("authorized")] == ["0", "0"]


def test_coming_back_frees_each_interface_and_then_has_the_control_one_looked_at(tree: FakeSysfs) -> None:
    webcam = tree.plug(functions=(STREAM, CONTROL, STREAM))
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    desk.off(plan)
    tree.written.clear()
    assert desk.on(plan).result is Result.ON
    freed = [(f"{webcam.relative_to(tree.sys)}/1-2:1.{number}/authorized", "1") for number in (1, 0, 2)]
    probed = [("bus/usb/drivers_probe", f"1-2:1.{number}") for number in (1, 0)]  # the driver took 1.2 with 1.1
    assert tree.written == freed + probed


def test_a_whole_device_names_what_goes_with_it(tree: FakeSysfs) -> None:
    beside = (*MICROPHONE, Function(3), Function(8), Function(0xE0), Function(0xFF), Function(0x42))
    tree.plug(functions=(*WEBCAM, *beside))
    desk = Desk(tree)
    plan = desk.plan(Method.DEVICE)
    assert plan.takes == (
        "its microphone or speaker",
        "its buttons or other input",
        "its storage",
        "its wireless function",
        "a function of its maker's own",
        "an unknown function (USB class 42)",
    )
    assert desk.off(plan).result is Result.OFF
    (found,) = desk.switch.dormant()
    assert (found.takes, found.method) == (plan.takes, Method.DEVICE)  # its interfaces are gone: from its descriptors


def test_without_interface_authorisation_the_driver_lets_go(tmp_path: Path) -> None:
    with FakeSysfs(tmp_path, interface_authorisation=False).kernel() as tree:
        webcam = tree.plug()
        desk = Desk(tree)
        assert methods(desk.switch.plans(desk.source.cameras()[0])) == [Method.DRIVER, Method.DEVICE]
        plan = desk.plan(Method.DRIVER)
        assert desk.off(plan).result is Result.OFF
        assert desk.switch.state(plan) is Power.OFF
        assert tree.written == [("bus/usb/drivers/uvcvideo/unbind", "1-2:1.0")]
        assert desk.on(plan).result is Result.ON
        assert tree.driver(webcam / "1-2:1.1") == "uvcvideo"


def test_a_device_on_another_bus_is_let_go_by_its_driver(tree: FakeSysfs) -> None:
    tree.platform_device("vivid.0", "vivid", "sound", "rc")
    desk = Desk(tree)
    (plan,) = desk.switch.plans(desk.source.cameras()[0])
    assert (plan.method, plan.takes) == (Method.DRIVER, ("its sound",))
    assert desk.off(plan).result is Result.OFF
    assert desk.switch.state(plan) is Power.OFF
    assert desk.on(plan).result is Result.ON
    assert [name for name, _ in tree.written] == [f"bus/platform/drivers/vivid/{verb}" for verb in ("unbind", "bind")]


def test_a_driver_that_was_unloaded_meanwhile_is_named(tree: FakeSysfs) -> None:
    tree.platform_device()
    desk = Desk(tree)
    plan = desk.plan(Method.DRIVER)
    desk.off(plan)
    tree.unload("platform", "vivid")
    outcome = desk.on(plan)
    assert outcome.result is Result.FAILED
    assert "driver loaded" in (outcome.why or "")


def test_a_webcam_whose_driver_is_not_loaded_does_not_come_back(tree: FakeSysfs) -> None:
    tree.plug()
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    desk.off(plan)
    tree.unload("usb", "uvcvideo")
    outcome = desk.on(plan)
    assert (outcome.result, "modprobe uvcvideo" in (outcome.why or "")) == (Result.FAILED, True)
    tree.load("usb", "uvcvideo")
    assert desk.on(plan).result is Result.ON


def test_a_virtual_camera_has_nothing_to_switch(tree: FakeSysfs) -> None:
    tree.loopback()
    desk = Desk(tree)
    with pytest.raises(Refused, match="modprobe -r v4l2loopback"):
        desk.switch.plans(desk.source.cameras()[0])


def test_a_camera_of_a_makers_own_class_is_switched_by_the_interface_of_its_nodes(tree: FakeSysfs) -> None:
    tree.plug(functions=(*MICROPHONE, *OLD_WEBCAM))
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    assert desk.off(plan).result is Result.OFF
    assert desk.switch.state(plan) is Power.OFF
    assert desk.switch.dormant() == ()  # nothing tells any more that it is a camera
    assert desk.on(plan).result is Result.ON


def test_an_infrared_camera_in_the_same_device_goes_along(tree: FakeSysfs) -> None:
    infrared = replace(CONTROL, text="Integrated IR Camera")
    tree.plug(serial="S1", product="Integrated Camera", functions=(*WEBCAM, infrared, STREAM))
    desk = Desk(tree)
    cameras = desk.source.cameras()
    assert [camera.id for camera in cameras] == ["usb:046d:0825:S1", "usb:046d:0825:S1+ir"]
    plan = desk.plan(Method.INTERFACES, cameras[1])
    assert plan.cameras == (cameras[1], cameras[0])
    assert desk.off(plan).result is Result.OFF
    assert desk.source.cameras() == ()
    (found,) = desk.switch.dormant()
    assert [(camera.id, camera.name) for camera in found.cameras] == [(camera.id, camera.name) for camera in cameras]
    assert desk.on(found).result is Result.ON
    assert len(desk.source.cameras()) == 2


def test_twins_without_a_serial_number_are_told_apart_by_their_ports(tree: FakeSysfs) -> None:
    tree.plug("1-1", product="Twin")
    tree.plug("1-2.4", product="Twin")
    desk = Desk(tree)
    first, second = desk.source.cameras()
    assert desk.off(desk.plan(Method.INTERFACES, second)).result is Result.OFF
    assert desk.source.cameras() == (first,)
    (found,) = desk.switch.dormant()
    assert found.cameras[0].id == second.id == "usb:046d:0825@1-2.4"


def test_twins_with_one_serial_number_do_not_get_one_id(tree: FakeSysfs) -> None:
    tree.plug("1-1", serial="0001")
    tree.plug("1-2", serial="0001")
    desk = Desk(tree)
    first, second = desk.source.cameras()
    assert desk.off(desk.plan(Method.INTERFACES, second)).result is Result.OFF
    (found,) = desk.switch.dormant()
    assert [found.cameras[0].id, first.id] == [second.id, "usb:046d:0825:0001"]


@pytest.mark.parametrize("product", ["\x1b[2Jevil\n\tcam", "‮gepj", "", "x" * 120, "ü" * 40])
def test_a_name_that_the_device_chose_changes_nothing(tree: FakeSysfs, product: str) -> None:
    tree.plug(product=product, functions=(replace(CONTROL, text=product), STREAM))
    desk = Desk(tree)
    (camera,) = desk.source.cameras()
    told: list[Step] = []
    outcome = desk.switch.off(desk.plan(Method.INTERFACES), told.append)
    assert outcome.result is Result.OFF
    said = "".join(f"{step.what}{step.result}" for step in told)
    assert said.isascii()
    assert said.isprintable()
    (found,) = desk.switch.dormant()
    assert found.cameras[0].id == camera.id
    assert found.cameras[0].name


def test_an_interface_that_a_program_took_from_the_driver_is_taken_from_the_program(tree: FakeSysfs) -> None:
    webcam = tree.plug()
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    tree.claim(webcam / "1-2:1.0")
    assert desk.source.cameras() == ()
    assert desk.switch.state(plan) is Power.ON  # without a node, but open to that program
    assert desk.off(plan).result is Result.OFF
    assert tree.driver(webcam / "1-2:1.0") is None
    assert desk.on(plan).result is Result.ON
    assert tree.driver(webcam / "1-2:1.0") == "uvcvideo"


def test_a_program_that_keeps_the_interface_is_named(tree: FakeSysfs) -> None:
    webcam = tree.plug()
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    tree.claim(webcam / "1-2:1.0")
    outcome = desk.on(plan)
    assert (outcome.result, "usbfs" in (outcome.why or "")) == (Result.FAILED, True)


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EACCES, "as root"), (errno.EROFS, "read-only"), (errno.EIO, "Input/output error")]
)
def test_what_the_kernel_refuses_is_said(tree: FakeSysfs, code: int, words: str) -> None:
    tree.plug()
    desk = Desk(tree)
    for plan in desk.switch.plans(desk.source.cameras()[0]):
        tree.faults = {"authorized": code}
        outcome = desk.off(plan)
        assert outcome.result is Result.FAILED
        assert words in (outcome.why or "")
        tree.faults.clear()
        assert desk.switch.state(plan) is Power.ON


def test_what_was_moved_is_put_back_where_the_rest_fails(tree: FakeSysfs) -> None:
    webcam = tree.plug()
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    tree.faults = {"1-2:1.1/authorized": errno.EIO}
    outcome = desk.off(plan)
    assert outcome.result is Result.FAILED
    assert [step.result for step in outcome.steps] == ["it let go", "done"]
    assert len(desk.source.cameras()) == 1
    assert tree.driver(webcam / "1-2:1.0") == "uvcvideo"


def test_what_was_off_before_is_not_switched_on_by_putting_back(tree: FakeSysfs) -> None:
    webcam = tree.plug(functions=(*WEBCAM, *WEBCAM))
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    tree.bar(webcam / "1-2:1.2")
    tree.faults = {"1-2:1.3/authorized": errno.EIO}
    assert desk.off(plan).result is Result.FAILED
    assert (webcam / "1-2:1.2/authorized").read_text() == "0\n"
    assert (webcam / "1-2:1.0/authorized").read_text() == "1\n"


def test_putting_back_that_fails_is_told(tree: FakeSysfs) -> None:
    tree.plug()
    desk = Desk(tree)
    tree.faults = {"1-2:1.1/authorized": errno.EIO, "drivers_probe": errno.EIO}
    outcome = desk.off(desk.plan(Method.INTERFACES))
    assert outcome.steps[-1].what.startswith("tried to put back")


def test_a_node_that_is_left_is_no_off(tree: FakeSysfs) -> None:
    webcam = tree.plug(functions=(*WEBCAM, *WEBCAM))
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)
    some = replace(plan, parts=(plan.parts[0],))  # a plan that misses the second camera
    outcome = desk.off(some)
    assert (outcome.result, outcome.steps[-1].what) == (Result.FAILED, "put back what was switched off")
    assert (webcam / "1-2:1.0/authorized").read_text() == "1\n"


@pytest.mark.parametrize("at", [0, 1])
def test_a_camera_that_is_unplugged_while_it_is_switched_is_gone(tree: FakeSysfs, at: int) -> None:
    webcam = tree.plug()
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)

    def pull(_: str) -> None:
        if len(tree.written) == at and webcam.exists():
            tree.unplug(webcam)

    tree.before_write = pull
    assert desk.off(plan).result is Result.GONE


@pytest.mark.parametrize("when", ["between two writes", "at the second write"])
def test_a_device_that_slips_into_its_place_meanwhile_is_left_alone(tree: FakeSysfs, when: str) -> None:
    webcam = tree.plug()
    desk = Desk(tree)
    plan = desk.plan(Method.INTERFACES)

    def swap(_: object) -> None:
        if len(tree.written) == 1 and not (webcam / "serial").exists():
            tree.unplug(webcam)
            tree.plug(serial="OTHER")

    if when == "at the second write":
        tree.before_write = swap
    outcome = desk.switch.off(plan, swap)
    assert (outcome.result, len(tree.written)) == (Result.GONE, 1)
    assert [(webcam / f"1-2:1.{number}/authorized").read_text() for number in (0, 1)] == ["1\n", "1\n"]


def test_a_number_that_another_camera_has_by_now_is_not_switched(tree: FakeSysfs) -> None:
    webcam = tree.plug(serial="S1")
    desk = Desk(tree)
    (before,) = desk.source.cameras()
    tree.unplug(webcam)
    tree._next_node = 0
    tree.plug("1-7", serial="S2")
    assert desk.source.cameras()[0].nodes == before.nodes
    with pytest.raises(Refused, match="another device"):
        desk.switch.plans(before)


@pytest.mark.parametrize(
    ("device", "part", "driver"),
    [
        ("{sys}/devices/../../elsewhere", "", None),
        ("{sys}/bus/usb/devices/1-2", "", None),
        ("/etc", "", None),
        ("{webcam}", "/../1-3", None),
        ("{webcam}", "/1-2:1.0/../../..", None),
        ("{webcam}", "", "../../../../etc"),
        ("{webcam}/", "", None),
    ],
)
@pytest.mark.parametrize("method", [Method.INTERFACES, Method.DEVICE, Method.DRIVER])
def test_a_plan_that_names_anything_else_writes_nothing(
    tree: FakeSysfs, device: str, part: str, driver: str | None, method: Method
) -> None:
    webcam = tree.plug()
    desk = Desk(tree)
    (camera,) = desk.source.cameras()
    path = device.format(sys=tree.sys, webcam=webcam)
    plan = Plan((camera,), path, method, (Part(f"{path}{part}", driver),))
    if driver is not None or part or path != str(webcam):
        for outcome in (desk.off(plan), desk.on(plan)):
            assert outcome.result in {Result.FAILED, Result.GONE}
    assert tree.written == []


def test_a_device_that_somebody_else_keeps_off_as_a_whole_stays_off(tree: FakeSysfs) -> None:
    tree.plug()
    desk = Desk(tree)
    plan, whole = (desk.plan(method) for method in (Method.INTERFACES, Method.DEVICE))
    desk.off(whole)
    assert desk.off(plan).result is Result.OFF
    outcome = desk.on(plan)
    assert (outcome.result, "USBGuard" in (outcome.why or "")) == (Result.FAILED, True)
    assert desk.switch.state(plan) is Power.OFF
    assert desk.on(whole).result is Result.ON


def test_a_whole_device_comes_back_where_new_interfaces_are_barred(tree: FakeSysfs) -> None:
    tree.plug()
    desk = Desk(tree)
    plan = desk.plan(Method.DEVICE)
    desk.off(plan)
    tree.new_interfaces = False  # the kernel's interface_authorized_default
    assert desk.on(plan).result is Result.ON


def test_a_camera_that_the_system_bars_from_the_start_is_dormant(tree: FakeSysfs) -> None:
    tree.new_interfaces = False
    tree.plug(serial="S1")
    (found,) = Desk(tree).switch.dormant()
    assert (found.method, found.cameras[0].id) == (Method.INTERFACES, "usb:046d:0825:S1")
    assert Desk(tree).on(found).result is Result.ON


def test_other_usb_devices_are_not_dormant_cameras(tree: FakeSysfs) -> None:
    tree.new_interfaces = False
    tree.plug("1-5", product="Headset", functions=MICROPHONE)
    assert Desk(tree).switch.dormant() == ()


def test_a_camera_without_a_product_name_has_udevs_model(tree: FakeSysfs, tmp_path: Path) -> None:
    tree.plug(product="")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/c189:7").write_text("N:bus\nE:ID_MODEL_FROM_DATABASE=Webcam C270\n")
    desk = Desk(tree)
    desk.off(desk.plan(Method.INTERFACES))
    (found,) = LinuxSwitch(desk.source, str(tree.sys), f"{tmp_path}/data").dormant()
    assert found.cameras[0].name == "Webcam C270"


@given(st.binary(max_size=300))
def test_descriptors_may_be_anything(descriptors: bytes) -> None:
    assert all(0 <= code <= 255 for code in classes(descriptors))
