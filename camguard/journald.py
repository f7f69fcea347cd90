"""Structured entries for the systemd journal, in its native protocol.

See https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: an entry is one datagram of fields, or a sealed memory file where it is
larger than a datagram may be.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
"""Where journald listens, on every machine that systemd runs."""

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_TOO_LARGE = {errno.EMSGSIZE, errno.ENOBUFS}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def encode(fields: Mapping[str, str | bytes]) -> bytes:
    """An entry as the protocol has it; whatever a value holds, it stays the value of its own field.

    Text is sent as UTF-8, with what cannot be encoded (lone surrogates) as backslash escapes. Raises ValueError for a
    field's name that journald would drop: it takes A-Z, 0-9 and _, beginning with a letter, 64 characters at most.
    """
    return b"".join(_field(name, value) for name, value in fields.items())


def send(fields: Mapping[str, str | bytes], path: Path = SOCKET) -> None:
    """Hand an entry to the systemd journal. Never waits.

    Raises BlockingIOError where the journal does not keep up, another OSError where there is none, and ValueError as
    `encode` does.
    """
    entry = encode(fields)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as journal:
        try:
            journal.sendto(entry, str(path))
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            _send_file(journal, path, entry)


def _field(name: str, value: str | bytes) -> bytes:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a journal field")
    key = name.encode("ascii")
    data = value if isinstance(value, bytes) else value.encode("utf-8", "backslashreplace")
    if b"\n" in data:
        return b"%s\n%s%s\n" % (key, len(data).to_bytes(8, "little"), data)
    return b"%s=%s\n" % (key, data)


def _send_file(journal: socket.socket, path: Path, entry: bytes) -> None:
    """Hand over a file of memory that nobody can change any more: journald takes no other."""
    descriptor = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(descriptor, "wb", buffering=0) as file:
        rest = memoryview(entry)
        while rest:
            rest = rest[file.write(rest) :]
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        rights = array.array("i", [file.fileno()])
        journal.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], 0, str(path))
