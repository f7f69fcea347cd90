"""Who gives a virtual camera its pictures, told from who takes them; see v4l2loopback's own description.

Such a camera has one node for both, and most programs open it for both. What tells from outside:

- a descriptor that can only write: nothing can be read or mapped by it (the kernel's own word);
- the trace of a buffer handed in (root; for those who hand buffers in, and not for those who write);
- the driver's ``format``, which is empty until somebody feeds the camera. Who alone has held it from then, when it was
  empty and nobody held it, until it was no longer, is the one (inferred).

Where nobody feeds it there is nothing to take, whoever holds it. Where none of these tells, a holder is a viewer: too
much is said then, never too little.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from camguard.core.model import Camera, CameraKind, Holder, Node, ProcessIdentity
from camguard.core.part import Part

SYSFS = "/sys/dev/char"
_LONGEST = 128


class Feeds:
    """What the drivers of virtual cameras tell in sysfs; no node is opened for it."""

    def __init__(self, sysfs: str = SYSFS) -> None:
        self._sysfs = sysfs

    def fed(self, camera: Camera) -> bool | None:
        """Whether somebody feeds this camera, or has fed it since it was opened; None where nobody could."""
        if camera.kind is not CameraKind.VIRTUAL:
            return None
        formats = [found for node in camera.nodes if (found := self._format(node)) is not None]
        return any(formats) if formats else None

    def _format(self, node: Node) -> bytes | None:
        if node.pretend:
            return None
        folder = f"{self._sysfs}/{node.number[0]}:{node.number[1]}"
        # Other drivers may have something called "format"; this one has all three.
        if not all(os.path.exists(f"{folder}/{name}") for name in ("buffers", "max_openers")):
            return None
        try:
            fd = os.open(f"{folder}/format", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return os.read(fd, _LONGEST).strip()
        except OSError:
            return b""  # older versions of the driver say so while there is none
        finally:
            os.close(fd)


class Feeding:
    """What a holder of one camera has to do with its pictures. Pure; not for use from two threads."""

    def __init__(self) -> None:
        self._fed: bool | None = None
        self._was_blank = False
        self._alone: ProcessIdentity | None = None
        self._feeders: set[ProcessIdentity] = set()

    @property
    def possible(self) -> bool:
        """Whether this is a camera that can be fed."""
        return self._fed is not None

    def proven(self, identity: ProcessIdentity) -> None:
        """Take in that a process handed in a picture."""
        self._feeders.add(identity)

    def take(
        self, holders: Collection[ProcessIdentity], *, fed: bool | None, unclear: bool = False, settled: bool = False
    ) -> None:
        """Take in who holds the camera and whether it is fed.

        `unclear` where there may be others. `settled` where all has just been looked through: otherwise a camera that
        is fed and that nobody holds is one whose holder we are yet to hear of.
        """
        self._fed = fed
        self._feeders.intersection_update(holders)
        if fed is None or unclear:
            self._was_blank, self._alone = False, None
        elif not holders:
            self._was_blank, self._alone = not fed or (self._was_blank and not settled), None
        elif self._was_blank:
            (first, *others) = holders
            self._alone = self._alone or first
            if others or first != self._alone:
                self._was_blank, self._alone = False, None
            elif fed:
                self._was_blank = False
                self._feeders.add(first)

    def part(self, holder: Holder, *, writes_only: bool) -> Part:
        """What a holder is, as things stand."""
        if self._fed is None:
            return Part.VIEWS
        if holder.process.identity in self._feeders or (writes_only and not holder.mapped):
            return Part.FEEDS
        return Part.VIEWS if self._fed else Part.WAITS
