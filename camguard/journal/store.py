"""The journal's writer: every batch is one transaction that is on disk before `append` returns."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from camguard.core.events import Kind, Report
from camguard.errors import JournalCorrupt
from camguard.journal import schema
from camguard.journal.aside import Folder, SetAside, move, newest, permit, system_errors
from camguard.journal.database import connect, connect_to_read, file_identity, transaction, translated
from camguard.journal.entry import GENESIS, Draft, Row, drafts, seal_all
from camguard.ports import Clock

log = logging.getLogger(__name__)

INSERT = "INSERT INTO entries (seq, utc_ns, kind, activation, app_key, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"

_CHECKED_WHOLE = 32 * 1024 * 1024
"""A file up to this many bytes is checked whole when it is opened, in some 20 ms; a larger one as it is used."""


class Journal:
    """A JournalWriter on one SQLite file.

    Several may be open on the same file, in one process or many: the chain's tail is read inside each
    transaction. One object is used by one thread at a time, whichever that is.
    """

    waiting = False
    """A JournalWriter's: nothing waits here, since `append` writes or raises."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.set_aside: SetAside | None = None
        """The damaged journal in whose place this object began a new one, if it did."""
        self._clock = clock
        self._folder = Folder(path)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._tail: tuple[int, bytes] | None = None

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Self:
        """Open the journal at `path`, made where it is missing; a damaged one is set aside for a new one.

        Raises JournalError where the file is another program's or a newer camguard's, AccessDenied where it is
        another user's, JournalWriteError where that may pass, JournalCorrupt where it is damaged and the guard,
        which will set it aside, has it open.
        """
        journal = cls(path, clock)
        try:
            try:
                journal._connect()
            except JournalCorrupt as error:
                journal.begin_anew(str(error))
        except BaseException:
            journal.close()
            raise
        return journal

    def append(self, reports: Sequence[Report]) -> tuple[Report, ...]:
        """Write all of them durably, or none; returns them with `seq` filled in.

        Raises JournalWriteError where that cannot be done now, JournalCorrupt where the file is damaged (see
        `begin_anew`).
        """
        if not reports:
            return ()
        connection, before = self._follow_the_path()
        rows = self._write(connection, drafts([*before, *reports]))[len(before) :]
        return tuple(replace(report, seq=row[0]) for report, row in zip(reports, rows, strict=True))

    def begin_anew(self, why: str) -> None:
        """Set the damaged file aside and begin a new one, whose first entry names the old one.

        Raises JournalWriteError where that cannot be done now; `append` then says whether it is still needed.
        """
        self._disconnect()
        with self._folder.alone():
            with system_errors(self.path):
                if self._file is not None and self._file == file_identity(self.path):
                    move(self.path, self._clock.now().utc_ns)
                    log.error("%s; it was set aside and a new one begun", why)
            self._connect()

    def close(self) -> None:
        """Release the file."""
        self._disconnect()
        self._folder.close()

    def _follow_the_path(self) -> tuple[sqlite3.Connection, tuple[Report, ...]]:
        """A connection to the file that is at `path` now, even where somebody moved or removed the one before.

        With it comes what the log must say about that first.
        """
        if self._connection is not None and self._file == file_identity(self.path):
            return (self._connection, ())
        moved = self._connection is not None
        if self._connection is not None:
            with suppress(sqlite3.Error):  # the old file, wherever it is, gets what it lacks; a damaged one cannot
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._disconnect()
        connection, known = self._connect(), self._tail
        if not moved or known is None:
            return (connection, ())
        why = "the file was moved or removed while in use"
        log.error("the activation log %s goes on in another file: %s", self.path, why)
        extra = {"file": None, "why": why, "last_seq": known[0], "last_hash": known[1].hex()}
        return (connection, (Report(Kind.JOURNAL_SET_ASIDE, self._clock.now(), extra=extra),))

    def _connect(self) -> sqlite3.Connection:
        with system_errors(self.path):
            with suppress(FileExistsError):
                # Only a file that is new is opened by hand: closing it would drop the locks of a connection.
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._file = file_identity(self.path)
            permit(self.path, os.R_OK | os.W_OK)
            if os.path.getsize(self.path):
                self._look_first()
        with translated(self.path):
            connection = connect(self.path)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection
        return connection

    def _look_first(self) -> None:
        """Whether this is a sound journal at all, seen without changing a byte of what may be another's file."""
        with translated(self.path), closing(connect_to_read(self.path)) as connection:
            if not schema.check(connection, self.path) or os.path.getsize(self.path) > _CHECKED_WHOLE:
                return
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise JournalCorrupt(f"the activation log {self.path} is damaged: {found}")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            if schema.migrate(connection):
                self._tell_of_the_old(connection)
            if self._tail is None:
                self._tail = tail(connection)

    def _tell_of_the_old(self, connection: sqlite3.Connection) -> None:
        with system_errors(self.path):
            self.set_aside = newest(self.path)
        if self.set_aside is not None:
            report = Report(Kind.JOURNAL_SET_ASIDE, self._clock.now(), extra=dict(self.set_aside.record))
            connection.executemany(INSERT, seal_all([Draft.of(report)], *tail(connection)))

    def _write(self, connection: sqlite3.Connection, these: list[Draft]) -> list[Row]:
        with translated(self.path):
            try:
                with transaction(connection):
                    rows = seal_all(these, *tail(connection))
                    connection.executemany(INSERT, rows)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
                    self._disconnect()  # what was opened while it could only be read can never be written
                raise
        self._tail = (rows[-1][0], rows[-1][-1])
        return rows

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def tail(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and hash of the last entry; what stands for them in an empty journal.

    There is one wherever there ever was: the newest entries are never cut.
    """
    row = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))
