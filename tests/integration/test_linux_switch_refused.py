"""Where the switch of Linux does not get its way: refusals of the kernel, devices that change places."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.model import Result
from camguard.core.power import Method, Part, Plan, Power
from camguard.errors import Refused
from camguard.platform.linux import switch as switch_module
from tests.support.fake_sysfs import WEBCAM, FakeSysfs
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
