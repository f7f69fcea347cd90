"""Cutting what is older than is kept: from the old end, checked as it goes, a few entries to a transaction.

First the log itself says what will go (`plan` makes that entry's `extra`); then each `Cutter.step` moves the stub and
deletes the entries in one transaction, so that a crash leaves a sound log that the next guard goes on cutting.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from camguard.core.events import Kind
from camguard.errors import JournalError
from camguard.journal.aside import Folder
from camguard.journal.chain import Flaw, Link, Verification, opened, walk
from camguard.journal.database import connect, transaction, translated
from camguard.journal.entry import Entry, decode_entry
from camguard.journal.stub import CutSaid, Start, name_of, start_of

AT_ONCE = 100
"""Entries cut in one transaction, while which nobody else writes: a few milliseconds."""

PLANNED = 5_000
"""Entries that one entry about a cut is for, at most."""

_PAGES = 100
_STATE = (
    Kind.GUARD_STARTED,
    Kind.GUARD_STOPPED,
    Kind.GUARD_BLIND,
    Kind.GUARD_SIGHTED,
    Kind.GATE_CLOSED,
    Kind.GATE_OPEN,
)
"""Entries that hold until another one ends them."""


def unfinished(path: Path) -> bool:
    """Whether a cut that the log tells of was not carried out to its end. Raises as the reader does."""
    with opened(path) as connection:
        start = Start() if connection is None else start_of(connection)
        return start.cut is not None and start.cut.said.last_seq > start.seq


def plan(path: Path, before_utc_ns: int, now_utc_ns: int, keep: str) -> CutSaid | None:
    """What a cut of the entries from before a time comes to; None where there is nothing to cut.

    It ends before the first entry that is from then or later. One from the future, when the clock was wrong, is no such
    entry. Raises as the reader does.
    """
    with opened(path) as connection:
        if connection is None:
            return None
        start = start_of(connection)
        if not start.allowed:
            return None  # what is missing is for `verify` to tell; nothing is put in its place
        last = _last_old(connection, before_utc_ns, now_utc_ns)
        name = name_of(connection, start)
        return None if last is None or name is None else _said(connection, start, last, name, keep, before_utc_ns)


class Cutter:
    """Carries out the cut that the log at `path` tells of last. `close` it.

    It may be closed by another thread than is at work in it: the step that is under way is done first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()  # SQLite crashes where a connection is closed under the one who uses it
        self._closed = False
        self._opened = ExitStack()
        self._connection: sqlite3.Connection | None = None

    def step(self) -> Verification | None:
        """Cut the next few entries, or give back to the disk what is free then; None where nothing is left to do.

        What it returns tells whether the entries were as they were written: where not, nothing was cut. Raises
        JournalError and AccessDenied as a writer does.
        """
        with self._lock, translated(self.path):
            if self._closed:
                return None
            if self._connection is None:
                self._connection = self._open()
            start = start_of(self._connection)
            if start.cut is None or start.cut.said.last_seq <= start.seq:
                return Verification(0, start.seq, start.hash.hex()) if _give_back(self._connection) else None
            with transaction(self._connection):
                return _cut(self._connection)

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._closed = True
            self._opened.close()

    def _open(self) -> sqlite3.Connection:
        self._opened.enter_context(closing(Folder(self.path)))
        connection = self._opened.enter_context(closing(connect(self.path)))
        connection.execute("PRAGMA secure_delete = ON")  # gone is gone, also from what the file has free
        return connection


def _cut(connection: sqlite3.Connection) -> Verification | None:
    """Cut the next few within a transaction."""
    start = start_of(connection)
    if start.cut is None:
        return None
    last = min(start.seq + AT_ONCE, start.cut.said.last_seq)
    found = walk(connection, Link(start.seq, start.hash), last)
    if found.ok and found.head_seq < last:
        missing = f"entries {found.head_seq + 1} to {last} are missing"
        return replace(found, first_bad=found.head_seq + 1, flaw=Flaw.MISSING, sentence=missing)
    if found.ok:
        _move_stub(connection, found)
        connection.execute("DELETE FROM entries WHERE seq <= ?", (last,))
        connection.execute("DELETE FROM heads WHERE seq <= ?", (last,))
    return found


def _move_stub(connection: sqlite3.Connection, found: Verification) -> None:
    place = (found.head_seq, bytes.fromhex(found.head))
    if connection.execute("UPDATE stub SET seq = ?, hash = ?", place).rowcount == 0:
        connection.execute("INSERT INTO stub (one, seq, hash) VALUES (1, ?, ?)", place)


