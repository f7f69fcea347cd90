"""What stands in the log for entries that retention cut from its old end.

A cut is an entry itself, `journal.cut`, written before anything goes. Its `extra` says up to which entry it goes and
what that one's hash was, and it holds what later entries still lean on: ``carried`` are whole entries (the start of the
guard that ran on, what it could not see), ``live`` the numbers of uses that went on, ``activation`` the highest number
of a use that there was. The table `stub` has no more than how far the cutting has got, and the hash there: the chain
goes on from it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from camguard.core.events import Kind
from camguard.core.records import Record
from camguard.journal.entry import GENESIS, Entry
from camguard.shapes import Shape


class CutSaid(msgspec.Struct, frozen=True):
    """The `extra` of a `journal.cut` entry: entries `first_seq` to `last_seq` were older than `keep`, and may go.

    `log` names the log, by the hash of its first entry. `last_at` is when the newest of them by the clock was written,
    as `records.moment` has it. `key` and `signature` are those of `signing`, where there was a key.
    """

    log: str
    first_seq: int
    last_seq: int
    last_hash: str
    last_at: dict[str, Any]
    keep: str
    activation: int
    live: list[int]
    carried: list[dict[str, Any]]
    key: str | None = None
    signature: str | None = None

    @property
    def signed_text(self) -> bytes:
        """What the signature is of."""
        return f"camguard cut 1\n{self.log}\n{self.first_seq}\n{self.last_seq}\n{self.last_hash}\n".encode()

    @property
    def extra(self) -> Record:
        """As an entry has it."""
        told: Record = msgspec.to_builtins(self)
        return {key: value for key, value in told.items() if value is not None}


class _CutData(msgspec.Struct, frozen=True):
    extra: CutSaid


class _CutBody(msgspec.Struct, frozen=True):
    seq: int
    at: dict[str, Any]
    data: _CutData


_CUT: Shape[_CutBody] = Shape(_CutBody)
_CARRIED: Shape[list[Entry]] = Shape(list[Entry])


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut as the log tells of it: entry `seq`, written `at` (as `records.moment` has it)."""

    seq: int
    at: dict[str, Any]
    said: CutSaid

    @property
    def carried(self) -> tuple[Entry, ...]:
        """The entries that it carried on, in their order. Raises msgspec.ValidationError where they are none."""
        return tuple(_CARRIED.of(self.said.carried))


@dataclass(frozen=True, slots=True)
class Start:
    """Where the entries of a log begin: behind number `seq`, whose hash was `hash`; 0 and GENESIS where none were cut.

    `cut` is the newest entry that allows for it, None where there is none or it cannot be read.
    """

    seq: int = 0
    hash: bytes = GENESIS
    cut: Cut | None = None

    @property
    def allowed(self) -> bool:
        """Whether the log itself says that what is missing before it was cut."""
        if self.seq == 0:
            return self.hash == GENESIS
        if self.cut is None or self.cut.said.last_seq < self.seq:
            return False
        return self.cut.said.last_seq > self.seq or self.cut.said.last_hash == self.hash.hex()


def start_of(connection: sqlite3.Connection) -> Start:
    """Where the log begins. Raises what sqlite3 raises."""
    if not _has_stub(connection):
        return Start()
    row = connection.execute("SELECT seq, hash FROM stub").fetchone()
    return Start(*((0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))), newest_cut(connection))


def newest_cut(connection: sqlite3.Connection) -> Cut | None:
    """The newest entry about a cut, None where there is none, or none that can be read."""
    row = connection.execute(
        "SELECT CAST(body AS BLOB) FROM entries WHERE seq ="
        " (SELECT max(seq) FROM entries WHERE kind = ? AND activation IS NULL)",
        (Kind.JOURNAL_CUT.value,),
    ).fetchone()
    if row is None:
        return None
    try:
        body = _CUT.of_json(row[0])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # edited: whoever checks the chain comes upon it
    return Cut(body.seq, body.at, body.data.extra)


def name_of(connection: sqlite3.Connection, start: Start) -> str | None:
    """What a log is told from others by, whatever their place: the hash of its first entry. None for an empty log."""
    if start.cut is not None:
        return start.cut.said.log
    row = connection.execute("SELECT hash FROM entries WHERE seq = 1").fetchone()
    return None if row is None else bytes(row[0]).hex()


def _has_stub(connection: sqlite3.Connection) -> bool:
    """Whether the file is of a version that knows of cuts: who only reads does not bring an older one up to date."""
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'stub'").fetchone()
    return found is not None
