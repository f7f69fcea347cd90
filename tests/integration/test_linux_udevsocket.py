"""A socket for udev's events that systemd handed over, with messages such as udevd sends."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.platform.linux import udevsocket
from camguard.platform.linux.cameras import UdevCameras

Pair = tuple[socket.socket, socket.socket]

_TAKE_OVER = """
import os, socket, sys
from camguard.platform.linux.udevsocket import handed_over
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
os.dup2(theirs.fileno(), 4)
pid = os.getpid() if sys.argv[1] == "me" else 1
events = handed_over({"LISTEN_PID": str(pid), "LISTEN_FDS": "2", "LISTEN_FDNAMES": sys.argv[2]})
print(None if events is None else os.fstat(events.fileno()) == os.fstat(4))
"""


@pytest.fixture
def pair() -> Iterator[Pair]:
    udevd, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    with udevd, ours:
        yield udevd, ours


def test_only_news_of_cameras_wakes(pair: Pair) -> None:
    udevd, ours = pair
    udevsocket.only_cameras(ours)
    for subsystem in ("power_supply", "net", "video4linux_", ""):
        udevd.send(_message(subsystem))
    udevd.send(b"libudev")
    udevd.send(b"add@/devices/virtual/video4linux/video0\0" * 3)
    assert not udevsocket.drain(ours)
    udevd.send(_message("video4linux"))
    assert udevsocket.drain(ours)
    assert not udevsocket.drain(ours)


@pytest.mark.parametrize(
    ("whom", "names", "said"),
    [("me", "control:udev", "True"), ("me", "udevil:other", "None"), ("other", "control:udev", "None")],
)
def test_the_socket_is_known_by_its_name(whom: str, names: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", _TAKE_OVER, whom, names], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said


def test_cameras_are_followed_by_it(pair: Pair, tmp_path: Path) -> None:
    udevd, ours = pair
    control = tmp_path / "control"
    control.touch()

    async def follow() -> None:
        changed = asyncio.Event()
        stop = UdevCameras(udev_control=str(control), events=ours).follow(changed.set)
        udevd.send(_message("video4linux"))
        async with asyncio.timeout(10):
            await changed.wait()
        stop()

    asyncio.run(follow())
    assert os.fstat(ours.fileno())  # it outlives the watch, for the next one


def _message(subsystem: str) -> bytes:
    properties = f"SUBSYSTEM={subsystem}\0".encode()
    head = struct.pack("=8sI3I", b"libudev\0", socket.htonl(0xFEEDCAFE), 40, 40, len(properties))
    return head + struct.pack(">4I", _murmur2(subsystem.encode()), 0, 0, 0) + properties


def _murmur2(text: bytes) -> int:
    """MurmurHash2 with seed 0, as its author published it."""
    multiplier, word = 0x5BD1E995, 0xFFFFFFFF
    value = len(text)
    whole = len(text) - len(text) % 4
    for at in range(0, whole, 4):
        part = int.from_bytes(text[at : at + 4], "little") * multiplier & word
        part = (part ^ part >> 24) * multiplier & word
        value = (value * multiplier & word) ^ part
    if whole < len(text):
        value = (value ^ int.from_bytes(text[whole:], "little")) * multiplier & word
    value = (value ^ value >> 13) * multiplier & word
    return value ^ value >> 15
