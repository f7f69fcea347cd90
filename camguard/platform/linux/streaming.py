"""Proof that pictures are taken: when to look for mapped buffers, and the kernel's trace of frames handed over.

Two trace events tell of a frame. ``v4l2:v4l2_dqbuf`` names the camera and fires for MMAP, USERPTR and DMABUF capture;
``vb2:vb2_dqbuf`` fires for those, just before it on the same thread, and alone for read(), and names no camera. A
frame is counted once: by the first where there is one, else by the second. The first also tells of buffers that
somebody handed in and got back empty (VIDEO_OUTPUT), as those do who give a virtual camera its pictures.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from camguard.platform.linux.procfs import thread_group

CHECKS_S = (0.002, 0.005, 0.010, 0.020, 0.040, 0.080, 0.160, 0.320)
"""How long to wait before each further look for a mapping after an open."""

SLOW_CHECK_S = 1.0
"""How often to look while somebody holds a camera."""

PAUSE_S = 0.25
"""Frames are counted in lots, so that thirty a second do not wake the guard thirty times."""

Taken = tuple[int | None, int]
"""(minor, pid) of whoever took a frame; the minor is None for read(), where the kernel does not tell it."""

_EVENTS = ("v4l2/v4l2_dqbuf", "vb2/vb2_dqbuf")
_BUFFER_KB = "512"
"""For each processor; what a guard that is kept from running does not read in time is lost."""
_READ = 1 << 16
_NAME = re.compile(r"camguard-(\d+)")

# "comm-tid (tgid) [cpu] flags time: event: ...". The greedy start takes a name that looks like a line for what it is.
_LINE = re.compile(
    rb".*-(\d+) +\( *(\d+|-+)\) +\[\d+\] \S+ +\d+\.\d+: "
    rb"(?:v4l2_dqbuf: minor = (\d+), index = \d+, type = VIDEO_(CAPTURE|OUTPUT)(?:_MPLANE)?,"
    rb"|vb2_dqbuf: owner = \S+, queued = \d+, owned_by_drv = \d+, index = \d+, type = [19],)"
)


_LOST = re.compile(rb"CPU:\d+ \[LOST (?:\d+ )?EVENTS\]")
"""What stands in the place of lines that were overwritten before anybody read them; see trace_pipe in ftrace.rst."""


class FrameCounter:
    """Counts frames from lines of the trace; what it does not know, it passes over."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._counts: Counter[Taken] = Counter()
        self._half: dict[int, int] = {}
        self._older: set[int] = set()
        self._handed_in: set[tuple[int, int]] = set()
        self._lost = False

    def feed(self, line: bytes) -> None:
        """Take in one line."""
        match = _LINE.match(line)
        if match is None:
            self._lost |= _LOST.match(line) is not None
            return
        thread = int(match[1])
        group = int(match[2]) if match[2].isdigit() else thread_group(self._proc, thread) or thread
        if match[3] is not None:
            if match[4] == b"OUTPUT":
                self._handed_in.add((int(match[3]), group))
                return
            self._half.pop(thread, None)
            self._counts[int(match[3]), group] += 1
            return
        self._complete(thread)
        self._half[thread] = group

    def take(self, *, settled: bool) -> dict[Taken, int]:
        """The frames counted since the last time.

        A frame whose second line may still come waits for it until the next time, unless all is `settled`.
        """
        for thread in list(self._half) if settled else [thread for thread in self._half if thread in self._older]:
            self._complete(thread)
        self._older = set(self._half)
        counts, self._counts = dict(self._counts), Counter()
        return counts

    def handed_in(self) -> set[tuple[int, int]]:
        """(minor, pid) of whoever handed pictures in since the last time."""
        told, self._handed_in = self._handed_in, set()
        return told

    def lost(self) -> bool:
        """Whether the trace lost lines since the last time: frames may have been taken of which nothing is known."""
        told, self._lost = self._lost, False
        return told

    @property
    def unfinished(self) -> bool:
        """Whether a frame waits for its second line."""
        return bool(self._half)

    def _complete(self, thread: int) -> None:
        group = self._half.pop(thread, None)
        self._older.discard(thread)
        if group is not None:
            self._counts[None, group] += 1