def _give_back(connection: sqlite3.Connection) -> bool:
    """Let the disk have some of what is free; whether there was something.

    A file that an older camguard began was not made for that: it keeps the room for what is written next.
    """
    before = _free(connection)
    connection.executescript(f"PRAGMA incremental_vacuum({_PAGES})")  # execute() takes one step of it: one page
    if _free(connection) < before:
        return True
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    return False


def _free(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _last_old(connection: sqlite3.Connection, before_utc_ns: int, now_utc_ns: int) -> int | None:
    """The last entry of those at the old end that are from before a time; never the newest, which the next follows."""
    newest = int(connection.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0])
    rows = connection.execute("SELECT seq, utc_ns FROM entries WHERE seq < ? ORDER BY seq LIMIT ?", (newest, PLANNED))
    last = None
    for seq, utc_ns in rows:
        if utc_ns < before_utc_ns:
            last = int(seq)
        elif utc_ns <= now_utc_ns:
            break
    return last


def _said(connection: sqlite3.Connection, start: Start, last: int, name: str, keep: str, before_utc_ns: int) -> CutSaid:
    (digest,) = connection.execute("SELECT hash FROM entries WHERE seq = ?", (last,)).fetchone()
    before = start.cut.said if start.cut is not None else None
    highest = connection.execute("SELECT max(activation) FROM entries WHERE seq <= ?", (last,)).fetchone()[0]
    (newest,) = connection.execute(
        "SELECT CAST(body AS BLOB) FROM entries WHERE seq <= ? AND utc_ns < ? ORDER BY utc_ns DESC LIMIT 1",
        (last, before_utc_ns),
    ).fetchone()  # where the clock was put back among them, it is not that of the last
    return CutSaid(
        log=name,
        first_seq=start.seq + 1,
        last_seq=last,
        last_hash=bytes(digest).hex(),
        last_at=_entry(newest).at,
        keep=keep,
        activation=max(highest or 0, 0 if before is None else before.activation),
        live=_live(connection, last, () if before is None else before.live),
        carried=_carried(connection, start, last),
    )


def _live(connection: sqlite3.Connection, last: int, earlier: tuple[int, ...] | list[int]) -> list[int]:
    """The uses with entries on both sides of the cut, or of an earlier one."""
    here = connection.execute(
        "SELECT DISTINCT activation FROM entries WHERE seq <= ? AND activation IS NOT NULL ORDER BY 1", (last,)
    )
    numbers = {int(number) for (number,) in here} | set(earlier)
    beyond = "SELECT max(seq) FROM entries WHERE activation = ?"
    return sorted(n for n in numbers if (connection.execute(beyond, (n,)).fetchone()[0] or 0) > last)


def _carried(connection: sqlite3.Connection, start: Start, last: int) -> list[dict[str, Any]]:
    """What held at the cut: that a guard ran, what it could not see, how its gate stood."""
    marks = ", ".join("?" * len(_STATE))
    rows = connection.execute(
        f"SELECT CAST(body AS BLOB) FROM entries WHERE kind IN ({marks}) AND seq > ? AND seq <= ? ORDER BY seq",  # noqa: S608
        (*(kind.value for kind in _STATE), start.seq, last),
    )
    earlier = () if start.cut is None else (entry for entry in start.cut.carried if entry.seq <= start.seq)
    held: dict[str, Entry] = {}
    for entry in (*earlier, *(_entry(body) for (body,) in rows)):
        _hold(held, entry)
    return [msgspec.to_builtins(entry) for entry in sorted(held.values(), key=lambda entry: entry.seq)]


def _hold(held: dict[str, Entry], entry: Entry) -> None:
    what = f"blind {(entry.data.get('extra') or {}).get('what')}"
    match entry.kind:
        case Kind.GUARD_STARTED | Kind.GUARD_STOPPED:
            held.clear()
            if entry.kind == Kind.GUARD_STARTED:
                held["guard"] = entry
        case Kind.GUARD_BLIND:
            held[what] = entry
        case Kind.GUARD_SIGHTED:
            held.pop(what, None)
        case _:
            held["gate"] = entry


def _entry(body: bytes) -> Entry:
    try:
        return decode_entry(body)
    except msgspec.DecodeError as error:
        raise JournalError("an entry that is old enough to be cut cannot be read; run `camguard log verify`") from error
