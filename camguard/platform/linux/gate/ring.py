"""Reads a BPF ring buffer by its memory, as Documentation/bpf/ringbuf.rst describes it.

libbpf can do that too, but calls back for each record, and a call back into Python needs memory that is both writable
and executable, which a hardened service may not have.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator

from camguard.errors import SensorError

_BUSY, _DISCARDED = 1 << 31, 1 << 30
_HEADER = struct.Struct("=II")
_SAMPLES_AT = mmap.PAGESIZE


class Ring:
    """The consumer's end of a ring buffer; only one may read it. Its descriptor is readable where a record waits."""

    def __init__(self, fd: int, size: int) -> None:
        self._size = size
        self._own = mmap.mmap(fd, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        # The kernel maps the data twice in a row, so that a record over its end needs no putting together.
        self._kernels = mmap.mmap(fd, mmap.PAGESIZE + 2 * size, prot=mmap.PROT_READ, offset=mmap.PAGESIZE)
        # By whole words, as the kernel reads and writes them.
        self._consumer = memoryview(self._own).cast("Q")
        self._producer = memoryview(self._kernels)[: mmap.PAGESIZE].cast("Q")
        self._data = memoryview(self._kernels)[_SAMPLES_AT:]

    def read(self) -> list[bytes]:
        """All records that are complete, at most what the ring holds. Raises SensorError where it makes no sense."""
        start = self._consumer[0]
        records = list(decode(self._data, self._size, start, self._producer[0]))
        if records:
            self._consumer[0] = records[-1][1]
        return [record for record, _ in records if record is not None]

    def close(self) -> None:
        """Unmap it."""
        for view in (self._consumer, self._producer, self._data):
            view.release()
        self._own.close()
        self._kernels.close()


def decode(data: memoryview, size: int, start: int, end: int) -> Iterator[tuple[bytes | None, int]]:
    """The records between two positions, with the position after each; None for one that its writer gave up.

    `data` holds the `size` bytes of the ring twice. Stops before a record that is still being written. Raises
    SensorError where positions or lengths cannot be.
    """
    if not 0 <= end - start <= size or start % 8:
        raise SensorError("the gate's ring buffer is out of step; restart the guard")
    while start < end:
        at = start % size
        (head, _) = _HEADER.unpack_from(data, at)
        if head & _BUSY:
            return
        length = head & ~(_BUSY | _DISCARDED)
        start += (_HEADER.size + length + 7) // 8 * 8
        if start > end:
            raise SensorError("the gate's ring buffer is out of step; restart the guard")
        at += _HEADER.size
        yield None if head & _DISCARDED else bytes(data[at : at + length]), start
