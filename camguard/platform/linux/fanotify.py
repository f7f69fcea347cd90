"""fanotify(7) by ctypes: which process opened or closed one file, with a pidfd for it.

Only groups that report file identities (FAN_REPORT_FID) are told about character devices; the usual ones, which
hand over a descriptor, stay silent there without an error. One group watches one node, so a record need not be
asked which node it is about.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import NamedTuple

from camguard.errors import SensorError

OPENED = 0x20
CLOSED = 0x08 | 0x10
CHANGED = 0x04 | 0x400  # attributes (a removed name among them), the node itself deleted
OVERFLOW = 0x4000

_CLASS_NOTIF, _CLOEXEC, _NONBLOCK = 0x0, 0x1, 0x2
_UNLIMITED_QUEUE, _UNLIMITED_MARKS = 0x10, 0x20
_REPORT_PIDFD, _REPORT_FID = 0x80, 0x200
_FLAGS = _CLASS_NOTIF | _CLOEXEC | _NONBLOCK | _UNLIMITED_QUEUE | _UNLIMITED_MARKS | _REPORT_PIDFD | _REPORT_FID
_MARK_ADD = 0x1
_AT_FDCWD = -100
_VERSION = 3
_INFO_PIDFD = 4
_READ = 4096  # some sixty records, and as many pidfds, at a time

_HEAD = struct.Struct("=IBxHQii")  # event_len, vers, metadata_len, mask, fd, pid
_INFO = struct.Struct("=BxH")  # info_type, len
_PIDFD = struct.Struct("=i")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fanotify_init.argtypes = [ctypes.c_uint, ctypes.c_uint]
_libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]


class Event(NamedTuple):
    """One record. Unread records of one process are merged by the kernel: it may have opened *and* closed.

    `pid` is 0 for a process outside our pid namespace and for an overflow. Whoever takes the event owns `pidfd`,
    which is None where the process was gone when the record was read.
    """

    mask: int
    pid: int
    pidfd: int | None


def decode(data: bytes) -> list[Event]:
    """Take the records of one read(2) apart; a record that is not as documented raises SensorError."""
    events: list[Event] = []
    offset, end = 0, len(data)
    try:
        while offset < end:
            length, version, head, mask, _fd, pid = _HEAD.unpack_from(data, offset)
            _expect(version == _VERSION and _HEAD.size <= head <= length <= end - offset)
            events.append(Event(mask, pid, _find_pidfd(data, offset + head, offset + length)))
            offset += length
    except (ValueError, struct.error) as error:
        release(events)
        raise SensorError("fanotify answered in a form that this version of camguard does not know") from error
    return events


def _expect(sound: bool) -> None:
    if not sound:
        raise ValueError


def release(events: list[Event]) -> None:
    """Close the pidfds of events that nobody needs any more."""
    for event in events:
        if event.pidfd is not None:
            os.close(event.pidfd)


def _find_pidfd(data: bytes, offset: int, end: int) -> int | None:
    while offset < end:
        kind, length = _INFO.unpack_from(data, offset)
        _expect(_INFO.size <= length <= end - offset)
        if kind == _INFO_PIDFD:
            pidfd: int = _PIDFD.unpack_from(data, offset + _INFO.size)[0]
            return pidfd if pidfd >= 0 else None
        offset += length
    return None


class Group:
    """A fanotify group for one node. Raises SensorError where the kernel or our rights do not allow one."""

    def __init__(self) -> None:
        self.fd: int = _libc.fanotify_init(_FLAGS, os.O_RDONLY | os.O_CLOEXEC)
        if self.fd < 0:
            raise SensorError(f"fanotify cannot be used here ({os.strerror(ctypes.get_errno())}); it takes root")

    def mark(self, path: str) -> None:
        """Watch the file at `path`; a second time does no harm. Raises OSError as the system does."""
        mask = OPENED | CLOSED | CHANGED
        if _libc.fanotify_mark(self.fd, _MARK_ADD, mask, _AT_FDCWD, os.fsencode(path)) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)

    def read(self) -> list[Event]:
        """What has happened since; empty where nothing has."""
        try:
            return decode(os.read(self.fd, _READ))
        except BlockingIOError:
            return []
        except OSError as error:
            raise SensorError(f"fanotify cannot be read: {errno.errorcode.get(error.errno or 0, error)}") from error

    def close(self) -> None:
        """Stop watching."""
        os.close(self.fd)


def available() -> bool:
    """Whether such a group can be set up here: it takes root and Linux 5.15."""
    try:
        Group().close()
    except SensorError:
        return False
    return True
