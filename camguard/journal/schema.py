"""What the journal's file holds, and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from camguard.errors import JournalCorrupt, JournalError

APPLICATION_ID = 0x43414D47  # "CAMG"
"""Tells our file from any other SQLite database, also to file(1)."""


def _first(connection: sqlite3.Connection) -> None:
    """Entries in order, each once, for ever: the triggers refuse everything but the next entry."""
    connection.execute(
        """CREATE TABLE entries (
            seq INTEGER PRIMARY KEY,
            utc_ns INTEGER NOT NULL,
            kind TEXT NOT NULL,
            activation INTEGER,
            app_key TEXT,
            body TEXT NOT NULL,
            hash BLOB NOT NULL
        ) STRICT"""
    )
    connection.execute("CREATE INDEX entries_activation ON entries (activation) WHERE activation IS NOT NULL")
    connection.execute("CREATE INDEX entries_time ON entries (utc_ns, activation)")
    connection.execute("CREATE INDEX entries_kind ON entries (kind, activation)")
    connection.execute("CREATE INDEX entries_app ON entries (app_key, activation, utc_ns) WHERE app_key IS NOT NULL")
    for verb in ("UPDATE", "DELETE"):
        connection.execute(
            f"""CREATE TRIGGER entries_no_{verb.lower()} BEFORE {verb} ON entries
            BEGIN SELECT RAISE(ABORT, 'the activation log is append-only'); END"""
        )
    # INSERT OR REPLACE deletes without asking a DELETE trigger; this one it must pass.
    connection.execute(
        """CREATE TRIGGER entries_next BEFORE INSERT ON entries
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entries)
        BEGIN SELECT RAISE(ABORT, 'the activation log is append-only'); END"""
    )


def _cutting(connection: sqlite3.Connection) -> None:
    """What retention leaves of the entries that it cut, and the heads that were signed.

    An entry may go once the stub has passed it, in the same transaction; the stub itself only ever goes forward.
    """
    connection.execute(
        """CREATE TABLE stub (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            seq INTEGER NOT NULL,
            hash BLOB NOT NULL
        ) STRICT"""
    )
    connection.execute(
        """CREATE TABLE heads (
            seq INTEGER PRIMARY KEY,
            utc_ns INTEGER NOT NULL,
            hash BLOB NOT NULL,
            key TEXT NOT NULL,
            signature BLOB NOT NULL
        ) STRICT"""
    )
    connection.execute("DROP TRIGGER entries_no_delete")
    connection.execute(
        """CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
        WHEN OLD.seq > coalesce((SELECT seq FROM stub), 0)
        BEGIN SELECT RAISE(ABORT, 'the activation log is append-only'); END"""
    )
    connection.execute(
        """CREATE TRIGGER stub_stays BEFORE DELETE ON stub
        BEGIN SELECT RAISE(ABORT, 'the activation log is append-only'); END"""
    )
    connection.execute(
        """CREATE TRIGGER stub_goes_on BEFORE UPDATE ON stub WHEN NEW.seq <= OLD.seq
        BEGIN SELECT RAISE(ABORT, 'the activation log is append-only'); END"""
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _cutting)
"""Each takes a file from the version that is its place in this list to the next one, inside a transaction."""

VERSION = len(MIGRATIONS)


def check(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is a journal that this camguard knows; False for an empty file, which may become one.

    Raises JournalError for another program's database and for a journal of a newer camguard, JournalCorrupt for
    a journal without its table, and what sqlite3 raises.
    """
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if application == 0 and version == 0 and not tables:
        return False
    if application != APPLICATION_ID:
        raise JournalError(
            f"{path} is a database of another program; it is left as it is. Give the activation log another place."
        )
    if version > VERSION:
        raise JournalError(
            f"the activation log {path} was written by a newer camguard (its version is {version}, this one knows "
            f"{VERSION}); it is left as it is. Install that camguard again, or give the log another place."
        )
    if "entries" not in tables:
        raise JournalCorrupt(f"the activation log {path} is damaged: its entries are missing")
    return True


def migrate(connection: sqlite3.Connection) -> bool:
    """Bring a checked file up to date inside the caller's transaction; whether it was empty before."""
    version = _pragma(connection, "user_version")
    for migration in MIGRATIONS[version:]:
        migration(connection)
    if version < VERSION:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    return version == 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
