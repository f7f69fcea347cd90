"""The devices that cameras are in, as sysfs shows them: read only, decided nothing.

Everything takes the folder `sys`, so that a tree made of plain files can stand in for it. A device is found from the
number of its node, never from a path that somebody names. See the kernel's Documentation/ABI/testing/sysfs-bus-usb.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from camguard.platform.linux import procfs
from camguard.platform.linux.inventory import UsbDevice

VIDEO = 0x0E
CONTROL = 0x01  # subclass of the interface that speaks for a USB video function; its driver claims the others
_HUB = 0x09
INTERFACE_NAME = re.compile(r"\d+-\d+(?:\.\d+)*:\d+\.\d+")
_VIRTUAL = "devices/virtual"
_BUS_DEVICES = "bus/usb/devices"
_DESCRIPTORS = 64 * 1024
_INTERFACE_DESCRIPTOR, _INTERFACE_LENGTH = 4, 9  # USB 2.0, table 9-12


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a USB device; `name` is its folder's, such as ``1-2:1.0``.

    `authorized` is None where the kernel is too old to have it. `text` is what the device calls it.
    """

    name: str
    number: int
    usb_class: int
    subclass: int
    authorized: bool | None
    driver: str | None
    text: str = ""
    nodes: bool = False

    @property
    def video(self) -> bool:
        """Whether pictures come out of it: a video class, or a driver of its own that made nodes."""
        return self.usb_class == VIDEO or self.nodes

    @property
    def order(self) -> tuple[bool, int]:
        """Sorts the interface that speaks for a function before those that its driver claims with it."""
        return (not (self.nodes or self.subclass == CONTROL), self.number)


@dataclass(frozen=True, slots=True)
class Device:
    """One physical device; `path` is its folder below `sys`, free of links.

    Of a USB device `hidden` are the classes of its interfaces while it is not authorised and shows none. `nodes` are
    all video4linux nodes below it, and `captures` whether one of them is a capture node. `beside` are the subsystems
    that a device on another bus has children in.
    """

    path: str
    usb: UsbDevice | None = None
    authorized: bool | None = None
    driver: str | None = None
    product: str = ""
    model: str = ""
    interfaces: tuple[Interface, ...] = ()
    hidden: tuple[int, ...] = ()
    nodes: frozenset[tuple[int, int]] = frozenset()
    captures: bool = False
    beside: tuple[str, ...] = ()

    @property
    def video(self) -> tuple[Interface, ...]:
        """The interfaces that pictures come out of, those that speak for a function first."""
        found = (interface for interface in self.interfaces if interface.video)
        return tuple(sorted(found, key=lambda interface: interface.order))


class Tree:
    """Reads `sys`. What vanishes while it is read is as if it had never been there."""

    def __init__(self, sys: str = "/sys", udev_data: str = "/run/udev/data") -> None:
        self.root = os.path.realpath(sys)
        self._udev_data = udev_data

    def of_node(self, number: tuple[int, int]) -> Device | None:
        """The device that a node belongs to.

        None where it has none (a virtual camera). Raises FileNotFoundError where there is no such node.
        """
        node = os.path.realpath(f"{self.root}/dev/char/{number[0]}:{number[1]}", strict=True)
        if self._is_below(node, _VIRTUAL) or not self._is_below(node, "devices"):
            return None
        folder = os.path.dirname(node)
        while self._is_below(folder, "devices"):
            if _has(folder, "idVendor"):
                return self.device(folder)
            folder = os.path.dirname(folder)
        try:
            return self.device(os.path.realpath(f"{node}/device", strict=True))
        except FileNotFoundError:
            return None

    def device(self, path: str) -> Device | None:
        """The device in that folder; None where there is none, or the path is not one of a device."""
        if not self.there(path):
            return None
        found = list(self._nodes(path))
        nodes, captures = frozenset(number for number, _ in found), any(capture for _, capture in found)
        usb = self.usb(path)
        if usb is None:
            beside = tuple(sorted(_children(path)))
            return Device(path, driver=link(path, "driver"), nodes=nodes, captures=captures, beside=beside)
        interfaces = tuple(sorted(_interfaces(path), key=lambda interface: interface.number))
        product = _text(path, "product")
        return Device(
            path,
            usb,
            _flag(path, "authorized"),
            link(path, "driver"),
            product,
            "" if product else self._model(path),
            interfaces,
            () if interfaces else classes(_raw(path, "descriptors")),
            nodes,
            captures,
        )

    def there(self, path: str) -> bool:
        """Whether a path is that of a device, free of links."""
        return os.path.realpath(path) == path and self._is_below(path, "devices") and os.path.isdir(path)

    def usb(self, path: str) -> UsbDevice | None:
        """Make, serial number and port of a USB device; None for a device on another bus."""
        vendor = _text(path, "idVendor")
        if not vendor:
            return None
        return UsbDevice(f"{vendor}:{_text(path, 'idProduct')}", _text(path, "serial"), os.path.basename(path))

    def usb_devices(self) -> Iterator[Device]:
        """All USB devices but hubs, in the order of their ports."""
        bus = f"{self.root}/{_BUS_DEVICES}"
        for name in sorted(_names(bus)):
            if ":" in name or _hex(f"{bus}/{name}", "bDeviceClass") == _HUB:
                continue
            device = self.device(os.path.realpath(f"{bus}/{name}"))
            if device is not None and device.usb is not None:
                yield device

    def _nodes(self, path: str) -> Iterator[tuple[tuple[int, int], bool]]:
        """The numbers of all video4linux nodes below a device, and whether they are its first: the one that captures.

        No more can be known without udev, which looks at new nodes only after they have come.
        """
        folder = f"{self.root}/class/video4linux"
        for name in _names(folder):
            place = _target(folder, name)
            if place is None or not place.startswith(f"{path}/"):
                continue
            number = re.fullmatch(r"(\d+):(\d+)", _text(place, "dev"))
            if number:
                first = name.startswith("video") and _text(place, "index") == "0"
                yield (int(number[1]), int(number[2])), first

    def _model(self, path: str) -> str:
        """The model's name in udev's hardware database, as udev told it of this device."""
        number = _text(path, "dev")
        for line in _raw(self._udev_data, f"c{number}").decode("utf-8", "replace").splitlines() if number else ():
            if line.startswith("E:ID_MODEL_FROM_DATABASE="):
                return line.partition("=")[2]
        return ""

    def _is_below(self, path: str, folder: str) -> bool:
        return path.startswith(f"{self.root}/{folder}/")