class FrameTrace:
    """A tracing instance of our own, so that nobody else's tracing is disturbed (see ftrace in the kernel's manual).

    Raises OSError where there is no such tracing, or it is not for us: no root, a locked-down kernel, no camera
    driver loaded yet.
    """

    def __init__(self, tracefs: str, proc: str = "/proc") -> None:
        self.counter = FrameCounter(proc)
        self._rest = b""
        self._folder = os.path.join(tracefs, "instances", f"camguard-{os.getpid()}")
        os.stat(os.path.join(tracefs, "events", _EVENTS[0], "enable"))
        _remove_stale(os.path.join(tracefs, "instances"), proc)
        os.mkdir(self._folder)
        try:
            self._set_up()
            self.fd = os.open(os.path.join(self._folder, "trace_pipe"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            os.rmdir(self._folder)
            raise

    def _set_up(self) -> None:
        self._write("buffer_size_kb", _BUFFER_KB)
        with suppress(OSError):  # kernels without it wake the reader at once anyway
            self._write("buffer_percent", "0")
        self._write("options/record-tgid", "1")
        self._write(f"events/{_EVENTS[0]}/enable", "1")
        with suppress(FileNotFoundError):  # a camera driver without vb2 brings no such event
            self._write(f"events/{_EVENTS[1]}/enable", "1")

    def _write(self, name: str, value: str) -> None:
        fd = os.open(os.path.join(self._folder, name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)

    def take(self, *, settled: bool = False) -> dict[Taken, int]:
        """Read all that is there, and count it; never waits. See `FrameCounter.take`."""
        for line in self._lines():
            self.counter.feed(line)
        return self.counter.take(settled=settled)

    def _lines(self) -> Iterator[bytes]:
        while True:
            try:
                data = os.read(self.fd, _READ)
            except BlockingIOError:
                return
            if not data:
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            yield from lines

    def close(self) -> None:
        """Remove the instance."""
        os.close(self.fd)
        os.rmdir(self._folder)


class FrameWatch:
    """Follows a trace on the running event loop: `stir` is called when there is something to `take`."""

    def __init__(self, stir: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stir = stir
        self._trace: FrameTrace | None = None
        self._pause: asyncio.TimerHandle | None = None
        self.ready = False

    def open(self, tracefs: str, proc: str) -> None:
        """Set the trace up where that has not been done and can be; without one there are no frames to count."""
        if self._trace is None:
            with suppress(OSError):
                self._trace = FrameTrace(tracefs, proc)
                self._listen()

    def take(self, *, settled: bool = False) -> dict[Taken, int]:
        """See `FrameTrace.take`."""
        if self._trace is None:
            return {}
        if self.ready:
            self.ready = False
            self._pause = self._loop.call_later(PAUSE_S, self._listen)
        return self._trace.take(settled=settled)

    def handed_in(self) -> set[tuple[int, int]]:
        """See `FrameCounter.handed_in`; of what `take` has read."""
        return set() if self._trace is None else self._trace.counter.handed_in()

    def lost(self) -> bool:
        """See `FrameCounter.lost`; of what `take` has read."""
        return self._trace is not None and self._trace.counter.lost()

    def close(self) -> None:
        """Count no longer."""
        if self._pause is not None:
            self._pause.cancel()
        if self._trace is not None:
            self._loop.remove_reader(self._trace.fd)
            self._trace.close()
            self._trace = None

    def _listen(self) -> None:
        self._pause = None
        if self._trace is None:
            return
        if self._trace.counter.unfinished:
            self._notice()
        else:
            self._loop.add_reader(self._trace.fd, self._notice)

    def _notice(self) -> None:
        if self._trace is not None:
            self._loop.remove_reader(self._trace.fd)
            self.ready = True
            self._stir()


def _remove_stale(instances: str, proc: str) -> None:
    """Remove what guards that were killed have left, and with it what they made the kernel do."""
    for name in os.listdir(instances):
        match = _NAME.fullmatch(name)
        if match is None or (int(match[1]) != os.getpid() and os.path.exists(f"{proc}/{match[1]}")):
            continue
        with suppress(OSError):  # somebody reads it: then it is not stale
            os.rmdir(os.path.join(instances, name))
