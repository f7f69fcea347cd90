"""Hints that something happened at a camera's nodes: by fanotify as root, by inotify as a user (see `userwatch`).

A hint is never counted. What it says at most is "look again", and who opened where the kernel tells that. Both
sources fill the same `Mailbox`; what is not taken yet is merged, so a storm costs no memory beyond the set of its
openers.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from camguard.core.model import Camera, Moment, Node, Process, ProcessIdentity
from camguard.errors import ProcessGone
from camguard.platform.linux import fanotify
from camguard.platform.linux.procfs import ProcessReader
from camguard.ports import Clock

_REMEDIES = {
    errno.EACCES: "you may not read it; join the group that owns it (often `video`), or run the guard as root",
    errno.ENOENT: "it is gone, though its camera is still listed; plug the camera in again",
    errno.ESTALE: "another device is in its place; plug the camera in again",
    errno.ENOSPC: "the limit fs.inotify.max_user_watches is reached; raise it with sysctl",
    errno.EMFILE: "the limit fs.inotify.max_user_instances is reached; raise it with sysctl",
}


@dataclass(slots=True)
class Hints:
    """What happened at one node since it was last asked after.

    `openers` could be read at once; `missed` says that one was gone before. `unseen_open` and `unseen_close` are
    events whose process the source does not tell: all of them for a user, for root those from outside our
    pid namespace. `closers` are the pids that closed it, where that is told. `changed` says that the node itself may be
    another now.
    """

    opened_at: Moment | None = None
    openers: dict[ProcessIdentity, Process] = field(default_factory=dict)
    pids: set[int] = field(default_factory=set)
    closers: set[int] = field(default_factory=set)
    missed: bool = False
    closed: bool = False
    unseen_open: bool = False
    unseen_close: bool = False
    changed: bool = False
    overflow: bool = False

    def add(self, later: Hints) -> None:
        """Merge what happened later into this."""
        self.opened_at = self.opened_at or later.opened_at
        self.openers.update(later.openers)
        self.pids |= later.pids
        self.closers |= later.closers
        self.missed |= later.missed
        self.closed |= later.closed
        self.unseen_open |= later.unseen_open
        self.unseen_close |= later.unseen_close
        self.changed |= later.changed
        self.overflow |= later.overflow


class Mailbox:
    """Where a watching thread leaves hints for the loop: `wake` is called once, however many come before `take`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._hints: dict[str, Hints] = {}

    def put(self, path: str, hints: Hints) -> None:
        """Leave a hint about the node at `path`; from any thread."""
        with self._lock:
            first = not self._hints
            known = self._hints.get(path)
            if known is None:
                self._hints[path] = hints
            else:
                known.add(hints)
        if first:
            self._wake()

    def take(self) -> dict[str, Hints]:
        """All hints by node path, which are then no longer here."""
        with self._lock:
            hints, self._hints = self._hints, {}
        return hints

    def waiting(self) -> bool:
        """Whether there is a hint that was not taken yet."""
        return bool(self._hints)


class NodeWatch(Protocol):
    """Watches nodes and leaves hints in the mailbox it was made with."""

    def watch(self, node: Node) -> None:
        """Watch this node, or again after it may have been made anew; a second time does no harm.

        Raises OSError where that cannot be done, ESTALE where another node is at its path.
        """

    def forget(self, path: str) -> None:
        """Watch the node no longer."""

    def check(self) -> None:
        """Raise whatever made the watching end."""

    def close(self) -> None:
        """Stop, and wait until that is done."""


def expect(node: Node, found: os.stat_result) -> None:
    """Raise OSError (ESTALE) where what was found at a node's path is not that node."""
    number = (found.st_dev, found.st_ino) if node.pretend else (os.major(found.st_rdev), os.minor(found.st_rdev))
    if number != node.number or (stat.S_ISCHR(found.st_mode) is node.pretend):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), node.path)


