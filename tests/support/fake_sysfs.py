"""Devices of plain files, laid out as sysfs has them, and the kernel's side of what is written there.

A write to the tree that goes through `os.write` has the effect that it has in the kernel, before it returns: interfaces
lose and regain their authorisation, drivers let go and are looked for, nodes go and come with new numbers.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from camguard.core.model import Camera, CameraId
from camguard.platform.linux.inventory import NodeFacts, UsbDevice, cameras_of


@dataclass(frozen=True)
class Function:
    """One interface of a USB device, and the driver that looks after such ones."""

    usb_class: int
    subclass: int = 0
    text: str = ""
    driver: str = ""


CONTROL, STREAM = Function(0x0E, 1, "", "uvcvideo"), Function(0x0E, 2)
WEBCAM = (CONTROL, STREAM)
MICROPHONE = (Function(1, 1, "", "snd-usb-audio"), Function(1, 2))
OLD_WEBCAM = (Function(0xFF, 0, "", "gspca_zc3xx"),)
MAKES_NODES = {"uvcvideo", "gspca_zc3xx", "vivid"}


class FakeSysfs:
    """A tree below `root`. `faults` are errors for the next writes, by the end of the path that is written to."""

    def __init__(self, root: Path, *, interface_authorisation: bool = True) -> None:
        self.sys = root / "sys"
        self.written: list[tuple[str, str]] = []
        self.faults: dict[str, int] = {}
        self.new_interfaces = True  # interface_authorized_default
        self.before_write: Callable[[str], None] = lambda _: None
        self._interface_authorisation = interface_authorisation
        self._specs: dict[Path, tuple[Function, ...]] = {}
        self._next_node = 0
        self._hub = self.sys / "devices/pci0000:00/0000:00:14.0/usb1"
        for folder in ("bus/usb/devices", "class/video4linux", "dev/char", "devices/virtual/video4linux"):
            (self.sys / folder).mkdir(parents=True)
        self._file(self.sys / "bus/usb/drivers_probe")
        for bus, driver in (
            ("usb", "uvcvideo"),
            ("usb", "gspca_zc3xx"),
            ("usb", "snd-usb-audio"),
            ("platform", "vivid"),
        ):
            self.load(bus, driver)

    def load(self, bus: str, driver: str) -> None:
        """Load a driver."""
        for name in ("bind", "unbind"):
            self._file(self.sys / f"bus/{bus}/drivers/{driver}/{name}")

    def unload(self, bus: str, driver: str) -> None:
        """Unload a driver, which is bound to nothing."""
        shutil.rmtree(self.sys / f"bus/{bus}/drivers/{driver}")

    def plug(
        self,
        port: str = "1-2",
        usb_id: str = "046d:0825",
        serial: str = "",
        product: str = "Webcam",
        functions: tuple[Function, ...] = WEBCAM,
    ) -> Path:
        """Plug a USB device in; its folder."""
        path = self._hub / port
        vendor, _, model = usb_id.partition(":")
        texts = {"idVendor": vendor, "idProduct": model, "serial": serial, "product": product, "dev": "189:7"}
        for name, text in texts.items():
            if text:
                self._file(path / name, f"{text}\n")
        self._file(path / "uevent", "DEVTYPE=usb_device\n")
        self._file(path / "authorized", "1\n")
        self._file(path / "descriptors", _descriptors(functions))
        (path / "power").mkdir()
        (path / "subsystem").symlink_to(self.sys / "bus/usb")
        (self.sys / "bus/usb/devices" / port).symlink_to(path)
        self._specs[path] = functions
        self._configure(path)
        return path

    def unplug(self, path: Path) -> None:
        """Pull a device out."""
        self._deconfigure(path)
        self._drop_nodes(path)
        (self.sys / "bus/usb/devices" / path.name).unlink(missing_ok=True)
        shutil.rmtree(path)

    def platform_device(self, name: str = "vivid.0", driver: str = "vivid", *beside: str) -> Path:
        """A device on the platform bus, with its node; it has children in the subsystems `beside`."""
        path = self.sys / "devices/platform" / name
        self._file(path / "uevent")
        (path / "subsystem").symlink_to(self.sys / "bus/platform")
        for subsystem in beside:
            (path / subsystem / f"{subsystem}0").mkdir(parents=True)
        self._bind(path, "platform", driver)
        return path

    def loopback(self) -> Path:
        """A virtual camera, which has no device."""
        return self._node(self.sys / "devices/virtual", "Dummy video device")

    def driver(self, path: Path) -> str | None:
        """What is bound to a device or interface."""
        link = path / "driver"
        return link.readlink().name if link.is_symlink() else None

    def bar(self, interface: Path) -> None:
        """Let somebody else take an interface's authorisation."""
        self._file(interface / "authorized", "0\n")
        self._authorise(interface, authorised=False)

    def claim(self, interface: Path) -> None:
        """Let a program take an interface from its driver, as libusb does (usbfs)."""
        self.load("usb", "usbfs")
        self._unbind(interface)
        self._bind(interface, "usb", "usbfs")

    @contextmanager
    def kernel(self) -> Iterator[FakeSysfs]:
        """Have writes take effect."""
        write = os.write

        def observed(fd: int, data: bytes) -> int:
            path = _path(fd)
            if not path.is_relative_to(self.sys):
                return write(fd, data)
            name, value = str(path.relative_to(self.sys)), data.decode()
            self.before_write(name)
            if _path(fd) != path:  # unplugged meanwhile: its path ends in " (deleted)"
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            self.written.append((name, value))
            for end, code in self.faults.items():
                if name.endswith(end):
                    raise OSError(code, os.strerror(code))
            self._react(path, value)
            return len(data)

        with patch.object(os, "write", observed):
            yield self

    def _react(self, path: Path, value: str) -> None:
        if path.name == "authorized":
            self._file(path, f"{value}\n")
            self._authorise(path.parent, authorised=value == "1")
        elif path.name == "drivers_probe":
            self._probe(self._interface(value))
        elif path.name == "bind":
            device = self._named(value)
            if self.driver(device) is not None:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            self._bind(device, path.parent.parent.parent.name, path.parent.name)
        else:
            device = self._named(value)
            if self.driver(device) != path.parent.name:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            self._unbind(device)

    def _authorise(self, path: Path, *, authorised: bool) -> None:
        if ":" in path.name:
            if not authorised:
                self._unbind(path)  # and freeing it binds nothing: that takes drivers_probe
        elif authorised:
            self._configure(path)
        else:
            self._deconfigure(path)

    def _configure(self, path: Path) -> None:
        interfaces = []
        for number, function in enumerate(self._specs[path]):
            folder = path / f"{path.name}:1.{number}"
            if folder.exists():
                return  # configured already
            self._file(folder / "bInterfaceNumber", f"{number:02x}\n")
            self._file(folder / "bInterfaceClass", f"{function.usb_class:02x}\n")
            self._file(folder / "bInterfaceSubClass", f"{function.subclass:02x}\n")
            self._file(folder / "uevent", "DEVTYPE=usb_interface\n")
            if function.text:
                self._file(folder / "interface", f"{function.text}\n")
            if self._interface_authorisation:
                self._file(folder / "authorized", f"{int(self.new_interfaces)}\n")
            (folder / "subsystem").symlink_to(self.sys / "bus/usb")
            interfaces.append(folder)
        for folder in interfaces:
            self._probe(folder)

    def _deconfigure(self, path: Path) -> None:
        for folder in list(path.glob("*:*")):
            self._unbind(folder)
            shutil.rmtree(folder)

    def _probe(self, interface: Path) -> None:
        driver = self._spec(interface).driver
        known = (self.sys / "bus/usb/drivers" / driver).is_dir() if driver else False
        if self._free(interface) and known:
            self._bind(interface, "usb", driver)

    def _free(self, interface: Path) -> bool:
        authorized = interface / "authorized"
        return self.driver(interface) is None and (not authorized.exists() or authorized.read_text() == "1\n")

    def _bind(self, path: Path, bus: str, driver: str) -> None:
        (path / "driver").symlink_to(self.sys / f"bus/{bus}/drivers/{driver}")
        for other in self._claimed(path):
            if self._free(other):
                (other / "driver").symlink_to(self.sys / f"bus/{bus}/drivers/{driver}")
        if driver in MAKES_NODES:
            name = self._camera_name(path)
            self._node(path, name)
            self._node(path, name, index=1)

    def _unbind(self, path: Path) -> None:
        driver = self.driver(path)
        if driver is None:
            return
        # A driver lets go of all interfaces of a function when one is taken from it.
        for each in [path, *self._claimed(path), *self._speaker(path)]:
            if self.driver(each) == driver:
                (each / "driver").unlink()
                self._drop_nodes(each)

    def _claimed(self, control: Path) -> list[Path]:
        """The streaming interfaces that follow a control one."""
        found: list[Path] = []
        if ":" not in control.name or self._spec(control).subclass != 1:
            return found
        specs, base = self._specs[control.parent], control.name.rpartition(".")[0]
        for number in range(int(control.name.rpartition(".")[2]) + 1, len(specs)):
            if specs[number].subclass != 2:
                break
            found.append(control.parent / f"{base}.{number}")
        return found

    def _speaker(self, stream: Path) -> list[Path]:
        siblings = stream.parent.glob("*:*") if ":" in stream.name else ()
        return [sibling for sibling in siblings if stream in self._claimed(sibling)]

    def _spec(self, interface: Path) -> Function:
        return self._specs[interface.parent][int(interface.name.rpartition(".")[2])]

    def _camera_name(self, path: Path) -> str:
        """As uvcvideo makes it."""
        if ":" not in path.name:
            return f"{path.name}-vid-cap"
        device = path.parent
        vendor, model = ((device / name).read_text().strip() for name in ("idVendor", "idProduct"))
        product = device / "product"
        name = product.read_text().strip() if product.exists() else f"UVC Camera ({vendor}:{model})"
        text = self._spec(path).text
        return f"{name}: {text}"[:31] if text else name[:31]

    def _node(self, parent: Path, name: str, index: int = 0) -> Path:
        number, self._next_node = self._next_node, self._next_node + 1
        path = parent / "video4linux" / f"video{number}"
        for attribute, text in (
            ("dev", f"81:{number}\n"),
            ("name", f"{name}\n"),
            ("index", f"{index}\n"),
            ("uevent", ""),
        ):
            self._file(path / attribute, text)
        if "virtual" not in parent.parts:
            (path / "device").symlink_to(parent)
        for folder, link in (("class/video4linux", path.name), ("dev/char", f"81:{number}")):
            (self.sys / folder / link).symlink_to(Path("../..") / path.relative_to(self.sys))
        return path

    def _drop_nodes(self, parent: Path) -> None:
        for node in (parent / "video4linux").glob("video*"):
            (self.sys / "dev/char" / (node / "dev").read_text().strip()).unlink()
            (self.sys / "class/video4linux" / node.name).unlink()
        shutil.rmtree(parent / "video4linux", ignore_errors=True)

    def _named(self, name: str) -> Path:
        return self._interface(name) if ":" in name else self.sys / "devices/platform" / name

    def _interface(self, name: str) -> Path:
        path = self._hub / name.partition(":")[0] / name
        if not path.exists():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return path

    def _file(self, path: Path, content: str | bytes = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


class FakeCameras:
    """Implements `camguard.ports.CameraSource` over such a tree, as `UdevCameras` does over the real one."""

    def __init__(self, tree: FakeSysfs) -> None:
        self._tree = tree
        self._named: dict[str, CameraId] = {}

    def cameras(self) -> tuple[Camera, ...]:
        found = cameras_of(self._facts(), self._named)
        self._named = {key: camera.id for key, camera in found.items()}
        return tuple(found.values())

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        raise AssertionError("nobody follows these")

    def _facts(self) -> Iterator[NodeFacts]:
        for link in sorted((self._tree.sys / "class/video4linux").iterdir()):
            node = link.resolve()
            parent = (node / "device").resolve() if (node / "device").exists() else node
            device = parent.parent if ":" in parent.name else parent
            usb = None
            if ":" in parent.name:
                vendor, model, serial = (_read(device / name) for name in ("idVendor", "idProduct", "serial"))
                usb = UsbDevice(f"{vendor}:{model}", serial, device.name)
            yield NodeFacts(
                sysname=node.name,
                path=f"/dev/{node.name}",
                number=(81, int(_read(node / "dev").partition(":")[2])),
                name=_read(node / "name"),
                parent=str(device),
                parent_name=device.name,
                virtual=parent == node,
                index=int(_read(node / "index")),
                driver=self._tree.driver(parent),
                usb=usb,
                interface=_read(parent / "interface"),
            )


def _path(fd: int) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{fd}"))


def _read(path: Path) -> str:
    return path.read_text(errors="replace").strip() if path.exists() else ""


def _descriptors(functions: tuple[Function, ...]) -> bytes:
    device = bytes([18, 1]) + bytes(16)
    interfaces = b"".join(
        bytes([9, 4, number, 0, 1, each.usb_class & 255, each.subclass, 0, 0, 7, 5, 0x81, 2, 0, 2, 0])
        for number, each in enumerate(functions)
    )
    return device + bytes([9, 2]) + bytes(7) + interfaces
