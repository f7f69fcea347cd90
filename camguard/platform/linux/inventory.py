"""From video nodes to cameras: decisions only, on facts that udev or sysfs told.

One camera is one physical device, with all its capture nodes; an infrared function of it, as for face unlock,
is a camera of its own, since people want to know which of the two is on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from camguard.core.model import Camera, CameraId, CameraKind, Node

_TEST_DRIVERS = frozenset({"vivid", "vimc", "v4l2loopback", "v4l2 loopback"})
_INFRARED = re.compile(r"\bIR\b|(?i:\bir[ _-]?cam|infra[ _-]?red)")
_HELPER = re.compile(r"(?i)codec|m2m|mem2mem|\bisp\b|vpu|jpeg|[-_ ](?:enc|dec|source|sink|out|meta)\b|-meta-|stat")
_UNNAMED = re.compile(r"(?:UVC|USB) Camera \([0-9a-f]{4}:[0-9a-f]{4}\)", re.IGNORECASE)
_VIDEO = re.compile(r"video\d+")


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """The USB device that a node belongs to; `port` is its place, such as ``1-2``."""

    usb_id: str
    serial: str
    port: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is known of one video4linux node without opening it.

    `capabilities` is udev's ID_V4L_CAPABILITIES (``:capture:``), None where udev did not look. `parent` is the
    sysfs path of the physical device, or of the node itself where there is none; `parent_name` names it shortly.
    """

    sysname: str
    path: str
    number: tuple[int, int]
    name: str
    parent: str
    parent_name: str
    virtual: bool = False
    index: int = 0
    capabilities: str | None = None
    driver: str | None = None
    usb: UsbDevice | None = None
    product: str = ""
    model: str = ""
    interface: str = ""

    @property
    def infrared(self) -> bool:
        """Whether anything about it tells of infrared pictures."""
        return any(_INFRARED.search(text) for text in (self.name, self.product, self.interface))


def is_capture(node: NodeFacts) -> bool:
    """Whether pictures of the world come out of this node: no metadata, no output, no codec, no radio.

    A virtual camera counts whatever it says, for it may take capture up only once somebody feeds it.
    """
    if not _VIDEO.fullmatch(node.sysname):
        return False
    if node.virtual:
        return True
    if node.capabilities is not None:
        words = node.capabilities.split(":")
        return "capture" in words and "video_output" not in words
    return node.index == 0 and (node.usb is not None or not _HELPER.search(node.name))


def cameras_of(
    nodes: Iterable[NodeFacts], named: Mapping[str, CameraId], taken: Collection[CameraId] = ()
) -> dict[str, Camera]:
    """The cameras that these nodes make, by what they are grouped by, in the order of their first nodes.

    `named` are ids that were given before: a camera that is still there keeps its id when a second of the same
    make and serial comes. `taken` are ids of other cameras, which are not given again.
    """
    groups: dict[str, list[NodeFacts]] = {}
    for node in sorted(filter(is_capture, nodes), key=lambda node: node.number):
        groups.setdefault(f"{node.parent}{'+ir' if node.infrared else ''}", []).append(node)
    ids = {key: named[key] for key, members in groups.items() if _still(named.get(key), _id(members[0]))}
    for key, members in groups.items():
        if key not in ids:
            plain = _id(members[0])
            free = plain not in taken and plain not in ids.values()
            ids[key] = plain if free else CameraId(f"{plain}@{members[0].parent_name}")
    return {key: _camera(ids[key], members) for key, members in groups.items()}


def _still(given: CameraId | None, plain: CameraId) -> bool:
    """Whether an id given before still fits: another device may sit at the same port by now."""
    return given is not None and (given == plain or given.startswith(f"{plain}@"))


def _id(node: NodeFacts) -> CameraId:
    end = "+ir" if node.infrared else ""
    if node.usb is None:
        return CameraId(f"{'virtual' if node.virtual else 'device'}:{_plain(node.parent_name)}{end}")
    if node.usb.serial:
        return CameraId(f"usb:{node.usb.usb_id}:{_plain(node.usb.serial)}{end}")
    return CameraId(f"usb:{node.usb.usb_id}@{node.usb.port}{end}")


def _plain(text: str) -> str:
    """A serial number is the device's own to choose: only harmless characters enter an id."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:64]


def _camera(identity: CameraId, members: list[NodeFacts]) -> Camera:
    first = members[0]
    nodes = tuple(Node(node.path, node.number) for node in members)
    usb_id, serial = (first.usb.usb_id, first.usb.serial or None) if first.usb else (None, None)
    return Camera(identity, _name(first), nodes, _kind(first), usb_id, serial, first.driver)


def _kind(node: NodeFacts) -> CameraKind:
    if node.virtual or (node.driver or "").lower() in _TEST_DRIVERS:
        return CameraKind.VIRTUAL
    return CameraKind.INFRARED if node.infrared else CameraKind.WEBCAM


def _name(node: NodeFacts) -> str:
    """A name for people, never empty.

    The kernel writes "product: function" and cuts that to 31 characters, so "Integrated Camera: Integrated C".
    """
    name = " ".join((node.name or node.product).split())
    head, colon, tail = name.partition(": ")
    interface = " ".join(node.interface.split())
    if node.infrared and interface and _INFRARED.search(interface):
        return interface
    if colon and (head.startswith(tail) or tail.startswith(head)):
        name = head
    name = name.removesuffix(":").strip()
    if node.infrared and not _INFRARED.search(name):
        name = f"{head} (infrared)"
    if _UNNAMED.fullmatch(name) and node.model:
        return node.model
    return name or node.model or f"Camera {node.sysname}"