def classes(descriptors: bytes) -> tuple[int, ...]:
    """The classes of all interfaces that a device describes, in its own order, each once; what is amiss ends it.

    The bytes are the device's own to choose: USB 2.0, 9.5.
    """
    found: dict[int, None] = {}
    at = 0
    while at + 2 <= len(descriptors):
        length, kind = descriptors[at], descriptors[at + 1]
        if length < 2 or at + length > len(descriptors):
            break
        if kind == _INTERFACE_DESCRIPTOR and length >= _INTERFACE_LENGTH:
            found[descriptors[at + 5]] = None
        at += length
    return tuple(found)


def link(path: str, name: str) -> str | None:
    """The last part of what a link in a folder points to, such as the name of a device's driver; None without one."""
    try:
        return os.path.basename(os.readlink(f"{path}/{name}"))
    except OSError:
        return None


def _target(folder: str, name: str) -> str | None:
    """What a link of the kernel's points to, which is a path free of links; None where it is gone."""
    try:
        return os.path.normpath(f"{folder}/{os.readlink(f'{folder}/{name}')}")
    except OSError:
        return None


def _interfaces(path: str) -> Iterator[Interface]:
    for name in _names(path):
        folder = f"{path}/{name}"
        if not INTERFACE_NAME.fullmatch(name) or not _has(folder, "bInterfaceClass"):
            continue
        yield Interface(
            name,
            _hex(folder, "bInterfaceNumber"),
            _hex(folder, "bInterfaceClass"),
            _hex(folder, "bInterfaceSubClass"),
            _flag(folder, "authorized"),
            link(folder, "driver"),
            _text(folder, "interface"),
            _has(folder, "video4linux"),
        )


def _children(path: str) -> set[str]:
    """The subsystems that a device has children in: the folders that the kernel groups them by."""
    return {name for name in _names(path) if os.path.isdir(f"{path}/{name}") and not _has(f"{path}/{name}", "uevent")}


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _has(folder: str, name: str) -> bool:
    return os.path.lexists(f"{folder}/{name}")


def _raw(folder: str, name: str) -> bytes:
    try:
        return procfs.read(f"{folder}/{name}", _DESCRIPTORS)
    except OSError:
        return b""


def _text(folder: str, name: str) -> str:
    """An attribute as text; bytes that are no UTF-8 become marks, as `cameras.py` has it."""
    return _raw(folder, name).decode("utf-8", "replace").strip()


def _hex(folder: str, name: str) -> int:
    try:
        return int(_text(folder, name), 16)
    except ValueError:
        return -1


def _flag(folder: str, name: str) -> bool | None:
    """Whether an attribute is not 0; None where there is none."""
    text = _text(folder, name)
    return None if not text else text != "0"
