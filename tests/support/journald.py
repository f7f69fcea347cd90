"""A socket as journald has one, which decodes what it is sent as the protocol says."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Self

_LARGEST = 1 << 20


def decoded(entry: bytes) -> dict[str, bytes]:
    """The fields of an entry (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/)."""
    fields = {}
    while entry:
        line, _, rest = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, end, rest = rest[8 : 8 + length], rest[8 + length : 9 + length], rest[9 + length :]
            assert (len(value), end) == (length, b"\n")
        assert name.decode() not in fields
        fields[name.decode()] = value
        entry = rest
    return fields


class Journald:
    """Listens at `path`; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self.path.unlink()

    def receive(self) -> tuple[bytes, int | None]:
        """The next datagram, and the file that came with it."""
        data, files, _, _ = socket.recv_fds(self._socket, _LARGEST, 1)
        return data, files[0] if files else None

    def entry(self) -> dict[str, bytes]:
        """The fields of the next entry."""
        data, file = self.receive()
        if file is not None:
            with open(file, "rb") as content:
                os.lseek(file, 0, os.SEEK_SET)
                data = content.read()
        return decoded(data)