class FanotifyWatch:
    """The watch of root: a thread that waits for the kernel and reads an opener's facts before it can be gone."""

    def __init__(self, reader: ProcessReader, clock: Clock, box: Mailbox) -> None:
        self._reader = reader
        self._clock = clock
        self._box = box
        self._own_pid = os.getpid()
        self._lock = threading.Lock()
        self._groups: dict[str, fanotify.Group] = {}
        self._paths: dict[int, str] = {}
        self._epoll = select.epoll()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._epoll.register(self._stop, select.EPOLLIN)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="camguard-watch")
        self._done: Future[None] = self._pool.submit(self._run)
        self._done.add_done_callback(lambda _: box.put("", Hints()))

    def watch(self, node: Node) -> None:
        """Mark the node; see `NodeWatch.watch`."""
        with self._lock:
            group = self._groups.get(node.path)
        fresh = group is None
        group = group or fanotify.Group()
        try:
            _mark(group, node)
        except OSError:
            if fresh:
                group.close()
            raise
        if fresh:
            with self._lock:
                self._groups[node.path] = group
                self._paths[group.fd] = node.path
            self._epoll.register(group.fd, select.EPOLLIN)

    def forget(self, path: str) -> None:
        """Drop the node's mark."""
        with self._lock:
            group = self._groups.pop(path, None)
            if group is not None:
                del self._paths[group.fd]
                self._epoll.unregister(group.fd)
                group.close()

    def check(self) -> None:
        """Raise whatever made the thread end."""
        if self._done.done():
            self._done.result()

    def close(self) -> None:
        """Stop the thread and give everything back."""
        os.eventfd_write(self._stop, 1)
        self._pool.shutdown(wait=True)
        for path in list(self._groups):
            self.forget(path)
        self._epoll.close()
        os.close(self._stop)

    def _run(self) -> None:
        while True:
            for fd, _ in self._epoll.poll():
                if fd == self._stop:
                    return
                # Under the lock, so that `forget` cannot give the number of a closed group to somebody else.
                with self._lock:
                    path = self._paths.get(fd)
                    if path is not None:
                        self._drain(path)

    def _drain(self, path: str) -> None:
        events = self._groups[path].read()
        try:
            for event in events:
                hints = self._hints(event)
                if hints is not None:
                    self._box.put(path, hints)
        finally:
            fanotify.release(events)

    def _hints(self, event: fanotify.Event) -> Hints | None:
        mask, pid, pidfd = event
        if mask & fanotify.OVERFLOW:
            return Hints(overflow=True)
        opened, closed, changed = mask & fanotify.OPENED, mask & fanotify.CLOSED, mask & fanotify.CHANGED
        if pid == self._own_pid:
            return Hints(changed=True) if changed else None
        hints = Hints(closed=bool(closed), changed=bool(changed))
        if not pid:
            hints.unseen_open, hints.unseen_close = bool(opened), bool(closed)
        elif opened or closed:
            hints.pids.add(pid)
            hints.closers |= {pid} if closed else set()
        if opened:
            process = self._facts(pid, pidfd)
            hints.opened_at = self._clock.now()
            if process is not None and process.identity is not None:
                hints.openers[process.identity] = process
            elif pid:
                hints.missed = True
        return hints

    def _facts(self, pid: int, pidfd: int | None) -> Process | None:
        """The opener's facts, if they are surely its own: the pid was not free while they were read."""
        if pidfd is None:
            return None
        try:
            process = self._reader.process(pid)
            signal.pidfd_send_signal(pidfd, 0)
        except (ProcessGone, ProcessLookupError):
            return None
        except PermissionError:
            return process  # it is there, and not ours to signal
        return process


def _mark(group: fanotify.Group, node: Node) -> None:
    """Mark the very node that was looked at, though its path may be given to another meanwhile."""
    handle = os.open(node.path, os.O_PATH | os.O_CLOEXEC)
    try:
        expect(node, os.fstat(handle))
        group.mark(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def nodes_of(cameras: Iterable[Camera]) -> tuple[Node, ...]:
    """All nodes of all these cameras."""
    return tuple(node for camera in cameras for node in camera.nodes)


def remedy(error: OSError) -> str:
    """Why a node cannot be watched, and what to do about it."""
    return _REMEDIES.get(error.errno or 0, os.strerror(error.errno or errno.EIO))
