"""Hints for a guard without rights: inotify(7) on each node, by watchdog. It tells that, never who.

Root does without this module, and is spared watchdog's seven megabytes: it is imported only where it is used.

watchdog is used by its emitters, one a node: its observers watch the *folder* of a plain file (since 7.0), and
would miss a pretend node that is opened by another name. The kernel keeps 16,384 unread events at most; that it had
to drop some, watchdog tells in its log and nowhere else (since 7.0).
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from typing import Any

from watchdog import events
from watchdog.events import FileSystemEvent
from watchdog.observers.api import EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter

from camguard.core.model import Node
from camguard.platform.linux.nodewatch import Hints, Mailbox, expect
from camguard.ports import Clock

_LOG = logging.getLogger("watchdog.observers.inotify_c")
_WANTED: list[type[FileSystemEvent]] = [
    events.FileOpenedEvent,
    events.FileClosedEvent,
    events.FileClosedNoWriteEvent,
    events.FileModifiedEvent,
    events.FileDeletedEvent,
    events.DirDeletedEvent,  # what watchdog makes of any watch that is deleted
    *([events.FileAttribEvent] if hasattr(events, "FileAttribEvent") else []),  # a modification before 7.0
]


class _NodeItself(ObservedWatch):
    """A watch on a node's own inode, be it a device or a plain file."""

    def __init__(self, path: str) -> None:
        super().__init__(path, recursive=False, event_filter=_WANTED)
        if getattr(self, "is_file", False):  # not before 7.0, which watched the file
            self.is_file = False
            self.path = path


class _Straight(EventQueue):
    """Hands every event on in the thread that read it."""

    def __init__(self, note: Callable[[FileSystemEvent], None]) -> None:
        super().__init__()
        self._note = note

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        """Called by an emitter with (event, watch)."""
        self._note(item[0])


class _Overflows(logging.Handler):
    """Listens to watchdog's log for events that were lost."""

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the log."""
        if "overflow" in record.getMessage():
            self._lost()


class UserWatch:
    """The watch of a user; see `nodewatch.NodeWatch`."""

    def __init__(self, clock: Clock, box: Mailbox) -> None:
        self._clock = clock
        self._box = box
        self._emitters: dict[str, tuple[InotifyEmitter, tuple[int, int]]] = {}
        self._deleted: set[str] = set()
        self._overflows = _Overflows(lambda: box.put("", Hints(overflow=True)))
        _LOG.addHandler(self._overflows)

    def watch(self, node: Node) -> None:
        """Watch the node; see `NodeWatch.watch`."""
        found = os.stat(node.path)
        expect(node, found)
        inode = (found.st_dev, found.st_ino)
        known = self._emitters.get(node.path)
        if known is not None and known[1] == inode and node.path not in self._deleted:
            return
        self.forget(node.path)
        emitter = InotifyEmitter(_Straight(self._note), _NodeItself(node.path), event_filter=_WANTED)
        emitter.start()
        self._emitters[node.path] = (emitter, inode)
        expect(node, os.stat(node.path))

    def forget(self, path: str) -> None:
        """Drop the node's watch."""
        known = self._emitters.pop(path, None)
        self._deleted.discard(path)
        if known is not None:
            known[0].stop()
            known[0].join()

    def check(self) -> None:
        """Raise OSError where one of watchdog's threads has ended by itself."""
        for path, (emitter, _) in self._emitters.items():
            if not emitter.is_alive() and path not in self._deleted:
                raise OSError(errno.EIO, "the inotify watch has stopped", path)

    def close(self) -> None:
        """Stop watchdog's threads."""
        for path in list(self._emitters):
            self.forget(path)
        _LOG.removeHandler(self._overflows)

    def _note(self, event: FileSystemEvent) -> None:
        path = os.fsdecode(event.src_path)
        match event.event_type:
            case "opened":
                self._box.put(path, Hints(opened_at=self._clock.now(), unseen_open=True))
            case "closed" | "closed_no_write":
                self._box.put(path, Hints(closed=True, unseen_close=True))
            case "deleted":
                self._deleted.add(path)
                self._box.put(path, Hints(changed=True))
            case _:
                self._box.put(path, Hints(changed=True))
