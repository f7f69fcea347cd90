"""Pretend cameras: every ``NAME.camera`` in a folder is one, plugged in by making the file, unplugged by removing it.

Switched off, it is called ``NAME.off``.

The file may say more about itself in TOML: ``name``, ``kind`` (webcam, infrared, virtual), ``usb_id``, ``serial``.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from camguard.core.model import Camera, CameraId, CameraKind, Node
from camguard.errors import ConfigError, SensorError
from camguard.shapes import Shape
from camguard.toml_source import TomlSource

SUFFIX = ".camera"
_SETTLE_S = 0.02

_Known = tuple[tuple[int, ...], Camera]
"""A camera as its file had it, and what tells whether that file is still the same."""


class _Content(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str | None = None
    kind: CameraKind = CameraKind.WEBCAM
    usb_id: str | None = None
    serial: str | None = None


_CONTENT = Shape(_Content)


def make_camera(
    folder: Path,
    name: str,
    *,
    kind: CameraKind = CameraKind.WEBCAM,
    usb_id: str | None = None,
    serial: str | None = None,
) -> Path:
    """Plug a pretend camera in: write its file, a page long so that it can be mapped, and move it into place at once.

    Returns the file, which is the camera's node.
    """
    fields = {"name": name, "kind": kind.value, "usb_id": usb_id, "serial": serial}
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if value is not None]
    text = ("\n".join(lines) + "\n").encode()
    stem = "".join(character if character.isalnum() or character in "-_ ." else "_" for character in name)
    path = folder / f"{stem}{SUFFIX}"
    draft = path.with_suffix(".draft")
    draft.write_bytes(text.ljust(-(-len(text) // mmap.PAGESIZE) * mmap.PAGESIZE, b"\n"))
    return draft.replace(path)


class SimulatedCameras:
    """Implements `camguard.ports.CameraSource` over the files of a folder that end in `suffix`."""

    def __init__(self, folder: Path, suffix: str = SUFFIX) -> None:
        self.folder = folder
        self._suffix = suffix
        self._read: Mapping[str, _Known] = {}

    def cameras(self) -> tuple[Camera, ...]:
        """All pretend cameras, by file name.

        A file is read when it changed and at no other time, since reading it is an open of the node. Raises
        ConfigError where a file's content, or the folder, is not as it should be.
        """
        try:
            names = sorted(name for name in os.listdir(self.folder) if name.endswith(self._suffix))
        except OSError as error:
            raise ConfigError(f"{self.folder}: no folder of pretend cameras ({error.strerror})") from error
        # Others may ask in other threads meanwhile: what was read is changed by nobody, and replaced as a whole.
        before = self._read
        found = {name: known for name in names if (known := self._camera(name, before)) is not None}
        self._read = found
        return tuple(camera for _, camera in found.values())

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` on the running event loop when a file comes, goes or is rewritten; returns what stops it."""
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def hint() -> None:
            nonlocal timer
            if timer is not None:
                timer.cancel()
            timer = loop.call_later(_SETTLE_S, changed)

        observer = Observer()
        events: list[type[FileSystemEvent]] = [FileCreatedEvent, FileDeletedEvent, FileMovedEvent, FileClosedEvent]
        try:
            observer.schedule(_Handler(lambda: loop.call_soon_threadsafe(hint)), str(self.folder), event_filter=events)
            observer.start()
        except OSError as error:
            raise SensorError(f"{self.folder} cannot be watched: {error.strerror or error}") from error

        def stop() -> None:
            observer.stop()
            observer.join()
            if timer is not None:
                timer.cancel()

        return stop

    def _camera(self, name: str, before: Mapping[str, _Known]) -> _Known | None:
        path = self.folder / name
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                return None
            version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            known = before.get(name)
            if known is not None and known[0] == version:
                return known
            content = TomlSource.read(path).decode(_CONTENT)
        except FileNotFoundError:  # unplugged meanwhile
            return None
        stem = name.removesuffix(self._suffix)
        node = Node(str(path.resolve()), (found.st_dev, found.st_ino), pretend=True)
        camera = Camera(
            CameraId(f"simulated:{stem}"),
            content.name or stem or "Pretend camera",
            (node,),
            content.kind,
            content.usb_id,
            content.serial,
            "simulated",
        )
        return (version, camera)


class _Handler(FileSystemEventHandler):
    """Hints at every event about a pretend camera."""

    def __init__(self, hint: Callable[[], object]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        if any(os.fsdecode(path).endswith(SUFFIX) for path in (event.src_path, event.dest_path)):
            self._hint()
