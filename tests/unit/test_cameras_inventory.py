"""From video nodes to cameras."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import Camera, CameraId, CameraKind
from camguard.platform.linux.inventory import NodeFacts, UsbDevice, cameras_of, is_capture

PARENT = "/sys/devices/pci0000:00/usb1/1-2"


def node(number: int, name: str = "HD Webcam: HD Webcam", **facts: Any) -> NodeFacts:
    usual = NodeFacts(
        sysname=f"video{number}",
        path=f"/dev/video{number}",
        number=(81, number),
        name=name,
        parent=PARENT,
        parent_name="1-2",
        capabilities=":capture:",
        driver="uvcvideo",
        usb=UsbDevice("046d:0825", "A1B2", "1-2"),
    )
    return replace(usual, **facts)


def cameras(*nodes: NodeFacts) -> list[Camera]:
    return list(cameras_of(nodes, {}).values())


def test_one_device_with_two_nodes_is_one_camera() -> None:
    (camera,) = cameras(node(0), node(1, capabilities=":", index=1))
    assert camera.id == "usb:046d:0825:A1B2"
    assert [way.path for way in camera.nodes] == ["/dev/video0"]
    assert (camera.name, camera.usb_id, camera.serial) == ("HD Webcam", "046d:0825", "A1B2")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, True),
        ({"capabilities": ":capture:video_overlay:audio:tuner:"}, True),
        ({"capabilities": ":"}, False),
        ({"capabilities": ":video_output:"}, False),
        ({"capabilities": ":capture:video_output:"}, False),
        ({"capabilities": ":radio:"}, False),
        ({"sysname": "vbi0"}, False),
        ({"sysname": "v4l-subdev0"}, False),
        ({"capabilities": None}, True),
        ({"capabilities": None, "index": 1}, False),
        ({"capabilities": None, "usb": None, "name": "bcm2835-codec-decode"}, False),
        ({"capabilities": None, "usb": None, "name": "rockchip,rk3568-vpu-dec"}, False),
        ({"capabilities": None, "usb": None, "name": "unicam-image"}, True),
        ({"capabilities": ":video_output:", "virtual": True}, True),
    ],
)
def test_which_nodes_give_pictures(facts: dict[str, Any], expected: bool) -> None:
    assert is_capture(node(0, **facts)) is expected


def test_an_infrared_function_is_a_camera_of_its_own() -> None:
    ordinary, infrared = cameras(
        node(0, "Integrated Camera: Integrated C", interface="Integrated Camera"),
        node(2, "Integrated Camera: Integrated I", interface="Integrated IR Camera"),
    )
    assert (ordinary.name, ordinary.kind) == ("Integrated Camera", CameraKind.WEBCAM)
    assert (infrared.name, infrared.kind) == ("Integrated IR Camera", CameraKind.INFRARED)
    assert infrared.id == "usb:046d:0825:A1B2+ir"


@pytest.mark.parametrize("name", ["FHD IR Camera", "Camera (IR)", "Infrared Sensor", "hello ir camera"])
def test_names_that_tell_of_infrared(name: str) -> None:
    assert cameras(node(0, name))[0].kind is CameraKind.INFRARED


@pytest.mark.parametrize("name", ["IRIS Webcam", "Irvine Cam", "Mirror Camera", "AIR Camera"])
def test_names_that_only_look_so(name: str) -> None:
    assert cameras(node(0, name))[0].kind is CameraKind.WEBCAM


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        ("Integrated Camera: Integrated C", {}, "Integrated Camera"),
        ("HD Pro Webcam C920", {}, "HD Pro Webcam C920"),
        ("Razer Kiyo: Front", {}, "Razer Kiyo: Front"),
        ("  Cam\tera ", {}, "Cam era"),
        ("UVC Camera (046d:0825)", {"model": "Webcam C270"}, "Webcam C270"),
        ("UVC Camera (046d:0825)", {}, "UVC Camera (046d:0825)"),
        ("", {"product": "From udev"}, "From udev"),
        ("", {}, "Camera video0"),
        (": ", {}, "Camera video0"),
    ],
)
def test_names_are_tidied_and_never_empty(name: str, facts: dict[str, Any], expected: str) -> None:
    assert cameras(node(0, name, **facts))[0].name == expected


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=40))
def test_whatever_a_device_says_of_itself_it_has_a_name_and_a_plain_id(name: str, serial: str, interface: str) -> None:
    (camera,) = cameras(node(0, name, interface=interface, usb=UsbDevice("046d:0825", serial, "1-2")))
    assert camera.name.strip()
    assert camera.id.isascii()
    assert camera.id.isprintable()
    assert " " not in camera.id


def test_without_a_serial_the_port_tells_units_apart() -> None:
    one, two = cameras(
        node(0, usb=UsbDevice("046d:0825", "", "1-2")),
        node(2, parent=PARENT + ".3", parent_name="1-2.3", usb=UsbDevice("046d:0825", "", "1-2.3")),
    )
    assert (one.id, two.id) == ("usb:046d:0825@1-2", "usb:046d:0825@1-2.3")


def test_units_with_the_same_serial_stay_apart_and_the_first_keeps_its_id() -> None:
    first, second = node(4), node(0, parent=PARENT + ".3", parent_name="1-2.3")
    alone = cameras_of([first], {})
    named = {key: camera.id for key, camera in alone.items()}
    ids = {camera.nodes[0].path: camera.id for camera in cameras_of([first, second], named).values()}
    assert ids == {"/dev/video4": "usb:046d:0825:A1B2", "/dev/video0": "usb:046d:0825:A1B2@1-2.3"}


def test_another_device_at_the_same_port_gets_its_own_id() -> None:
    named = {PARENT: CameraId("usb:046d:0825:A1B2")}
    (camera,) = cameras_of([node(0, usb=UsbDevice("1d6b:0104", "X", "1-2"))], named).values()
    assert camera.id == "usb:1d6b:0104:X"


def test_cameras_that_are_no_usb_devices() -> None:
    virtual, test = cameras(
        node(
            0, "Dummy", usb=None, virtual=True, parent="/sys/devices/virtual/video4linux/video0", parent_name="video0"
        ),
        node(
            1,
            "vivid-000-vid-cap",
            usb=None,
            parent="/sys/devices/platform/vivid.0",
            parent_name="vivid.0",
            driver="vivid",
        ),
    )
    assert (virtual.id, virtual.kind) == ("virtual:video0", CameraKind.VIRTUAL)
    assert (test.id, test.kind, test.usb_id) == ("device:vivid.0", CameraKind.VIRTUAL, None)
