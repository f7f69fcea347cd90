"""Cameras that are switched on and off: the words for it, as frozen types.

*Off* means that the device cannot deliver a picture to anybody. What is switched is a physical device, so that all
cameras in one housing go off together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from camguard.core.model import Camera


class Power(StrEnum):
    """Whether a camera can deliver pictures."""

    ON = "on"
    OFF = "off"


class Method(StrEnum):
    """How a device is switched, the one that takes least with it first."""

    INTERFACES = "usb-interfaces"  # its USB video interfaces lose their authorisation; a microphone beside them stays
    DRIVER = "driver"  # the driver is unbound from the device
    DEVICE = "usb-device"  # the whole USB device loses its authorisation, with everything else in it
    FILE = "pretend"  # the file of a pretend camera is moved away


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a switch moves: a USB interface, a device at its driver, or a whole USB device.

    `path` is its folder in sysfs (or a pretend camera's file); `driver` what was bound to it before it was switched
    off, None where nothing was.
    """

    path: str
    driver: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How one physical device is switched off, with what is needed to switch it on again.

    It speaks of the device as it is plugged in now: after a replug it is void. `cameras` are all cameras that go
    off with it, as they were while on. `takes` names in words the functions beside the camera that go off too.
    """

    cameras: tuple[Camera, ...]
    device: str
    method: Method
    parts: tuple[Part, ...]
    takes: tuple[str, ...] = ()
