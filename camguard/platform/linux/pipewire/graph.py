"""Which camera node is in use by which client: nodes, links and clients as pw-dump tells them. Pure, no I/O.

The server gives every object an id, which it gives to another as soon as the object is gone, and a serial, which it
never gives again (``object.serial``). Of a client it states by itself who opened the connection (``pipewire.sec.*``),
of a node which client made it (``client.id``); these no client can change. All other properties are the client's to
choose, on its nodes even those that are called ``pipewire.sec.*``: they are hints, and never more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

MANY = 4096
"""Objects of one type that are kept; a session has some dozens. What comes after is left out."""

TEXT_LIMIT = 256
"""Characters that are kept of a text which a client chose."""

PORTAL_ACCESS = frozenset({"portal", "xdg-desktop-portal"})
"""What the server calls the access of a client that came through the portal, before and since 1.4."""

_INTERFACE = "PipeWire:Interface:"
_NO_ID = -1
_NUMBER = re.compile(r"[0-9]{1,18}")
_MANY_NUMBERS = 16


@dataclass(frozen=True, slots=True)
class Link:
    """A link by its id, good for commands, and its serial, which says that it is this one still."""

    id: int
    serial: int


@dataclass(frozen=True, slots=True)
class Client:
    """One connection. `pid` and `uid` are of the process that opened it, by the server's word (SO_PEERCRED).

    `access` is what the server lets it do, `app_id` what the portal said which app it is for: proof only where the
    process *is* the portal. `name` is what it calls itself, a hint.
    """

    id: int
    serial: int
    pid: int | None
    uid: int | None
    access: str | None = None
    app_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CameraNode:
    """A source that says it is a camera. `client` made it, None where the server itself did.

    `path` is the V4L2 device that it says it reads, `numbers` the device numbers (dev_t) where it says those. Whoever
    may connect can make such a node: believe it only where its client is a session manager.
    """

    id: int
    serial: int
    name: str
    path: str | None
    numbers: tuple[int, ...]
    client: Client | None
    orphaned: bool = False
    """Whether it was made by a client that is not known any more."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who has a camera node's pictures by `links` that are active now; `client` None where that is not known."""

    client: Client | None
    links: tuple[Link, ...]

    @property
    def serial(self) -> int | None:
        """The client's serial."""
        return None if self.client is None else self.client.serial


@dataclass(frozen=True, slots=True)
class CameraUse:
    """One camera node and who uses it, maybe nobody: oldest client first, last those who are not known."""

    node: CameraNode
    consumers: tuple[Consumer, ...]


@dataclass(frozen=True, slots=True)
class _Node:
    id: int
    serial: int
    client: int | None
    camera: bool
    name: str
    path: str | None
    numbers: tuple[int, ...]
    device: int | None


@dataclass(frozen=True, slots=True)
class _Link:
    id: int
    serial: int
    source: int
    sink: int
    active: bool


class Graph:
    """What one PipeWire instance consists of, as far as cameras are concerned."""

    def __init__(self) -> None:
        self._nodes: dict[int, _Node] = {}
        self._links: dict[int, _Link] = {}
        self._clients: dict[int, Client] = {}
        self._devices: dict[int, tuple[int, ...]] = {}

    def apply(self, told: Mapping[str, Any]) -> None:
        """Take in one object that is new, has changed or is gone; what makes no sense is as if it were gone."""
        id_ = _integer(told.get("id"))
        if id_ is None:
            return
        self._forget(id_)
        info = told.get("info")
        type_ = told.get("type")
        if not isinstance(info, dict) or not isinstance(type_, str):
            return
        properties = info.get("props")
        properties = properties if isinstance(properties, dict) else {}
        serial = _integer(properties.get("object.serial"))
        if serial is None:
            return
        match type_.removeprefix(_INTERFACE):
            case "Node":
                _put(self._nodes, id_, _node(id_, serial, properties))
            case "Client":
                _put(self._clients, id_, _client(id_, serial, properties))
            case "Device":
                _put(self._devices, id_, _numbers(properties))
            case "Link":
                link = _link(id_, serial, info)
                if link is not None:
                    _put(self._links, id_, link)

    def _forget(self, id_: int) -> None:
        self._nodes.pop(id_, None)
        self._links.pop(id_, None)
        self._clients.pop(id_, None)
        self._devices.pop(id_, None)

    def uses(self) -> tuple[CameraUse, ...]:
        """All camera nodes, also those that nobody uses now, in a steady order.

        A link that is told to be active counts whatever its nodes' states are told to be: those follow later.
        """
        by_node: dict[int, dict[int | None, list[_Link]]] = {
            node.id: {} for node in sorted(self._nodes.values(), key=lambda node: node.serial) if node.camera
        }
        for link in self._links.values():
            if link.active and link.source in by_node:
                sink = self._nodes.get(link.sink)
                client = None if sink is None or sink.client is None else self._clients.get(sink.client)
                by_node[link.source].setdefault(None if client is None else client.id, []).append(link)
        return tuple(CameraUse(self._camera(self._nodes[id_]), self._consumers(by)) for id_, by in by_node.items())

    def holds(self, link: Link, client: Client) -> bool:
        """Whether this very link is there, and leads to this very client."""
        known = self._links.get(link.id)
        if known is None or known.serial != link.serial:
            return False
        sink = self._nodes.get(known.sink)
        now = None if sink is None or sink.client is None else self._clients.get(sink.client)
        return now is not None and (now.serial, now.pid) == (client.serial, client.pid)

    def has(self, link: Link) -> bool:
        """Whether this very link is there."""
        known = self._links.get(link.id)
        return known is not None and known.serial == link.serial

    def _camera(self, node: _Node) -> CameraNode:
        client = None if node.client is None else self._clients.get(node.client)
        orphaned = node.client is not None and client is None
        numbers = node.numbers or self._devices.get(-1 if node.device is None else node.device, ())
        return CameraNode(node.id, node.serial, node.name, node.path, numbers, client, orphaned)

    def _consumers(self, by: Mapping[int | None, Iterable[_Link]]) -> tuple[Consumer, ...]:
        consumers = [
            Consumer(
                None if id_ is None else self._clients[id_],
                tuple(sorted((Link(link.id, link.serial) for link in links), key=lambda link: link.serial)),
            )
            for id_, links in by.items()
        ]
        return tuple(sorted(consumers, key=lambda each: (each.client is None, each.serial or 0)))


