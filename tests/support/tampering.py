"""What somebody with the log's file in hand may do to it: the triggers are taken away first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from camguard.journal.entry import GENESIS, link


@contextmanager
def unprotected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that nothing keeps from anything."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        connection.execute("COMMIT")


def hash_before(connection: sqlite3.Connection, seq: int) -> bytes:
    """What the entry of that number is tied to."""
    row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq - 1,)).fetchone()
    row = row or connection.execute("SELECT hash FROM stub").fetchone()
    return bytes(row[0]) if row else GENESIS


def changed(value: Any, byte: int) -> Any:
    """Something else of a kind that the column takes."""
    if isinstance(value, int):
        return value + 1
    if value is None:
        return 1
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    raw[byte % len(raw)] ^= 1 + byte % 7
    return bytes(raw) if isinstance(value, bytes) else raw.decode("latin-1")


def rewrite(connection: sqlite3.Connection, seq: int) -> None:
    """Make the hashes fit again, from that number to the end."""
    previous = hash_before(connection, seq)
    rows = connection.execute("SELECT seq, CAST(body AS BLOB) FROM entries WHERE seq >= ? ORDER BY seq", (seq,))
    for number, body in rows.fetchall():
        previous = link(previous, body)
        connection.execute("UPDATE entries SET hash = ? WHERE seq = ?", (previous, number))
