"""Whether the activation log is still what was written: every hash, every number and every column."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import msgspec

from camguard.errors import NothingMatched
from camguard.journal import schema
from camguard.journal.aside import permit, system_errors
from camguard.journal.database import connect_to_read, translated
from camguard.journal.entry import GENESIS, KEYED, app_key, decode_app, decode_head, link
from camguard.journal.stub import Start, start_of

UNPROVEN = (
    "Entries taken from the end, or a log written anew from some entry to its end, cannot be told from this file "
    "alone. Keep the head hash somewhere else, and compare."
)

_AT_ONCE = 100  # few enough that their bodies are still in the processor's cache when they are hashed
_TOLD_EVERY = 10_000
_KEYED = frozenset(kind.encode("utf-8") for kind in KEYED)
_WITHIN = 400  # bytes of a body in which its time stands, and its app begins
_LAST = 2**63 - 1
_SELECT = (
    "SELECT seq, utc_ns, CAST(kind AS BLOB), activation, CAST(app_key AS BLOB), CAST(body AS BLOB), hash"
    " FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq"
)

Row = tuple[int, int, bytes, int | None, bytes | None, bytes, bytes]
"""A row of the table, its texts as the bytes that they are in the file."""

Tell = Callable[[int], None]
"""Is told now and then how many entries were checked."""


class Flaw(StrEnum):
    """What is wrong with the first bad entry."""

    EDITED = "edited"
    MISSING = "missing"
    MISPLACED = "misplaced"
    COLUMN = "column"
    REWRITTEN = "rewritten"  # it fits its neighbours, and not what was noted of it elsewhere
    CUT_OFF = "cut off"  # it, and what followed, was noted elsewhere and is not there


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the log found.

    `checked` entries were good. `head` is the hash of the last good one, in
    hexadecimal, at number `head_seq`; `first_bad` the number at which the log is not what was written, with the `flaw`
    and a sentence, and `bad_utc_ns` the time under which that entry is filed (of one that is missing: the next that is
    there). `unproven` says what no check of this file alone can show. Where older entries were cut, `cut_seq` is the
    last of those.
    """

    checked: int
    head_seq: int
    head: str
    first_bad: int | None = None
    flaw: Flaw | None = None
    sentence: str | None = None
    unproven: str = UNPROVEN
    bad_utc_ns: int | None = None
    cut_seq: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything checked is as it was written."""
        return self.first_bad is None


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: behind entry `seq`, whose hash is `hash`."""

    seq: int
    hash: bytes


def verify(path: Path, after: int = 0, tell: Tell = lambda _: None) -> Verification:
    """Check all entries behind number `after`, whose own hash is taken as given; 0 is where the log begins.

    Reads one consistent state, also while a guard writes. Raises NothingMatched where there is no log or no entry
    `after`, JournalCorrupt where the file cannot be read to its end.
    """
    with opened(path) as connection:
        if connection is None:
            return Verification(0, 0, GENESIS.hex())
        start = start_of(connection)
        if after <= start.seq:
            return from_start(connection, start, Link(start.seq, start.hash), tell)
        return walk(connection, Link(after, hash_of(connection, path, after)), tell=tell)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection | None]:
    """One consistent state of the log at `path`; None where it is empty. Raises as `verify` does."""
    with system_errors(path):
        there = path.exists()
    if not there:
        raise NothingMatched(f"there is no activation log at {path}")
    permit(path, os.R_OK)
    with translated(path), closing(connect_to_read(path)) as connection:
        if not schema.check(connection, path):
            yield None
        else:
            connection.execute("BEGIN")
            yield connection


def hash_of(connection: sqlite3.Connection, path: Path, seq: int) -> bytes:
    """The hash that entry `seq` bears. Raises NothingMatched where it is not there."""
    row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        raise NothingMatched(f"the activation log {path} has no entry {seq}")
    return bytes(row[0])


def from_start(connection: sqlite3.Connection, start: Start, known: Link, tell: Tell = lambda _: None) -> Verification:
    """Check a whole log that begins at `start`, of which everything up to `known` was found good already."""
    early = connection.execute("SELECT seq, utc_ns FROM entries WHERE seq <= ? LIMIT 1", (start.seq,)).fetchone()
    if early is not None:
        said = (Flaw.MISPLACED, f"an entry was put in as number {early[0]}, where the log does not reach any more")
        return Verification(0, start.seq, start.hash.hex(), early[0], *said, bad_utc_ns=early[1], cut_seq=start.seq)
    found = walk(connection, known, tell=lambda number: tell(number + known.seq - start.seq))
    if found.ok and not start.allowed:
        said = (Flaw.MISSING, f"entries 1 to {start.seq} are missing, and nothing in the log says that they were cut")
        return Verification(0, start.seq, start.hash.hex(), start.seq, *said, cut_seq=start.seq)
    return replace(found, checked=found.head_seq - start.seq, cut_seq=start.seq)


def walk(connection: sqlite3.Connection, at: Link, last: int = _LAST, tell: Tell = lambda _: None) -> Verification:
    """Check the entries behind a place, up to number `last`."""
    seq, previous = at.seq, at.hash
    for row in _rows(connection, at.seq, last):
        found = link(previous, row[5])
        if row[0] != seq + 1 or found != row[6] or not _plainly_right(row):
            problem = _problem(row, seq + 1, found)
            if problem is not None:
                return Verification(seq - at.seq, seq, previous.hex(), seq + 1, *problem, bad_utc_ns=row[1])
        seq += 1
        previous = found
        if seq % _TOLD_EVERY == 0:
            tell(seq - at.seq)
    return Verification(seq - at.seq, seq, previous.hex())


def _rows(connection: sqlite3.Connection, after: int, last: int) -> Iterator[Row]:
    cursor = connection.execute(_SELECT, (after, last))
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows


def _plainly_right(row: Row) -> bool:
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


def _problem(row: Row, expected: int, found: bytes) -> tuple[Flaw, str] | None:
    seq, utc_ns, kind, activation, key, body, stored = row
    if seq > expected:
        return (Flaw.MISSING, f"entries {expected} to {seq - 1} are missing")
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
