"""Off is off: the light is out, the node is gone, and no program gets a picture any more, however it asked for it."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from camguard.core.model import Camera, Outcome, Result, Step
from camguard.core.power import Method, Plan, Power
from camguard.platform.linux.cameras import UdevCameras
from camguard.platform.linux.switch import LinuxSwitch
from tests.support.guest import VIVID, WEBCAM, Desk, back, dark, light, tell_webcam, until, webcam

pytestmark = pytest.mark.system

USB_WAYS = pytest.mark.parametrize("method", [Method.INTERFACES, Method.DEVICE])
_CLAIM_INTERFACE = 0x8004550F  # USBDEVFS_CLAIMINTERFACE in linux/usbdevice_fs.h
_DISCONNECT_CLAIM = 0x8108551B  # USBDEVFS_DISCONNECT_CLAIM


class Panel:
    """The switch, and the plans that were carried out: what is off in the end is switched on again."""

    def __init__(self) -> None:
        self.source = UdevCameras()
        self.switch = LinuxSwitch(self.source)
        self._carried_out: list[Plan] = []

    def camera(self, name: str = WEBCAM) -> Camera:
        return next(camera for camera in self.source.cameras() if name in camera.name)

    def plan(self, method: Method, name: str = WEBCAM) -> Plan:
        return next(plan for plan in self.switch.plans(self.camera(name)) if plan.method is method)

    def off(self, plan: Plan) -> Outcome:
        self._carried_out.append(plan)
        told: list[Step] = []
        outcome = self.switch.off(plan, told.append)
        assert list(outcome.steps) == told
        return outcome

    def on(self, plan: Plan) -> Outcome:
        return self.switch.on(plan, lambda _: None)

    def close(self) -> None:
        for plan in reversed(self._carried_out):
            self.on(plan)
        all_back()


def all_back() -> None:
    """Wait until both cameras are back."""
    until("vivid is back", VIVID.exists)
    back()


@pytest.fixture
def panel() -> Iterator[Panel]:
    with ExitStack() as cleanup:
        panel = Panel()
        cleanup.callback(panel.close)
        yield panel


@USB_WAYS
def test_off_while_it_captures_ends_the_pictures(desk: Desk, panel: Panel, method: Method) -> None:
    program = desk.program("mmap", "--every", "1")
    program.wait_word("frames")
    assert light()
    plan, node = panel.plan(method), webcam()
    outcome = panel.off(plan)
    over = time.monotonic_ns()
    assert outcome.result is Result.OFF, outcome
    assert not node.exists()
    dark()
    assert program.wait() == 3, program.said()  # the camera was taken from it
    assert program.last_frame_at < over
    assert panel.switch.state(plan) is Power.OFF
    assert WEBCAM not in {camera.name for camera in panel.source.cameras()}


@USB_WAYS
def test_on_again_it_is_the_same_camera_and_captures(desk: Desk, panel: Panel, method: Method) -> None:
    before = panel.camera()
    plan = panel.plan(method)
    assert panel.off(plan).result is Result.OFF
    outcome = panel.on(plan)
    assert outcome.result is Result.ON, outcome
    all_back()
    after = panel.camera()
    assert (after.id, after.name, after.serial) == (before.id, before.name, before.serial)
    assert panel.switch.state(plan) is Power.ON
    program = desk.program("mmap", "--frames", "5")
    assert program.wait() == 0, program.said()


@pytest.mark.parametrize("mode", ["userptr", "close-keep-map", "hold"])
def test_off_ends_every_kind_of_use(desk: Desk, panel: Panel, mode: str) -> None:
    program = desk.program(mode)
    program.wait_word("opened" if mode == "hold" else "frames")
    assert light() is (mode != "hold")
    assert panel.off(panel.plan(Method.INTERFACES)).result is Result.OFF
    dark()


def test_a_camera_that_nobody_uses_is_switched_off(panel: Panel) -> None:
    node = webcam()
    device = os.stat(node).st_rdev
    assert panel.off(panel.plan(Method.INTERFACES)).result is Result.OFF
    copy = Path("/dev/innocent")
    os.mknod(copy, 0o20600, device)
    try:
        with pytest.raises(OSError) as refused:  # noqa: PT011 - which error it is is looked at below
            os.close(os.open(copy, os.O_RDWR))
        assert refused.value.errno in {errno.ENXIO, errno.ENODEV}
    finally:
        copy.unlink()


def test_off_holds_against_a_program_that_speaks_usb_itself(panel: Panel) -> None:
    plan = panel.plan(Method.INTERFACES)
    device = os.open(usb_node(plan), os.O_RDWR)
    try:
        fcntl.ioctl(device, _DISCONNECT_CLAIM, struct.pack("=II256s", 0, 0, b""))  # from its driver, as libuvc does
        assert panel.switch.state(plan) is Power.ON
        assert panel.off(plan).result is Result.OFF
        with pytest.raises(OSError) as refused:  # noqa: PT011 - which error it is is looked at below
            fcntl.ioctl(device, _CLAIM_INTERFACE, struct.pack("=I", 0))
        assert refused.value.errno in {errno.ENODEV, errno.EPERM, errno.EACCES}
        assert panel.on(plan).result is Result.ON
    finally:
        os.close(device)


def usb_node(plan: Plan) -> str:
    """The node through which programs speak USB to a plan's device."""
    bus, number = (int(Path(plan.device, name).read_text()) for name in ("busnum", "devnum"))
    return f"/dev/bus/usb/{bus:03}/{number:03}"


