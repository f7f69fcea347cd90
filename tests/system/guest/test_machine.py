"""The ground that the other tests stand on: the webcam is real to the kernel, and the programs really capture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.guest import VIVID, WEBCAM_LINK, Desk, dark, light, tell_webcam, webcam

pytestmark = pytest.mark.system


def test_the_webcam_is_driven_by_the_stock_driver() -> None:
    driver = Path(f"/sys/class/video4linux/{webcam().name}/device/driver")
    assert os.path.realpath(driver).endswith("/uvcvideo")


@pytest.mark.parametrize(
    ("mode", "node"),
    [("mmap", None), ("userptr", None), ("mmap", VIVID), ("userptr", VIVID), ("read", VIVID)],
    ids=["webcam-mmap", "webcam-userptr", "vivid-mmap", "vivid-userptr", "vivid-read"],
)
def test_a_capture_receives_the_frames_it_counts(desk: Desk, mode: str, node: Path | None) -> None:
    program = desk.program(mode, *([node] if node else []), "--frames", "12")
    assert program.wait() == 0, program.said()
    assert program.frames == 12


def test_the_webcams_driver_refuses_read(desk: Desk) -> None:
    program = desk.program("read", "--frames", "1")
    assert program.wait() != 0
    assert "Invalid argument" in program.said()


def test_the_light_is_on_while_frames_flow_and_off_after(desk: Desk) -> None:
    assert not light()
    program = desk.program("mmap")
    program.wait_word("frames")
    assert light()
    program.process.kill()
    dark()


def test_a_look_takes_no_frame_and_lights_nothing(desk: Desk) -> None:
    program = desk.program("look")
    assert program.wait() == 0, program.said()
    assert "camera Test Webcam: Test Webcam" in program.lines
    assert not light()


def test_a_mapping_without_a_descriptor_keeps_the_camera_on(desk: Desk) -> None:
    program = desk.program("close-keep-map")
    program.wait_word("frames")
    descriptors = [os.path.realpath(f"/proc/{program.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{program.pid}/fd")]
    assert str(webcam()) not in descriptors
    assert light()


def test_unplugging_ends_a_capture_and_the_webcam_comes_back(desk: Desk) -> None:
    program = desk.program("mmap")
    program.wait_word("frames")
    tell_webcam("unplug")
    assert program.wait() == 3, program.said()
    assert not WEBCAM_LINK.exists()
    dark()
    tell_webcam("plug")
    again = desk.program("mmap", "--frames", "5")
    assert again.wait() == 0, again.said()


@pytest.mark.parametrize(("user", "status"), [("kid", 0), ("mallory", 1)])
def test_only_the_group_may_open_the_camera(desk: Desk, user: str, status: int) -> None:
    assert desk.program("look", user=user).wait() == status
