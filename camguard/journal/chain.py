"""Whether the activation log is still what was written: every hash, every number and every column."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import msgspec

from camguard.errors import NothingMatched
from camguard.journal import schema
from camguard.journal.database import connect_to_read, translated
from camguard.journal.entry import GENESIS, KEYED, app_key, decode_app, decode_head, link

UNPROVEN = (
    "Entries taken from the end, or a log written anew from some entry to its end, cannot be told from this file "
    "alone. Keep the head hash somewhere else, and compare."
)

_AT_ONCE = 100  # few enough that their bodies are still in the processor's cache when they are hashed
_KEYED = frozenset(kind.encode("utf-8") for kind in KEYED)
_WITHIN = 400  # bytes of a body in which its time stands, and its app begins
_SELECT = "SELECT seq, utc_ns, kind, activation, app_key, body, hash FROM entries WHERE seq > ? ORDER BY seq"

_Row = tuple[int, int, bytes, int | None, bytes | None, bytes, bytes]


class Flaw(StrEnum):
    """What is wrong with the first bad entry."""

    EDITED = "edited"
    MISSING = "missing"
    MISPLACED = "misplaced"
    COLUMN = "column"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the log found.

    `checked` entries were good. `head` is the hash of the last good one, in hexadecimal, at number `head_seq`;
    `first_bad` the number at which the log is not what was written, with the `flaw` and a sentence. `unproven`
    says what no check of this file alone can show.
    """

    checked: int
    head_seq: int
    head: str
    first_bad: int | None = None
    flaw: Flaw | None = None
    sentence: str | None = None
    unproven: str = UNPROVEN

    @property
    def ok(self) -> bool:
        """Whether everything checked is as it was written."""
        return self.first_bad is None


def verify(path: Path, after: int = 0) -> Verification:
    """Check all entries behind number `after`, whose own hash is taken as given.

    Reads one consistent state, also while a guard writes. Raises NothingMatched where there is no log or no entry
    `after`, JournalCorrupt where the file cannot be read to its end.
    """
    if not path.exists():
        raise NothingMatched(f"there is no activation log at {path}")
    with translated(path), closing(connect_to_read(path)) as connection:
        if not schema.check(connection, path):
            return Verification(0, 0, GENESIS.hex())
        connection.text_factory = bytes
        connection.execute("BEGIN")
        previous = _hash_of(connection, path, after)
        return _walk(connection, after, previous)


def _hash_of(connection: sqlite3.Connection, path: Path, seq: int) -> bytes:
    if seq == 0:
        return GENESIS
    row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        raise NothingMatched(f"the activation log {path} has no entry {seq}")
    return bytes(row[0])


def _walk(connection: sqlite3.Connection, after: int, previous: bytes) -> Verification:
    seq = after
    for row in _rows(connection, after):
        found = link(previous, row[5])
        if row[0] != seq + 1 or found != row[6] or not _plainly_right(row):
            problem = _problem(row, seq + 1, found)
            if problem is not None:
                return Verification(seq - after, seq, previous.hex(), seq + 1, *problem)
        seq += 1
        previous = found
    return Verification(seq - after, seq, previous.hex())


def _rows(connection: sqlite3.Connection, after: int) -> Iterator[_Row]:
    # An entry with a number below 1 can only have been put there; it is met first when all is read.
    cursor = connection.execute(_SELECT, (after or -(2**63),))
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows


def _plainly_right(row: _Row) -> bool:
    """Whether a body bears its columns, told by its bytes: several times as fast as to decode it.

    A body is canonical, and no text in it can hold a bare quotation mark, so what is found here is what it says.
    False means no more than that it has to be looked at properly.
    """
    seq, utc_ns, kind, activation, key, body, _ = row
    return (
        activation is not None
        and body.endswith(b',"kind":"%b","seq":%d,"v":1}' % (kind, seq))
        and body.startswith(b'{"activation":%d,"at":{"at":"' % activation)
        and body.find(b',"utc_ns":%d,"utc_offset_s":' % utc_ns, 0, _WITHIN) > 0
        and key == (_key_in(body) if kind in _KEYED else None)
    )


def _key_in(body: bytes) -> bytes | None:
    start = body.find(b',"app":{', 0, _WITHIN)
    end = body.find(b'},"camera":', start)
    return _key_of_app(body[start + len(b',"app":') : end + 1]) if 0 < start < end else None


@lru_cache(maxsize=256)
def _key_of_app(app: bytes) -> bytes | None:
    try:
        head = decode_app(app)
    except msgspec.DecodeError:
        return None
    return app_key(head.kind, head.id, head.path).encode("utf-8")


def _problem(row: _Row, expected: int, found: bytes) -> tuple[Flaw, str] | None:
    seq, utc_ns, kind, activation, key, body, stored = row
    if seq > expected:
        return (Flaw.MISSING, f"entries {expected} to {seq - 1} are missing")
    if seq < expected:
        return (Flaw.MISPLACED, f"an entry was put in as number {seq}")
    try:
        columns = decode_head(body).columns
    except msgspec.DecodeError:
        return (Flaw.EDITED, f"entry {seq} is not what was written: it cannot be read")
    if columns[0] != seq:
        return (
            Flaw.MISPLACED,
            f"entry {seq} was written as entry {columns[0]}: entries were moved, put in or taken out",
        )
    if found != stored:
        return (Flaw.EDITED, f"entry {seq}, or the hash before it, is not what was written")
    wanted = (seq, utc_ns, kind.decode("utf-8", "replace"), activation, key and key.decode("utf-8", "replace"))
    if columns != wanted:
        return (Flaw.COLUMN, f"entry {seq} is filed under what its text does not say")
    return None
