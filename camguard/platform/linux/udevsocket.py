"""udev's events from a socket that systemd opened for the service.

udevd speaks to its listeners by netlink, within a network namespace. The service has a network namespace of its own,
so that it can reach nothing by network; systemd opens the socket outside and hands it over (sd_listen_fds(3), and
ListenNetlink= in systemd.socket(5)). Of the messages only their coming counts: what is true is read anew each time.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Mapping

NAME = "udev"
"""FileDescriptorName= of the socket's unit."""

_FIRST = 3  # SD_LISTEN_FDS_START
_SO_ATTACH_FILTER = 26
_LONGEST = 8192  # udev's own limit for a message

# The header of a message of udevd's (libudev-monitor.c): "libudev", then these words, in network byte order.
_MAGIC_AT, _MAGIC = 8, 0xFEEDCAFE
_SUBSYSTEM_AT = 24
VIDEO4LINUX = 0xE9CF3931
"""MurmurHash2 (seed 0) of "video4linux", by which udevd marks a message's subsystem."""

# Classic BPF, see bpf(4) and linux/filter.h: load a word, jump if equal, return how many bytes pass.
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALL = 0xFFFFFFFF
_FILTER = (
    (_LOAD, 0, 0, _MAGIC_AT),
    (_EQUAL, 0, 2, _MAGIC),
    (_LOAD, 0, 0, _SUBSYSTEM_AT),
    (_EQUAL, 1, 0, VIDEO4LINUX),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, _ALL),
)


def handed_over(environ: Mapping[str, str] = os.environ) -> socket.socket | None:
    """The socket that systemd gave this process for udev's events, a copy at each call; None where it gave none.

    It wakes for video4linux alone.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    if NAME not in names:
        return None
    events = socket.socket(fileno=os.dup(_FIRST + names.index(NAME)))
    events.setblocking(False)
    only_cameras(events)
    return events


def only_cameras(events: socket.socket) -> None:
    """Let the kernel drop what is about other devices, so that a battery's news wakes nobody."""
    code = b"".join(struct.pack("=HBBI", *step) for step in _FILTER)
    kept = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_FILTER), ctypes.addressof(kept))
    events.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def drain(events: socket.socket) -> bool:
    """Take all messages that wait; whether there was one, or some were lost."""
    came = False
    while True:
        try:
            events.recv(_LONGEST)
        except BlockingIOError:
            return came
        except OSError:  # the kernel dropped messages (ENOBUFS): what is true now is read anew anyhow
            return True
        came = True
