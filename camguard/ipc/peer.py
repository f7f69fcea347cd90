"""Who is at the other end of a Unix socket, as the kernel says (unix(7), SO_PEERCRED; socket(7), SO_PEERGROUPS)."""

from __future__ import annotations

import errno
import socket
import struct
from array import array
from dataclasses import dataclass

_SO_PEERGROUPS = 59  # asm-generic/socket.h; Python has no name for it
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid
_MOST_BYTES = 1024  # that Python's own getsockopt hands out


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected (of a client: that listens), as it was then."""

    uid: int
    pid: int
    gids: frozenset[int]


def peer_of(connected: socket.socket) -> Peer:
    """Who is at the other end. Raises OSError where the kernel does not say."""
    pid, uid, gid = _CREDENTIALS.unpack(
        connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size),
    )
    return Peer(uid, pid, frozenset({gid, *_groups(connected)}))


def _groups(connected: socket.socket) -> array[int]:
    """The supplementary groups."""
    try:
        found = connected.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_BYTES)
    except OSError as error:
        if error.errno != errno.ERANGE:
            raise
        found = _many_groups(connected.fileno())
    return array("I", found)


def _many_groups(fd: int) -> bytes:
    """More groups than Python's own call has room for: a directory service may put a person into hundreds."""
    import ctypes  # late: hardly anybody needs it

    libc = ctypes.CDLL(None, use_errno=True)
    room = array("I", bytes(4 * 65_536))  # NGROUPS_MAX
    size = ctypes.c_uint32(len(room) * room.itemsize)
    where = ctypes.c_void_p(room.buffer_info()[0])
    if libc.getsockopt(fd, socket.SOL_SOCKET, _SO_PEERGROUPS, where, ctypes.byref(size)) != 0:
        raise OSError(ctypes.get_errno(), "SO_PEERGROUPS")
    return room.tobytes()[: size.value]
