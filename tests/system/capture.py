"""Programs that use a camera, each in its own way: what the guard is tried on.

``python capture.py MODE NODE [--seconds S] [--frames N] [--every N]``

Plain V4L2 by ioctl(2), so that nothing stands between the program and the driver. One line is printed for each thing
that happened, its first word says which: ``opened PID``, ``streaming PID``, ``frames N AT`` (each N frames that really
arrived, and when the last of them did, in nanoseconds of CLOCK_MONOTONIC), ``done N`` at the end, ``gone N`` where the
camera was taken away meanwhile (exit status 3).

Not every driver offers every way: vivid has all three; uvcvideo (as of Linux 6.1) maps and takes user pointers but
refuses read().
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable

CAPTURE, OUTPUT = 1, 2  # V4L2_BUF_TYPE_VIDEO_*
MMAP, USERPTR = 1, 2  # V4L2_MEMORY_*
BUFFERS = 4
PATIENCE = 30  # seconds without a frame before it is an error
UNPLUGGED = 3  # the exit status when the camera went away


def _request(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("V") << 8 | number


# struct v4l2_buffer on a 64-bit machine: index, type, bytesused, flags, field, timestamp, timecode, sequence, memory,
# m, length, reserved2, request_fd.
BUFFER = struct.Struct("=IIIII4x16x16xIIQIIi4x")
QUERYCAP = _request(2, 0, 104)
GET_FORMAT = _request(3, 4, 208)
SET_FORMAT = _request(3, 5, 208)
REQUEST_BUFFERS = _request(3, 8, 20)
QUERY_BUFFER = _request(3, 9, BUFFER.size)
QUEUE = _request(3, 15, BUFFER.size)
DEQUEUE = _request(3, 17, BUFFER.size)
STREAM_ON = _request(1, 18, 4)
STREAM_OFF = _request(1, 19, 4)


def say(*words: object) -> None:
    """One line, at once."""
    print(*words, flush=True)


def open_node(path: str) -> int:
    """The node, open for reading and writing, as programs do."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    say("opened", os.getpid())
    return fd


def capabilities(fd: int) -> str:
    """The camera's name, as the driver tells it."""
    answer = bytearray(104)
    fcntl.ioctl(fd, QUERYCAP, answer)
    return bytes(answer[16:48]).rstrip(b"\0").decode("utf-8", "replace")


def image_size(fd: int, direction: int = CAPTURE) -> int:
    """Bytes of one picture in the format that is set."""
    answer = bytearray(208)
    struct.pack_into("=I", answer, 0, direction)
    fcntl.ioctl(fd, GET_FORMAT, answer)
    return int(struct.unpack_from("=I", answer, 28)[0])


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
MAP_FAILED = ctypes.c_void_p(-1).value


class Memory:
    """A mapping of the node (`fd` and `offset`), or memory of our own (no `fd`).

    By mmap(2) itself: Python's mmap keeps a copy of the descriptor open.
    """

    def __init__(self, length: int, fd: int | None = None, offset: int = 0) -> None:
        flags = mmap.MAP_SHARED if fd is not None else mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        self.length = length
        self.address = LIBC.mmap(None, length, protection, flags, -1 if fd is None else fd, offset)
        if self.address == MAP_FAILED:
            raise OSError(ctypes.get_errno(), "mmap")

    def start(self) -> bytes:
        """The first page."""
        return ctypes.string_at(self.address, mmap.PAGESIZE)


