"""Cameras as udev tells of them, with umockdev standing in for udev, sysfs and the kernel's events."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PRELOAD = "libumockdev-preload.so.0"
USB = "/devices/pci0000:00/0000:00:14.0/usb1/1-{port}"


def has_umockdev() -> bool:
    try:
        ctypes.CDLL("libumockdev.so.0")
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_umockdev(), reason="umockdev is missing; run: apt install umockdev")


class Udev:
    def __init__(self) -> None:
        environment = {**os.environ, "LD_PRELOAD": PRELOAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mock_udev"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )

    def do(self, *words: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def cameras(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.do("cameras")
        return found

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture
def udev() -> Iterator[Udev]:
    udev = Udev()
    yield udev
    udev.end()


def usb_device(port: str, serial: str = "SN1") -> str:
    attributes = [f"P: {USB.format(port=port)}", "E: SUBSYSTEM=usb", "E: DEVTYPE=usb_device"]
    attributes += ["A: idVendor=046d\\n", "A: idProduct=0825\\n"] + ([f"A: serial={serial}\\n"] if serial else [])
    return "\n".join(attributes) + "\n\n"


def usb_interface(port: str, number: int, name: str = "") -> str:
    path = f"{USB.format(port=port)}/1-{port}:1.{number}"
    attributes = [f"P: {path}", "E: SUBSYSTEM=usb", "E: DEVTYPE=usb_interface", "E: DRIVER=uvcvideo"]
    return "\n".join(attributes + ([f"A: interface={name}\\n"] if name else [])) + "\n\n"


def video_path(port: str, number: int, minor: int) -> str:
    return f"{USB.format(port=port)}/1-{port}:1.{number}/video4linux/video{minor}"


def video(path: str, minor: int, name: str, index: int = 0, capabilities: str | None = ":capture:") -> str:
    lines = [f"P: {path}", f"N: video{minor}", "E: SUBSYSTEM=video4linux", f"E: DEVNAME=/dev/video{minor}"]
    lines += ["E: MAJOR=81", f"E: MINOR={minor}"] + ([f"E: ID_V4L_CAPABILITIES={capabilities}"] if capabilities else [])
    return "\n".join([*lines, f"A: name={name}\\n", f"A: index={index}\\n", f"A: dev=81:{minor}\\n"]) + "\n\n"


def webcam(port: str, minor: int, name: str = "Webcam: Webcam", serial: str = "SN1", number: int = 0) -> str:
    nodes = video(video_path(port, number, minor), minor, name)
    nodes += video(video_path(port, number, minor + 1), minor + 1, name, index=1, capabilities=":")
    return usb_device(port, serial) + usb_interface(port, number) + nodes


def test_a_usb_webcam_is_one_camera_with_its_capture_node(udev: Udev) -> None:
    udev.do("add", webcam("2", 0))
    (camera,) = udev.cameras()
    assert (camera["id"], camera["name"], camera["kind"]) == ("usb:046d:0825:SN1", "Webcam", "webcam")
    assert [(node["path"], node["number"]) for node in camera["nodes"]] == [("/dev/video0", [81, 0])]
    assert (camera["usb_id"], camera["serial"]) == ("046d:0825", "SN1")


def test_without_udevs_database_the_index_tells_metadata_nodes(udev: Udev) -> None:
    nodes = [video(video_path("2", 0, n), n, "Webcam", index=n, capabilities=None) for n in (0, 1)]
    udev.do("add", usb_device("2") + usb_interface("2", 0) + "".join(nodes))
    (camera,) = udev.cameras()
    assert [node["path"] for node in camera["nodes"]] == ["/dev/video0"]


def test_a_metadata_node_that_is_being_taken_away_is_no_camera(udev: Udev) -> None:
    leaving = video(video_path("2", 0, 1), 1, "Webcam", capabilities=None).replace("A: index=0\\n\n", "")
    assert "index" not in leaving
    udev.do("add", usb_device("2") + usb_interface("2", 0) + leaving)
    assert udev.cameras() == []


def test_the_infrared_function_of_a_webcam_is_told_by_its_interface(udev: Udev) -> None:
    interface = usb_interface("2", 2, "Integrated IR Camera")
    infrared = interface + video(video_path("2", 2, 2), 2, "Integrated Camera: Integrated I")
    udev.do("add", webcam("2", 0, "Integrated Camera: Integrated C") + infrared)
    assert [(camera["name"], camera["kind"]) for camera in udev.cameras()] == [
        ("Integrated Camera", "webcam"),
        ("Integrated IR Camera", "infrared"),
    ]


def test_a_virtual_camera_has_no_device_behind_it(udev: Udev) -> None:
    udev.do("add", video("/devices/virtual/video4linux/video9", 9, "OBS Virtual Camera", capabilities=":video_output:"))
    (camera,) = udev.cameras()
    assert (camera["id"], camera["name"], camera["kind"]) == ("virtual:video9", "OBS Virtual Camera", "virtual")


def test_plug_and_unplug_are_told(udev: Udev) -> None:
    udev.do("add", webcam("2", 0))
    assert udev.do("wait")
    udev.do("add", webcam("3", 2, serial="SN2"))
    assert udev.do("wait")
    assert len(udev.cameras()) == 2
    for node in (2, 3):
        udev.do("remove", "/sys" + video_path("3", 0, node))
    assert udev.do("wait")
    assert [camera["id"] for camera in udev.cameras()] == ["usb:046d:0825:SN1"]


@pytest.mark.parametrize("action", ["change", "bind", "unbind"])
def test_what_resume_and_drivers_do_is_told_too(udev: Udev, action: str) -> None:
    udev.do("add", webcam("2", 0))
    assert udev.do("wait")
    udev.do("event", "/sys" + video_path("2", 0, 0), action)
    assert udev.do("wait")


def test_a_replugged_camera_keeps_its_id_and_another_in_its_place_does_not_get_it(udev: Udev) -> None:
    udev.do("add", webcam("2", 0))
    before = udev.cameras()[0]["id"]
    udev.do("remove", "/sys" + USB.format(port="2"))
    assert udev.cameras() == []
    udev.do("add", webcam("4", 4))
    assert udev.cameras()[0]["id"] == before


def test_two_units_without_a_serial_stay_apart(udev: Udev) -> None:
    udev.do("add", webcam("2", 0, serial=""))
    udev.do("add", webcam("3", 2, serial=""))
    assert [camera["id"] for camera in udev.cameras()] == ["usb:046d:0825@1-2", "usb:046d:0825@1-3"]