def test_vivid_is_let_go_by_its_driver_and_taken_again(desk: Desk, panel: Panel) -> None:
    before = panel.camera("vivid")
    plan = panel.plan(Method.DRIVER, "vivid")
    program = desk.program("read", VIVID, "--every", "1")
    program.wait_word("frames")
    assert panel.off(plan).result is Result.OFF
    over = time.monotonic_ns()
    assert not VIVID.exists()
    program.wait()
    assert program.last_frame_at < over
    assert panel.on(plan).result is Result.ON
    all_back()
    assert panel.camera("vivid").id == before.id
    again = desk.program("read", VIVID, "--frames", "3")
    assert again.wait() == 0, again.said()


@USB_WAYS
def test_a_webcam_that_is_off_is_found_after_a_restart(panel: Panel, method: Method) -> None:
    camera, plan = panel.camera(), panel.plan(method)
    panel.off(plan)
    switch = LinuxSwitch(UdevCameras())
    (found,) = switch.dormant()
    (seen,) = found.cameras
    assert (seen.id, seen.name, found.method, found.device) == (camera.id, camera.name, method, plan.device)
    assert switch.on(found, lambda _: None).result is Result.ON
    all_back()
    assert panel.camera().id == camera.id
    assert switch.dormant() == ()


def test_a_webcam_that_is_unplugged_while_off_is_on_when_it_comes_back(panel: Panel) -> None:
    plan = panel.plan(Method.INTERFACES)
    panel.off(plan)
    Path("/run/usbcam.ctl").write_text("unplug\n")
    until("it is unplugged", lambda: not Path(plan.device).exists())
    assert panel.switch.state(plan) is None
    assert panel.switch.dormant() == ()
    assert panel.off(plan).result is Result.GONE
    assert panel.on(plan).result is Result.GONE
    tell_webcam("plug")
    fresh = panel.plan(Method.INTERFACES)
    assert panel.switch.state(fresh) is Power.ON
    assert panel.off(fresh).result is Result.OFF


def test_a_user_cannot_switch_and_is_told_so(desk: Desk, panel: Panel) -> None:
    script = (
        "from camguard.platform.linux.cameras import UdevCameras\n"
        "from camguard.platform.linux.switch import LinuxSwitch\n"
        "source = UdevCameras()\n"
        "switch = LinuxSwitch(source)\n"
        f"camera = next(camera for camera in source.cameras() if camera.name == {WEBCAM!r})\n"
        "for plan in switch.plans(camera):\n"
        "    print(switch.off(plan, lambda step: None).why)\n"
    )
    done = desk.account("kid").run(sys.executable, "-c", script)
    assert done.stdout.splitlines() == ["Only root may switch cameras off and on; run the guard as root."] * 2, done
    assert webcam().exists()


def test_doctor_says_how_it_could_be_switched_off(desk: Desk, panel: Panel) -> None:
    for user, words in (("root", "can be switched off"), ("kid", "as root only")):
        done = desk.camguard("doctor", user=user)
        assert f"{WEBCAM} can be switched off" in " ".join(done.stdout.split()), done
        assert words in " ".join(done.stdout.split()), done
    panel.off(panel.plan(Method.INTERFACES))
    done = desk.camguard("doctor")
    assert f"{WEBCAM} is plugged in and switched off" in " ".join(done.stdout.split()), done
