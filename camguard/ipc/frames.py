"""Bytes to lines: as many bytes in as come, whole lines out."""

from __future__ import annotations


class FrameTooLong(Exception):
    """A line is longer than the limit. Nothing after it is read: whoever sent it does not keep to the protocol."""


class FrameReader:
    """Finds the lines, which end in LF, in a stream of bytes, however it was cut on its way.

    Between two feeds, when every whole line was taken, it never holds more than `limit` bytes.
    """

    __slots__ = ("_buffer", "_limit", "_searched", "_too_long")

    def __init__(self, limit: int) -> None:
        """`limit` is the length of the longest line, without its end."""
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._too_long = False

    @property
    def unfinished(self) -> bool:
        """Whether the beginning of a line waits for its end. Right only after `next_frame` gave None."""
        return bool(self._buffer)

    def feed(self, data: bytes | memoryview) -> None:
        """Take what came. After a line that is too long nothing is kept."""
        if not self._too_long:
            self._buffer += data

    def next_frame(self) -> bytes | None:
        """The next whole line without its end; None where it has not all come yet.

        Raises FrameTooLong where it is, or will be, longer than the limit, and then ever again.
        """
        end = self._buffer.find(b"\n", self._searched)
        length = len(self._buffer) if end < 0 else end
        if self._too_long or length > self._limit:
            self._too_long = True
            self._buffer.clear()
            raise FrameTooLong(f"a line of more than {self._limit} bytes")
        if end < 0:
            self._searched = length
            return None
        frame = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return frame