class Stream:
    """A capture with buffers: the driver's, mapped, or our own, handed over by pointer; or the way in, `direction`."""

    def __init__(self, fd: int, memory: int, direction: int = CAPTURE) -> None:
        self.fd = fd
        self._memory = memory
        self._direction = direction
        self.places: list[Memory] = []
        request = bytearray(struct.pack("=IIIIB3x", BUFFERS, direction, memory, 0, 0))
        fcntl.ioctl(fd, REQUEST_BUFFERS, request)
        size = image_size(fd, direction)
        for index in range(struct.unpack_from("=I", request)[0]):
            self.places.append(Memory(size) if memory == USERPTR else self._mapped(index))
            self._queue(index)
        fcntl.ioctl(fd, STREAM_ON, struct.pack("=I", self._direction))
        say("streaming", os.getpid())

    def _mapped(self, index: int) -> Memory:
        buffer = bytearray(BUFFER.pack(index, self._direction, 0, 0, 0, 0, MMAP, 0, 0, 0, 0))
        fcntl.ioctl(self.fd, QUERY_BUFFER, buffer)
        offset, length = BUFFER.unpack(buffer)[7:9]
        return Memory(length, self.fd, offset)

    def _queue(self, index: int) -> None:
        place = self.places[index]
        own = (place.address, place.length) if self._memory == USERPTR else (0, 0)
        used = 0 if self._direction == CAPTURE else place.length
        buffer = BUFFER.pack(index, self._direction, used, 0, 0, 0, self._memory, *own, 0, 0)
        fcntl.ioctl(self.fd, QUEUE, bytearray(buffer))

    def take(self) -> int:
        """Wait for a frame, give its buffer back; the number of bytes in it. On the way in: hand one in."""
        if self._direction == CAPTURE:
            wait_readable(self.fd)
        buffer = bytearray(BUFFER.pack(0, self._direction, 0, 0, 0, 0, self._memory, 0, 0, 0, 0))
        fcntl.ioctl(self.fd, DEQUEUE, buffer)
        index, _, used = BUFFER.unpack(buffer)[:3]
        self._queue(index)
        return int(used)

    def stop(self) -> None:
        """No more frames."""
        fcntl.ioctl(self.fd, STREAM_OFF, struct.pack("=I", self._direction))


def wait_readable(fd: int) -> None:
    """Wait until the driver has a frame, or an error to tell."""
    if not select.select([fd], [], [], PATIENCE)[0]:
        raise TimeoutError(f"no frame within {PATIENCE} s")


def count_frames(take: Callable[[], int], limits: argparse.Namespace) -> int:
    """Take frames until the time or the number is reached; exits where the camera is taken away."""
    frames, end = 0, time.monotonic() + limits.seconds
    try:
        while time.monotonic() < end and (not limits.frames or frames < limits.frames):
            if take() > 0:
                at = time.monotonic_ns()
                frames += 1
                if frames % limits.every == 0:
                    say("frames", frames, at)
    except OSError as error:
        if error.errno not in {errno.ENODEV, errno.EIO}:
            raise
        say("gone", frames)
        sys.exit(UNPLUGGED)
    return frames


def with_buffers(fd: int, memory: int, limits: argparse.Namespace) -> None:
    """Capture through buffers, to the end."""
    stream = Stream(fd, memory)
    frames = count_frames(stream.take, limits)
    stream.stop()
    say("done", frames)


def capture_mmap(limits: argparse.Namespace) -> None:
    """The usual way: the driver's buffers, mapped."""
    with_buffers(open_node(limits.node), MMAP, limits)


def capture_userptr(limits: argparse.Namespace) -> None:
    """Our own memory, handed to the driver: nothing of the node is mapped."""
    with_buffers(open_node(limits.node), USERPTR, limits)


def capture_read(limits: argparse.Namespace) -> None:
    """Plain read(2): nothing of the node is mapped."""
    fd = open_node(limits.node)
    size = image_size(fd)

    def take() -> int:
        wait_readable(fd)
        return len(os.read(fd, size))

    say("done", count_frames(take, limits))


def look(limits: argparse.Namespace) -> None:
    """Ask what the camera is, as device lists do, and close it."""
    fd = open_node(limits.node)
    say("camera", capabilities(fd))
    os.close(fd)
    say("done", 0)


def hold(limits: argparse.Namespace) -> None:
    """Open it and never take a picture."""
    open_node(limits.node)
    time.sleep(limits.seconds)
    say("done", 0)


def fork(limits: argparse.Namespace) -> None:
    """Begin to capture, fork and exit: the child, which never opened anything, goes on."""
    fd = open_node(limits.node)
    stream = Stream(fd, MMAP)
    child = os.fork()
    if child:
        say("forked", child)
        os._exit(0)
    os.setsid()
    say("done", count_frames(stream.take, limits))


def hand_over(limits: argparse.Namespace) -> None:
    """Open it and pass the descriptor to another process by SCM_RIGHTS, which captures; close ours."""
    fd = open_node(limits.node)
    ours, theirs = socket.socketpair()
    again = [sys.executable, limits.to, "receive", str(theirs.fileno())]
    again += ["--seconds", str(limits.seconds), "--frames", str(limits.frames), "--every", str(limits.every)]
    with theirs:
        other = subprocess.Popen(again, pass_fds=[theirs.fileno()])
    socket.send_fds(ours, [b"camera"], [fd])
    os.close(fd)
    say("passed", other.pid)
    signal.signal(signal.SIGTERM, lambda *_: other.terminate())
    sys.exit(other.wait())


