"""Whose the frames are that the kernel's trace tells of: of which camera, where it does not say so itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from camguard.platform.linux.holdings import Holdings
from camguard.platform.linux.streaming import Taken

PATIENCE_S = 30.0
"""How long frames by read() wait for the open of the process that took them to be heard of, on a machine that lags."""

KEPT = 256


class Takers:
    """Finds the camera of frames. `holds` looks whether a process holds one, and tells if that is news.

    `meet` is told of a process that took frames of a camera and is not known to hold it.
    """

    def __init__(self, holds: Callable[[Holdings, int], bool], meet: Callable[[Holdings, int], None]) -> None:
        self._holds = holds
        self._meet = meet
        self._waiting: dict[int, tuple[int, float]] = {}

    @property
    def waiting(self) -> bool:
        """Whether there are frames of which it is not known yet whose they are."""
        return bool(self._waiting)

    def claim(
        self, counts: Mapping[Taken, int], cameras: Collection[Holdings], now_s: float
    ) -> Iterator[tuple[Holdings, int, int]]:
        """Of each lot of frames the camera, the pid and how many; what cannot be told yet is kept for a while."""
        for (minor, pid), count in counts.items():
            if minor is None:
                before, since = self._waiting.get(pid, (0, now_s))
                self._waiting[pid] = (before + count, since)
            elif (holdings := self._by_minor(minor, pid, cameras)) is not None:
                yield holdings, pid, count
        for pid, (count, since) in list(self._waiting.items()):
            found = self._by_pid(pid, cameras)
            if found is not None:
                yield found, pid, count
            if found is not None or now_s - since > PATIENCE_S or len(self._waiting) > KEPT:
                del self._waiting[pid]

    def fed(self, minor: int, pid: int, cameras: Collection[Holdings]) -> Holdings | None:
        """The camera that a picture was handed to."""
        return self._by_minor(minor, pid, cameras)

    def _by_minor(self, minor: int, pid: int, cameras: Collection[Holdings]) -> Holdings | None:
        for holdings in cameras:
            if any(node.number[1] == minor and not node.pretend for node in holdings.camera.nodes):
                if not self._holds(holdings, pid):
                    self._meet(holdings, pid)
                return holdings
        return None

    def _by_pid(self, pid: int, cameras: Collection[Holdings]) -> Holdings | None:
        """The one camera that the process holds, else the one that it held last we heard."""
        found = [holdings for holdings in cameras if self._holds(holdings, pid)]
        found = found or [holdings for holdings in cameras if pid in holdings.lately]
        return found[0] if len(found) == 1 else None
