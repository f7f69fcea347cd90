"""What only the switch of Linux meets: interfaces, drivers, names, what is off already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import Result, Step
from camguard.core.power import Method, Part, Plan, Power
from camguard.errors import Refused
from camguard.platform.linux import switch as switch_module
from camguard.platform.linux.devices import classes
from camguard.platform.linux.switch import LinuxSwitch
from tests.support.fake_sysfs import CONTROL, MICROPHONE, OLD_WEBCAM, STREAM, WEBCAM, FakeSysfs, Function
from tests.support.switch_desk import Desk


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[FakeSysfs]:
    with FakeSysfs(tmp_path).kernel() as tree:
        yield tree


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretended kernel is done before a write returns: what is not there then never comes."""
    monkeypatch.setattr(switch_module, "_OFF_PATIENCE_S", 0.05)
    monkeypatch.setattr(switch_module, "_ON_PATIENCE_S", 0.05)


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
