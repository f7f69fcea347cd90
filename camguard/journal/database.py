"""Connections to the journal's file, and the one place where SQLite's errors become ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from camguard.errors import JournalCorrupt, JournalError, JournalWriteError

BUSY_TIMEOUT_S = 2.0
"""How long a writer waits for another's commit, which takes milliseconds, before it counts as failed."""

CACHE_KIB, READERS_CACHE_KIB = 256, 64
"""What a writer, and a reader, keep of the file beside what the system does: the service has several, for months."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LATER = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write",
    sqlite3.SQLITE_READONLY: "it may only be read",
    sqlite3.SQLITE_BUSY: "another process has kept it locked",
    sqlite3.SQLITE_LOCKED: "another process has kept it locked",
    sqlite3.SQLITE_CANTOPEN: "it, or its folder, cannot be opened",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_PROTOCOL: "another process has kept it locked",
}

_NO_ROOM = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about the file at `path` into JournalCorrupt, JournalWriteError or JournalError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _ours(path, error) from error


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading and writing: every commit reaches the disk before it returns.

    A file that is empty yet will be able to give back to the disk what it needs no more. The connection may be used
    from any thread, by one at a time. Raises what sqlite3 raises.
    """
    connection = _open(path, "rw")
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # says nothing to a file that has tables already
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _keep_little(connection, CACHE_KIB)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class StillConnection(sqlite3.Connection):
    """Reads a file that nobody is writing, and will not see it change: good for one question."""


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading alone; nothing of it is changed.

    SQLite needs room beside the file for that. Where there is none, on a full or read-only disk, and no writer
    left anything outside of the file itself, it is a StillConnection. Raises what sqlite3 raises.
    """
    connection = _open(path, "ro")
    try:
        connection.execute("PRAGMA schema_version")
        _keep_little(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in _NO_ROOM or _has_content(path.with_name(f"{path.name}-wal")):
            raise
        still = _open(path, "ro&immutable=1", StillConnection)
        _keep_little(still)
        return still
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all that is done within, or nothing of it. Raises what sqlite3 raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself after most failures; where this fails too, the first failure is the one to tell.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def file_identity(path: Path) -> tuple[int, int] | None:
    """Which file is at `path` now, None where there is none. Raises OSError as the system does."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino)


def _has_content(path: Path) -> bool:
    try:
        return os.path.getsize(path) > 0
    except FileNotFoundError:
        return False


def _open(path: Path, mode: str, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        factory=factory,
    )


def _keep_little(connection: sqlite3.Connection, kib: int = READERS_CACHE_KIB) -> None:
    """Bound what is kept of the file in memory. SQLite looks at the file for that, as for nearly everything."""
    connection.execute(f"PRAGMA cache_size = -{kib}")


def _ours(path: Path, error: sqlite3.Error) -> JournalError:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _CORRUPT:
        return JournalCorrupt(f"the activation log {path} is damaged: {error}")
    if primary in _LATER:
        return JournalWriteError(f"the activation log {path} cannot be used now: {_LATER[primary]} ({error})")
    return JournalError(f"the activation log {path} cannot be used: {error}")
