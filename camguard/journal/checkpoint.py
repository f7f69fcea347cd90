"""How far a guard has checked the log: kept in the log itself, so that the chain covers it like everything else.

Each check begins where the one before ended, `journal.checked` says so. That finds what was changed among the entries
behind it; what was changed before it is found by whoever checks all of them (``log verify``).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from camguard.core.events import Kind
from camguard.core.records import Record
from camguard.errors import NothingMatched
from camguard.journal.aside import system_errors
from camguard.journal.chain import Flaw, Link, Verification, from_start, opened, walk
from camguard.journal.database import file_identity
from camguard.journal.stub import Start, start_of
from camguard.shapes import Shape

AT_ONCE = 250
"""Entries checked in one go, in a millisecond or two, while which other threads wait."""


class _Said(msgspec.Struct, frozen=True):
    """The `extra` of an entry about a check: `seq` and `hash` are of the last entry that was good."""

    seq: int
    hash: str
    sentence: str | None = None


class _Data(msgspec.Struct, frozen=True):
    extra: _Said


class _Body(msgspec.Struct, frozen=True):
    at: dict[str, Any]
    data: _Data


_BODY: Shape[_Body] = Shape(_Body)


@dataclass(frozen=True, slots=True)
class LastCheck:
    """What the log says of the last check: good up to entry `seq` with `hash`; `sentence` where the next was not."""

    seq: int
    hash: bytes
    at: str
    sentence: str | None


def last_check(connection: sqlite3.Connection) -> LastCheck | None:
    """The newest entry about a check, None where there is none, or none that can be read."""
    row = connection.execute(
        "SELECT CAST(body AS BLOB) FROM entries WHERE seq = (SELECT max(seq) FROM entries"
        " WHERE kind IN (?, ?) AND activation IS NULL)",
        (Kind.JOURNAL_CHECKED.value, Kind.JOURNAL_BROKEN.value),
    ).fetchone()
    try:
        body = None if row is None else _BODY.of_json(row[0])
        if body is None:
            return None
        said = body.data.extra
        return LastCheck(said.seq, bytes.fromhex(said.hash), str(body.at.get("at")), said.sentence)
    except (msgspec.DecodeError, ValueError):
        return None  # edited: the check comes upon it, since it begins with less


def read_last_check(path: Path) -> LastCheck | None:
    """The same of the log at `path`, None where there is no log. Raises as the reader does."""
    try:
        with opened(path) as connection:
            return None if connection is None else last_check(connection)
    except NothingMatched:
        return None


class Checking:
    """One check of the log at `path`, a few entries at a time, from where the last ended to the newest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: tuple[int, int] | None = None
        self._at = Link(0, b"")
        self._checked = 0

    def step(self) -> Verification | None:
        """Check the next few; None as long as there are more. Raises as `chain.verify` does."""
        with system_errors(self.path):
            file = file_identity(self.path)
        with opened(self.path) as connection:
            if connection is None:
                return Verification(0, 0, "")
            start = start_of(connection)
            if file != self._file:
                self._file, self._checked = file, 0
                self._at, broken = _begin(connection, start)
                if broken is not None:
                    return broken
            elif self._at.seq < start.seq:  # a cut went past it, which checks what it takes
                self._at = Link(start.seq, start.hash)
            found = walk(connection, self._at, self._at.seq + AT_ONCE)
        self._checked += found.checked
        if found.ok and found.checked == AT_ONCE:
            self._at = Link(found.head_seq, bytes.fromhex(found.head))
            return None
        return replace(found, checked=self._checked)


def _begin(connection: sqlite3.Connection, start: Start) -> tuple[Link, Verification | None]:
    """Where a check begins; and where that can be told already, what is wrong."""
    begin = Link(start.seq, start.hash)
    last = last_check(connection)
    if not start.allowed:
        return begin, from_start(connection, start, begin)
    if last is None or last.seq <= start.seq:
        return begin, None
    row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (last.seq,)).fetchone()
    if row is not None and bytes(row[0]) == last.hash:
        return Link(last.seq, last.hash), None
    found = from_start(connection, start, begin)
    if not found.ok:
        return begin, found
    sentence = f"entry {last.seq}, or one before it, was written anew: it is not what was checked at {last.at}"
    bad = Verification(0, start.seq, start.hash.hex(), start.seq + 1, Flaw.REWRITTEN, sentence, cut_seq=start.seq)
    return begin, bad


def of_check(found: Verification) -> tuple[Kind, Record]:
    """Kind and `extra` of the entry about a check."""
    record: Record = {"seq": found.head_seq, "hash": found.head, "checked": found.checked}
    if found.ok:
        return Kind.JOURNAL_CHECKED, record
    flaw = None if found.flaw is None else found.flaw.value
    return Kind.JOURNAL_BROKEN, {**record, "first_bad": found.first_bad, "flaw": flaw, "sentence": found.sentence}
