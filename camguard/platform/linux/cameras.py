"""The cameras of a Linux machine, from udev; no node is ever opened.

udev's database says what a node is for. Where there is none (a container, a machine without udevd) the kernel's
own words in sysfs have to do, and /dev is watched instead of udev's events.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyudev
from watchdog.events import FileCreatedEvent, FileDeletedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from camguard.core.model import Camera, CameraId
from camguard.errors import SensorError
from camguard.platform.linux import udevsocket
from camguard.platform.linux.inventory import NodeFacts, UsbDevice, cameras_of

_SUBSYSTEM = "video4linux"
_SETTLE_S = 0.02  # one plug makes several events, a few milliseconds apart
_SETTLE_AT_MOST_S = 0.05
_VIRTUAL = "/devices/virtual/"


class UdevCameras:
    """Implements `camguard.ports.CameraSource`. `cameras` may be called from any thread."""

    def __init__(
        self, dev: str = "/dev", udev_control: str = "/run/udev/control", events: socket.socket | None = None
    ) -> None:
        """`events` is where udev's events come from, where a socket for them was handed over; else one is opened."""
        try:
            self._context = pyudev.Context()
        except ImportError as error:
            raise SensorError("libudev is missing; install it (Debian, Ubuntu: apt install libudev1)") from error
        self._dev = dev
        self._udev_control = udev_control
        self._events = events
        self._named: dict[str, CameraId] = {}
        self._lock = threading.Lock()  # libudev's objects belong to one thread at a time

    @property
    def udev_runs(self) -> bool:
        """Whether a udev daemon tells of changes here."""
        return os.path.exists(self._udev_control)

    def nodes(self) -> tuple[NodeFacts, ...]:
        """What is known of every video4linux node, capture or not."""
        with self._lock:
            return tuple(self._facts())

    def cameras(self) -> tuple[Camera, ...]:
        """All cameras that are plugged in now, by the numbers of their nodes."""
        with self._lock:
            found = cameras_of(self._facts(), self._named)
            self._named = {key: camera.id for key, camera in found.items()}
        return tuple(found.values())

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` at most 50 ms after cameras came, went or were bound anew; returns what stops it.

        Raises SensorError where neither udev nor /dev can be watched.
        """
        settled = _Settled(asyncio.get_running_loop(), changed)
        watch = self._follow_udev(settled.hint) if self.udev_runs else self._follow_dev(settled.hint)

        def stop() -> None:
            watch()
            settled.stop()

        return stop

    def _follow_udev(self, hint: Callable[[], None]) -> Callable[[], None]:
        if self._events is not None:
            return _follow_socket(self._events, hint)
        loop = asyncio.get_running_loop()
        try:
            monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
            monitor.filter_by(_SUBSYSTEM)
            monitor.start()
        except OSError as error:
            raise SensorError(f"udev's events cannot be received: {error.strerror or error}") from error

        def receive() -> None:
            try:
                while monitor.poll(timeout=0) is not None:
                    hint()
            except OSError:  # the kernel dropped events (ENOBUFS): what is true now is read anew anyhow
                hint()

        descriptor = monitor.fileno()
        loop.add_reader(descriptor, receive)

        def stop() -> None:
            loop.remove_reader(descriptor)

        return stop

    def _follow_dev(self, hint: Callable[[], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        observer = Observer()
        try:
            # Creations and deletions alone: a watch on every open in /dev would wake for each use of /dev/null.
            observer.schedule(
                _NodeHandler(lambda: loop.call_soon_threadsafe(hint)),
                self._dev,
                event_filter=[FileCreatedEvent, FileDeletedEvent],
            )
            observer.start()
        except OSError as error:
            raise SensorError(f"{self._dev} cannot be watched for cameras: {error.strerror or error}") from error

        def stop() -> None:
            observer.stop()
            observer.join()

        return stop

    def _facts(self) -> Iterator[NodeFacts]:
        for device in self._context.list_devices(subsystem=_SUBSYSTEM):
            facts = self._node(device)
            if facts is not None:
                yield facts

    def _node(self, device: Any) -> NodeFacts | None:
        """The facts of one node; None for one that went away while it was read."""
        try:
            number = device.device_number
            path = device.device_node
            usb = device.find_parent("usb", "usb_device")
            parent = device.parent if usb is None else usb  # its truth would be how many properties it has
            virtual = parent is None or _VIRTUAL in device.sys_path
        except (OSError, pyudev.DeviceNotFoundError):
            return None
        if path is None or not number:
            return None
        owner = device if virtual else parent
        interface = device.find_parent("usb", "usb_interface")
        index = _attribute(device, "index")
        if not index:  # every node has one: this one is being taken away, and what else it says is no longer all
            return None
        return NodeFacts(
            sysname=device.sys_name,
            path=path,
            number=(os.major(number), os.minor(number)),
            name=_attribute(device, "name"),
            parent=owner.sys_path,
            parent_name=owner.sys_name,
            virtual=virtual,
            index=int(index) if index.isdecimal() else 0,
            capabilities=_property(device, "ID_V4L_CAPABILITIES"),
            driver=_driver(device),
            usb=None if usb is None else _usb(usb),
            product=_property(device, "ID_V4L_PRODUCT") or "",
            model=_property(device, "ID_MODEL_FROM_DATABASE") or "",
            interface="" if interface is None else _attribute(interface, "interface"),
        )


def _follow_socket(events: socket.socket, hint: Callable[[], None]) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def receive() -> None:
        if udevsocket.drain(events):
            hint()

    def stop() -> None:
        loop.remove_reader(events)

    loop.add_reader(events, receive)
    return stop


class _Settled:
    """Calls once for a burst of hints: 20 ms after the last of them, 50 ms after the first at the latest."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop = loop
        self._call = call
        self._timer: asyncio.TimerHandle | None = None
        self._latest = 0.0
        self._stopped = False

    def hint(self) -> None:
        if self._stopped:
            return
        now = self._loop.time()
        if self._timer is None:
            self._latest = now + _SETTLE_AT_MOST_S
        else:
            self._timer.cancel()
        self._timer = self._loop.call_at(min(now + _SETTLE_S, self._latest), self._fire)

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _fire(self) -> None:
        self._timer = None
        self._call()


class _NodeHandler(FileSystemEventHandler):
    """Hints at every event about a video node."""

    def __init__(self, hint: Callable[[], object]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        if os.path.basename(os.fsdecode(event.src_path)).startswith("video"):
            self._hint()


def _attribute(device: Any, name: str) -> str:
    """A sysfs attribute as text; bytes that are no UTF-8 (a name cut in the middle) become marks."""
    value = device.attributes.get(name)
    return "" if value is None else value.decode("utf-8", "replace").strip()


def _property(device: Any, name: str) -> str | None:
    try:
        return str(device.properties[name])
    except (KeyError, UnicodeDecodeError):
        return None


def _driver(device: Any) -> str | None:
    try:
        return os.path.basename(os.readlink(f"{device.sys_path}/device/driver"))
    except OSError:
        return None


def _usb(device: Any) -> UsbDevice:
    usb_id = f"{_attribute(device, 'idVendor')}:{_attribute(device, 'idProduct')}"
    return UsbDevice(usb_id, _attribute(device, "serial"), device.sys_name)