def receive(limits: argparse.Namespace) -> None:
    """The other end of `hand_over`; NODE is the number of the inherited socket."""
    with socket.socket(fileno=int(limits.node)) as connection:
        message, descriptors, _, _ = socket.recv_fds(connection, 16, 1)
    if message != b"camera" or len(descriptors) != 1:
        raise RuntimeError("no descriptor came over")
    with_buffers(descriptors[0], MMAP, limits)


def close_keep_map(limits: argparse.Namespace) -> None:
    """Begin to capture, then close the descriptor and keep the mapping: the driver goes on filling it."""
    fd = open_node(limits.node)
    stream = Stream(fd, MMAP)
    os.close(fd)
    say("closed", os.getpid())
    end = time.monotonic() + PATIENCE
    while not all(any(place.start()) for place in stream.places):
        if time.monotonic() > end:
            raise TimeoutError("no picture arrived in the mapped buffers")
        time.sleep(0.05)
    say("frames", len(stream.places))
    time.sleep(limits.seconds)
    say("done", len(stream.places))


def open_to_feed(path: str, flags: int = os.O_RDWR) -> tuple[int, int]:
    """A virtual camera, open to give it pictures of 320x240 YUYV; with it how many bytes each has."""
    fd = os.open(path, flags | os.O_CLOEXEC)
    say("opened", os.getpid())
    wanted = bytearray(208)
    struct.pack_into("=I4xII4sI", wanted, 0, OUTPUT, 320, 240, b"YUYV", 1)
    fcntl.ioctl(fd, SET_FORMAT, wanted)
    return fd, int(struct.unpack_from("=I", wanted, 28)[0])


def paced(give: Callable[[], int]) -> Callable[[], int]:
    """Give a picture fifteen times a second."""

    def take() -> int:
        time.sleep(1 / 15)
        return give()

    return take


def feed_write(limits: argparse.Namespace, flags: int = os.O_RDWR) -> None:
    """Give a virtual camera its pictures by write(2), as OBS and ffmpeg do."""
    fd, size = open_to_feed(limits.node, flags)
    picture = bytes(range(256)) * (size // 256)
    say("done", count_frames(paced(lambda: os.write(fd, picture)), limits))


def feed_write_only(limits: argparse.Namespace) -> None:
    """The same, by a descriptor that can do nothing else."""
    feed_write(limits, os.O_WRONLY)


def feed_mmap(limits: argparse.Namespace) -> None:
    """Give a virtual camera its pictures by mapped buffers, as GStreamer does."""
    fd, _ = open_to_feed(limits.node)
    stream = Stream(fd, MMAP, OUTPUT)
    say("done", count_frames(paced(stream.take), limits))


def pass_on(limits: argparse.Namespace) -> None:
    """Take pictures from a camera and give them to a virtual one, the node `to`, as OBS does."""
    source = Stream(open_node(limits.node), MMAP)
    fd, size = open_to_feed(limits.to)

    def take() -> int:
        source.take()
        return os.write(fd, bytes(size))

    say("done", count_frames(take, limits))


def feed_then_view(limits: argparse.Namespace) -> None:
    """Feed a virtual camera for a while, and keep it open for what somebody else will feed it."""
    fd, size = open_to_feed(limits.node)
    give = paced(lambda: os.write(fd, bytes(size)))
    for _ in range(30):
        give()
    again = os.open(limits.node, os.O_RDWR | os.O_CLOEXEC)
    say("waiting", os.getpid())
    say("done", count_frames(Stream(again, MMAP).take, limits))


MODES: dict[str, Callable[[argparse.Namespace], None]] = {
    "mmap": capture_mmap,
    "userptr": capture_userptr,
    "read": capture_read,
    "look": look,
    "hold": hold,
    "fork": fork,
    "pass": hand_over,
    "receive": receive,
    "close-keep-map": close_keep_map,
    "feed-write": feed_write,
    "feed-write-only": feed_write_only,
    "feed-mmap": feed_mmap,
    "feed-then-view": feed_then_view,
    "pass-on": pass_on,
}


def main() -> None:
    """Read the arguments, use the camera."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("node", help="the device node, e.g. /dev/video0")
    parser.add_argument("--seconds", type=float, default=3600.0, help="stop after so long")
    parser.add_argument("--frames", type=int, default=0, help="stop after so many frames; 0: no limit")
    parser.add_argument("--every", type=int, default=5, help="say so each time this many more have arrived")
    parser.add_argument("--to", default=__file__, help="for pass: who gets the descriptor; for pass-on: a node")
    limits = parser.parse_args()
    MODES[limits.mode](limits)


if __name__ == "__main__":
    main()
