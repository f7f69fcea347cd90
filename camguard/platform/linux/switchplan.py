"""How a device can be switched off, and whether it is: decisions only, on the facts in `devices.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from camguard.core.model import Camera, CameraId
from camguard.core.power import Method, Part, Plan, Power
from camguard.platform.linux.devices import CONTROL, VIDEO, Device, Interface
from camguard.platform.linux.inventory import NodeFacts, UsbDevice, cameras_of

_V4L2_NAME = 31  # bytes: what the kernel keeps of a camera's name
# USB-IF, Defined Class Codes.
_FUNCTIONS = {
    0x01: "its microphone or speaker",
    0x02: "its network or modem function",
    0x03: "its buttons or other input",
    0x05: "its force feedback",
    0x06: "its still picture function",
    0x07: "its printer",
    0x08: "its storage",
    0x09: "what is plugged into it",
    0x0A: "its network or modem function",
    0x0B: "its smart card reader",
    0x0D: "its content security",
    0x0F: "its health device",
    0x10: "its sound and pictures",
    0x11: "its billboard display",
    0xE0: "its wireless function",
    0xFE: "its firmware update or another special function",
    0xFF: "a function of its maker's own",
}
# Subsystems of what hangs on a device of another bus and that a person would miss.
_BESIDE = {
    "block": "its storage",
    "drm": "its display",
    "dvb": "its television receiver",
    "net": "its network",
    "sound": "its sound",
}


def plans_of(device: Device, cameras: tuple[Camera, ...]) -> tuple[Plan, ...]:
    """All ways to switch a device off that is on, the one that takes least with it first; empty where there is none.

    A driver alone is let go of only where a USB device's interfaces cannot be barred: whoever has the rights could
    still use it past the driver.
    """
    if device.usb is None:
        own = (Part(device.path, device.driver),)
        beside = tuple(_BESIDE[name] for name in device.beside if name in _BESIDE)
        return (Plan(cameras, device.path, Method.DRIVER, own, beside),) if device.driver else ()
    found = []
    video = device.video
    parts = tuple(Part(f"{device.path}/{interface.name}", interface.driver) for interface in video)
    if parts and all(interface.authorized is not None for interface in video):
        found.append(Plan(cameras, device.path, Method.INTERFACES, parts))
    elif any(part.driver for part in parts):
        found.append(Plan(cameras, device.path, Method.DRIVER, tuple(part for part in parts if part.driver)))
    if device.authorized is not None:
        found.append(_whole(device, cameras))
    return tuple(found)


def power(device: Device, plan: Plan) -> Power:
    """Whether a device can deliver pictures.

    What bars it counts whoever did it; that its driver is unbound counts only for a plan that does just that.
    """
    if device.nodes:
        return Power.ON
    if device.usb is None:
        return Power.ON if device.driver else Power.OFF
    ways = _ways(device, plan)
    if device.authorized is False or _all_barred(ways):
        return Power.OFF
    unbound = plan.method is Method.DRIVER and not any(interface.driver for interface in ways)
    return Power.OFF if unbound else Power.ON


def in_the_way(device: Device, plan: Plan) -> str:
    """Why a device that was switched on has no node, as far as can be seen."""
    ways = _ways(device, plan)
    drivers = {device.driver} if device.usb is None else {interface.driver for interface in ways}
    if device.authorized is False:
        return "Its whole USB device is not authorised: something else keeps it off (USBGuard, for instance)."
    if any(interface.authorized is False for interface in ways):
        return "Its USB video interfaces are not authorised: something else keeps them off."
    if "usbfs" in drivers:
        return "A program has taken hold of the USB device itself (usbfs); end that program."
    if not any(drivers):
        return "No driver took it; for a USB webcam: modprobe uvcvideo."
    return "Its driver made no video node; unplug it and plug it in again."


def _ways(device: Device, plan: Plan) -> tuple[Interface, ...]:
    """The interfaces that pictures come out of; one of a maker's own class that is off is known by the plan alone."""
    named = {part.path.rpartition("/")[2] for part in plan.parts}
    return tuple(interface for interface in device.interfaces if interface.video or interface.name in named)


def _all_barred(ways: Sequence[Interface]) -> bool:
    return bool(ways) and all(interface.authorized is False for interface in ways)


def fits(usb: UsbDevice | None, cameras: Iterable[Camera]) -> bool:
    """Whether these cameras can be in that device: make and serial number agree."""
    own = (None, None) if usb is None else (usb.usb_id, usb.serial or None)
    return all((camera.usb_id, camera.serial) == own for camera in cameras)


def dormant(devices: Iterable[Device], taken: Collection[CameraId]) -> tuple[Plan, ...]:
    """Plans of the USB cameras among these devices that are barred. `taken` are the ids of cameras that are on.

    A device that is not authorised as a whole shows no interfaces, yet its descriptors tell that it has video ones.
    Infrared cameras are told apart where an interface of their own says so, else they are one with the camera.
    """
    off = [device for device in devices if _is_barred_camera(device)]
    facts = [node for device in off for node in _facts(device)]
    found = cameras_of((replace(node, number=(0, at)) for at, node in enumerate(facts)), {}, taken)
    return tuple(_dormant(device, found) for device in off)


def _dormant(device: Device, found: dict[str, Camera]) -> Plan:
    keys = (device.path, f"{device.path}+ir")
    cameras = tuple(replace(found[key], nodes=()) for key in keys if key in found)
    if not device.interfaces:
        return _whole(device, cameras)
    parts = tuple(Part(f"{device.path}/{interface.name}") for interface in device.video)
    return Plan(cameras, device.path, Method.INTERFACES, parts)


def _facts(device: Device) -> Iterator[NodeFacts]:
    """What would be known of the nodes of a camera that is off: as its driver, uvcvideo, would name them."""
    speakers = [interface.text for interface in device.video if interface.subclass == CONTROL] or [""]
    for text in speakers:
        name = f"{device.product}: {text}" if text else device.product
        usb = device.usb
        yield NodeFacts(
            sysname="video0",
            path="",
            number=(0, 0),
            name=_cut(name or f"UVC Camera ({usb.usb_id if usb else ''})"),
            parent=device.path,
            parent_name=usb.port if usb else "",
            usb=usb,
            model=device.model,
            interface=text,
        )


def _cut(name: str) -> str:
    return name.encode()[:_V4L2_NAME].decode("utf-8", "replace")


def _is_barred_camera(device: Device) -> bool:
    if device.nodes:
        return False
    if not device.interfaces:
        return device.authorized is False and VIDEO in device.hidden
    return _all_barred([interface for interface in device.interfaces if interface.usb_class == VIDEO])


def _whole(device: Device, cameras: tuple[Camera, ...]) -> Plan:
    return Plan(cameras, device.path, Method.DEVICE, (Part(device.path, device.driver),), _takes(device))


def _takes(device: Device) -> tuple[str, ...]:
    """What goes off beside the camera with a whole USB device, each once, in words."""
    return _in_words(device.hidden or [interface.usb_class for interface in _others(device.interfaces)])


def _others(interfaces: Sequence[Interface]) -> tuple[Interface, ...]:
    """The interfaces of a device that have nothing to do with pictures."""
    return tuple(interface for interface in interfaces if not interface.video)


def _in_words(codes: Iterable[int]) -> tuple[str, ...]:
    """USB interface classes as what people call them, each once; without video."""
    words = (
        _FUNCTIONS.get(code, "an unknown function") + ("" if code in _FUNCTIONS else f" (USB class {code:02x})")
        for code in codes
        if code != VIDEO
    )
    return tuple(dict.fromkeys(words))