def _put(objects: dict[int, Any], id_: int, object_: object) -> None:
    if len(objects) < MANY:
        objects[id_] = object_


def _node(id_: int, serial: int, properties: Mapping[str, Any]) -> _Node:
    return _Node(
        id_,
        serial,
        _reference(properties.get("client.id")),
        _is_camera(properties),
        _text(properties.get("node.description")) or _text(properties.get("node.name")) or "",
        _path(properties),
        _numbers(properties),
        _integer(properties.get("device.id")),
    )


def _is_camera(properties: Mapping[str, Any]) -> bool:
    """Whether it is a camera; a screen that is shared has the same class, and another role or none."""
    class_ = _text(properties.get("media.class")) or ""
    return class_.split("/")[:2] == ["Video", "Source"] and properties.get("media.role") == "Camera"


def _path(properties: Mapping[str, Any]) -> str | None:
    """The V4L2 device: ``api.v4l2.path``, or ``object.path``, which is "v4l2:" and the same."""
    path = _text(properties.get("api.v4l2.path"))
    if path is None:
        kind, _, path = (_text(properties.get("object.path")) or "").partition(":")
        if kind != "v4l2":
            return None
    return path if path.startswith("/") and "\0" not in path else None


def _numbers(properties: Mapping[str, Any]) -> tuple[int, ...]:
    """``device.devids``: the numbers (dev_t) of all devices behind it; libcamera tells them too."""
    told = properties.get("device.devids")
    words = told.split() if isinstance(told, str) else [told]
    numbers = (_integer(int(word) if isinstance(word, str) and _NUMBER.fullmatch(word) else word) for word in words)
    return tuple(number for number in islice(numbers, _MANY_NUMBERS) if number is not None)


def _client(id_: int, serial: int, properties: Mapping[str, Any]) -> Client:
    return Client(
        id_,
        serial,
        _integer(properties.get("pipewire.sec.pid")),
        _integer(properties.get("pipewire.sec.uid")),
        _text(properties.get("pipewire.access")),
        _text(properties.get("pipewire.access.portal.app_id")),
        _text(properties.get("application.name")),
    )


def _link(id_: int, serial: int, info: Mapping[str, Any]) -> _Link | None:
    source, sink = _integer(info.get("output-node-id")), _integer(info.get("input-node-id"))
    if source is None or sink is None:
        return None
    return _Link(id_, serial, source, sink, info.get("state") == "active")


def _reference(value: object) -> int | None:
    """An id that may be left open; one that is there and cannot be read leads to nothing."""
    return None if value is None else _NO_ID if (id_ := _integer(value)) is None else id_


def _integer(value: object) -> int | None:
    """A whole number that the server may have meant: pw-dump writes what looks like a number as one."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        return None
    return value


def _text(value: object) -> str | None:
    """A text, also one that pw-dump took for a number or a truth, at most `TEXT_LIMIT` characters of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)[:TEXT_LIMIT] if not isinstance(value, int) or abs(value) < 1 << 63 else None
    return value[:TEXT_LIMIT] if isinstance(value, str) and value else None
