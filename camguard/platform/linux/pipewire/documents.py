"""What ``pw-dump --monitor`` writes, taken apart as it arrives. Pure, no I/O.

It writes one JSON array after another: the first is the whole state, each later one holds the objects that changed,
and an object that is gone has the info null. Each *object* is decoded by itself as soon as it is complete, so that
neither the state of a large desktop nor a hostile client makes us keep more than one object in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from camguard.errors import BrokerError

LARGEST = 1 << 20
"""Bytes that one object may have: a camera with hundreds of formats has a fifth of it. A larger one is left out."""

_MARK = re.compile(rb'["\[\]{}]')
_IN_TEXT = re.compile(rb'["\\]')
_BETWEEN = b" \t\r\n,"
_OPENING = (b"[", b"{")  # of an array, and of an object in it


class End:
    """Stands for the end of an array: what came before it belongs together."""


END: Final = End()

Item = dict[str, Any] | End


class Decoder:
    """Takes the bytes in pieces of any size; answers the objects that are complete, and `END` after each array."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._kept = bytearray()
        self._depth = 0
        self._in_text = False
        self._escaped = False
        self._too_large = False
        self.left_out = 0

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """What is complete now; `left_out` counts objects that were too large, or were no JSON.

        Raises BrokerError where this is not what pw-dump writes: there is no telling where the next object begins.
        """
        at = 0
        while at < len(chunk):
            if self._escaped:
                self._escaped = False
                self._keep(chunk, at, at + 1)
                at += 1
                continue
            found = (_IN_TEXT if self._in_text else _MARK).search(chunk, at)
            stop = len(chunk) if found is None else found.end()
            if self._depth < 2:
                self._expect_nothing(chunk, at, stop if found is None else stop - 1)
            else:
                self._keep(chunk, at, stop)
            if found is not None:
                yield from self._mark(chunk[stop - 1 : stop])
            at = stop

    def _mark(self, mark: bytes) -> Iterator[Item]:
        """Take in one character that means something."""
        if mark == b"\\":
            self._escaped = True
        elif mark == b'"':
            if self._depth < 2:
                raise _garbled("a text outside of any object")
            self._in_text = not self._in_text
        elif mark in b"[{":
            if self._depth < 2 and mark != _OPENING[self._depth]:
                raise _garbled(f"an unexpected {mark.decode()}")
            self._depth += 1
            if self._depth == 2:
                self._kept += mark
        else:
            yield from self._close(mark)

    def _close(self, mark: bytes) -> Iterator[Item]:
        if self._depth == 0 or (self._depth == 1 and mark != b"]") or (self._depth == 2 and mark != b"}"):
            raise _garbled(f"an unexpected {mark.decode()}")
        self._depth -= 1
        if self._depth == 0:
            yield END
        elif self._depth == 1:
            object_ = self._decoded()
            self._kept.clear()
            self._too_large = False
            if object_ is None:
                self.left_out += 1
            else:
                yield object_

    def _decoded(self) -> dict[str, Any] | None:
        if self._too_large:
            return None
        try:
            object_ = json.loads(self._kept.decode("utf-8", "replace"))  # a client's texts may be any bytes
        except (ValueError, RecursionError):
            return None
        return object_ if isinstance(object_, dict) else None

    def _keep(self, chunk: bytes, start: int, stop: int) -> None:
        if self._too_large:
            return
        if len(self._kept) + stop - start > self._largest:
            self._too_large = True
            self._kept.clear()
        else:
            self._kept += memoryview(chunk)[start:stop]

    @staticmethod
    def _expect_nothing(chunk: bytes, start: int, stop: int) -> None:
        if chunk[start:stop].strip(_BETWEEN):
            raise _garbled("words outside of any object")


def _garbled(what: str) -> BrokerError:
    return BrokerError(f"pw-dump wrote {what}: this is not the format that camguard knows")
