"""Writes to one device in sysfs that is held on to, so that no other can slip into its place.

A folder's descriptor stays with the device that it was opened for: once that is unplugged, nothing is found below it
any more, whatever is plugged into the same port meanwhile.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from camguard.core.power import Method, Part, Plan
from camguard.errors import CameraGone, SwitchError
from camguard.platform.linux import procfs
from camguard.platform.linux.devices import INTERFACE_NAME, Tree
from camguard.platform.linux.switchplan import fits

_MISSING = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR})
_DRIVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ .:+-]{0,63}")


@contextmanager
def hold(sys: str, plan: Plan) -> Iterator[Held]:
    """Hold on to a plan's device.

    Raises CameraGone where the device is not there or is another, SwitchError where the plan is not one for this kind
    of switch: it may have lain in a file since.
    """
    if not _sound(sys, plan):
        raise SwitchError("This plan does not fit the devices of this machine.")
    try:
        fd = os.open(plan.device, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise CameraGone(f"{plan.device} is gone") from error
    try:
        tree = Tree(sys)
        if not tree.there(plan.device) or not fits(tree.usb(plan.device), plan.cameras):
            raise CameraGone(f"{plan.device} is another device now")
        yield Held(sys, plan, fd)
    finally:
        os.close(fd)


def _sound(sys: str, plan: Plan) -> bool:
    """Whether a plan speaks of a device and parts of it, and of nothing else."""
    device = plan.device
    if os.path.normpath(device) != device or not device.startswith(f"{sys}/"):
        return False
    return bool(plan.parts) and all(_is_part(plan, part) for part in plan.parts)


def _is_part(plan: Plan, part: Part) -> bool:
    folder, _, name = part.path.rpartition("/")
    inner = folder == plan.device and INTERFACE_NAME.fullmatch(name) is not None
    whole = part.path == plan.device
    fitting = {Method.INTERFACES: inner, Method.DEVICE: whole, Method.DRIVER: inner or whole, Method.FILE: False}
    return fitting[plan.method] and (part.driver is None or _DRIVER.fullmatch(part.driver) is not None)


class Held:
    """A plan's device while it is worked on. Raises CameraGone once it is not there, SwitchError where it cannot."""

    def __init__(self, sys: str, plan: Plan, fd: int) -> None:
        self._sys = sys
        self._plan = plan
        self._fd = fd

    def take(self, part: Part) -> bool:
        """Switch a part off; False where it was off already."""
        where = self._where(part)
        if self._plan.method is not Method.DRIVER:
            return self._set(where, "0")
        if self._driver(where) is None:
            return False
        self._write(f"{where}driver/unbind", os.path.basename(part.path))
        return True

    def give(self, part: Part) -> bool:
        """Switch a part on; False where it was on already, or where no driver had it before."""
        where = self._where(part)
        if self._plan.method is not Method.DRIVER:
            return self._set(where, "1")
        if part.driver is None or self._driver(where) is not None:
            return False
        bus = self._link(f"{where}subsystem")
        if bus is None:
            raise CameraGone(f"{part.path} is gone")
        self._write_outside(f"bus/{bus}/drivers/{part.driver}/bind", os.path.basename(part.path))
        return True

    def probe(self, parts: tuple[Part, ...]) -> None:
        """Have the drivers look at interfaces that were freed, in this order: freeing alone binds none."""
        for part in parts:
            if self._driver(self._where(part)) is None:
                self._write_outside("bus/usb/drivers_probe", os.path.basename(part.path))

    def _where(self, part: Part) -> str:
        """The part's folder, seen from the device's, as the beginning of a path."""
        return "" if part.path == self._plan.device else f"{os.path.basename(part.path)}/"

    def _set(self, where: str, value: str) -> bool:
        if self._read(f"{where}authorized") == value:
            return False
        self._write(f"{where}authorized", value)
        return True

    def _driver(self, where: str) -> str | None:
        return self._link(f"{where}driver")

    def _link(self, path: str) -> str | None:
        try:
            return os.path.basename(os.readlink(path, dir_fd=self._fd))
        except OSError:
            return None

    def _read(self, path: str) -> str:
        try:
            return procfs.read(path, dir_fd=self._fd).decode("ascii", "replace").strip()
        except OSError as error:
            raise self._translated(error, path) from error

    def _write(self, path: str, value: str) -> None:
        """Write to an attribute of the device or of a part of it."""
        try:
            _write(path, value, self._fd)
        except OSError as error:
            raise self._translated(error, path) from error

    def _write_outside(self, path: str, value: str) -> None:
        """Write to an attribute of a bus or driver, which is no part of the device."""
        try:
            _write(f"{self._sys}/{path}", value)
        except OSError as error:
            raise self._translated(error, path) from error

    def _translated(self, error: OSError, path: str) -> CameraGone | SwitchError:
        if error.errno in _MISSING:
            if not self._there():
                return CameraGone(f"{self._plan.device} is gone")
            return SwitchError(f"The kernel has no {path} now: is the camera's driver loaded?")
        if error.errno in {errno.EACCES, errno.EPERM}:
            return SwitchError("Only root may switch cameras off and on; run the guard as root.")
        if error.errno == errno.EROFS:
            return SwitchError("/sys is read-only here (a container, or a service unit that protects it).")
        return SwitchError(f"The kernel refused: {path}: {os.strerror(error.errno or 0)}.")

    def _there(self) -> bool:
        """Whether the device that is held is still plugged in."""
        try:
            os.stat("uevent", dir_fd=self._fd)
        except OSError:
            return False
        return True


def _write(path: str, value: str, dir_fd: int | None = None) -> None:
    """One write(2) to an attribute that is there, as the kernel takes them. Raises OSError as the system does."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=dir_fd)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
