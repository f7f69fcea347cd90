"""Which processes have a camera open for others, and for whom.

A broker is known by its executable, never by a name. What it says is as good as the user whose process it is: so it
is believed of that user's own processes, and of nobody else's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from camguard.core.confidence import Confidence, Through
from camguard.core.events import HoldersSeen
from camguard.core.model import Camera, Holder, Process
from camguard.errors import BrokerError, ProcessGone
from camguard.platform.linux.knowledge import knowledge
from camguard.platform.linux.pipewire.graph import PORTAL_ACCESS, CameraNode, CameraUse, Client, Consumer
from camguard.platform.linux.pipewire.tools import Instance, instance_of, snapshot
from camguard.platform.linux.procfs import ProcessReader
from camguard.platform.linux.protected import is_systems_own

_APP_ID = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_OF_UDEV = re.compile(r"/dev/(video[0-9]{1,4}|v4l/by-(id|path)/[^/]{1,255})")
_MANY_MET = 256

Uses = tuple[CameraUse, ...]


class Brokers:
    """Knows brokers, and resolves their clients to processes. `find` tells a user's PipeWire."""

    def __init__(self, reader: ProcessReader, find: Callable[[int], Instance | None] = instance_of) -> None:
        self.find = find
        self._reader = reader
        self._met: dict[tuple[int, int], Process] = {}

    def is_broker(self, process: Process) -> bool:
        """Whether this process has cameras open for others."""
        return self._runs(process, knowledge().brokers.executables)

    def is_brokers(self, pid: int) -> bool:
        """Whether the process of that pid is a broker."""
        try:
            return self.is_broker(self._reader.process(pid))
        except ProcessGone:
            return False

    def clients(self, broker: Process, camera: Camera, uses: Uses) -> frozenset[Holder] | None:
        """Who has a camera through a broker; nobody where it only keeps it open.

        None where what is told of PipeWire says nothing of this camera, so that it does not explain why it is open.
        """
        mine = [use for use in uses if _is_of(use.node, camera) and self._trusted(use.node, broker)]
        if not mine:
            return None
        return frozenset(
            Holder(self.process(broker, consumer.client), mapped=True) for use in mine for consumer in use.consumers
        )

    def replaced(self, seen: HoldersSeen, camera: Camera) -> HoldersSeen:
        """A sighting with the clients in the place of every broker that a look at PipeWire explains. Blocking."""
        holders: set[Holder] = set()
        for holder in seen.holders:
            clients = self._clients_now(holder.process, camera) if self.is_broker(holder.process) else None
            holders |= {holder} if clients is None else clients
        return HoldersSeen(seen.camera, frozenset(holders), seen.at, seen.openers, seen.first)

    def consumers(self, process: Process) -> Iterable[tuple[Instance, Consumer]]:
        """The connections by which a process has cameras now, all of which can be cut. Blocking.

        Raises BrokerError where PipeWire cannot be asked.
        """
        through = process.through
        instance = None if process.uid is None or through is None else self.find(process.uid)
        if instance is None or through is None:
            return
        broker = Process(None, exe=through.broker, uid=process.uid)
        for use in snapshot(instance).uses():
            if not self._trusted(use.node, broker):
                continue
            for consumer in use.consumers:
                found = self.process(broker, consumer.client)
                if found.identity == process.identity and found.kinship == process.kinship and found.known:
                    yield instance, consumer

    def process(self, broker: Process, client: Client | None) -> Process:
        """The process of a client, with how it has the camera; an unknown one where that cannot be told."""
        exe, pid = broker.exe or broker.name, broker.pid or 0
        says = None if client is None else client.name
        unknown = Process(None, through=Through(Confidence.UNKNOWN, exe, pid, says=says))
        if client is None or client.pid is None:
            return unknown
        found = self._meet(client.serial, client.pid)
        if found is None or found.uid != broker.uid or client.uid != broker.uid:
            return unknown
        if not self._runs(found, knowledge().brokers.portals):
            through = Through(Confidence.BROKER, exe, pid, says=says)
        elif client.access in PORTAL_ACCESS and client.app_id and _APP_ID.fullmatch(client.app_id):
            through = Through(Confidence.PORTAL, exe, pid, client.app_id, says)
        else:
            through = Through(Confidence.SELF_DECLARED, exe, pid, says=says)
        return replace(found, through=through)

    def _clients_now(self, broker: Process, camera: Camera) -> frozenset[Holder] | None:
        instance = None if broker.uid is None else self.find(broker.uid)
        if instance is None:
            return None
        try:
            return self.clients(broker, camera, snapshot(instance).uses())
        except BrokerError:
            return None

    def _meet(self, serial: int, pid: int) -> Process | None:
        """The process that a client was when it was met first: its pid may be another's while its connection lasts."""
        known = self._met.get((serial, pid))
        if known is not None:
            return known
        try:
            found = self._reader.process(pid)
        except ProcessGone:
            return None
        if len(self._met) >= _MANY_MET:
            self._met.clear()
        self._met[serial, pid] = found
        return found

    def _trusted(self, node: CameraNode, broker: Process) -> bool:
        """Whether a node is the broker's own, or its session manager's: any client can make one that says anything."""
        if node.client is None:
            return not node.orphaned
        if node.client.pid is None:
            return False
        try:
            maker = self._reader.process(node.client.pid)
        except ProcessGone:
            return False
        return maker.uid == broker.uid and self.is_broker(maker)

    def _runs(self, process: Process, names: tuple[str, ...]) -> bool:
        """Whether a process runs the system's own program of one of these names."""
        if process.exe is None or process.pid is None or os.path.basename(process.exe) not in names:
            return False
        try:
            running = os.stat(f"{self._reader.proc}/{process.pid}/exe")
        except OSError:
            return False
        return is_systems_own(process.exe, running)


def _is_of(node: CameraNode, camera: Camera) -> bool:
    """Whether a node of PipeWire is this camera; one that names no device may be any."""
    if node.path is None and not node.numbers:
        return True
    numbers = {each.number for each in camera.nodes if not each.pretend}
    if any((os.major(number), os.minor(number)) in numbers for number in node.numbers):
        return True
    return node.path is not None and (
        any(each.path == node.path for each in camera.nodes) or _number(node.path) in numbers
    )


def _number(path: str) -> tuple[int, int] | None:
    """The device number behind a path, which may be one of udev's links; none where it leads elsewhere.

    The path is a user's word: what it led to might not answer (a file system over a network, say).
    """
    if not _OF_UDEV.fullmatch(path):
        return None
    try:
        device = os.stat(path).st_rdev
    except OSError:
        return None
    return (os.major(device), os.minor(device))
