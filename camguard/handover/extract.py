"""The log's own file as the source of an export: one state of it, whatever a guard writes meanwhile."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import msgspec

from camguard.core.coverage import Stretch
from camguard.core.events import Kind
from camguard.core.records import Record
from camguard.errors import AccessDenied, NothingMatched
from camguard.handover.model import Extent, Wanted, Written
from camguard.journal import schema
from camguard.journal.aside import system_errors
from camguard.journal.coverage import coverage
from camguard.journal.database import connect_to_read, translated
from camguard.journal.entry import decode_entry
from camguard.journal.filter import Filter
from camguard.journal.fold import ActivationRecord
from camguard.journal.queries import Reader
from camguard.journal.stub import Start, start_of

NEWEST_STARTS = 50
"""So many of the guard's starts are told of in the manifest; all are among the entries."""

_AT_ONCE = 500
_NAMES = re.compile(rb'"(?:user":"|(?:by|on_word_of)":"user )((?:[^"\\]|\\.)+)"|"/home/((?:[^"/\\]|\\.)+)')
_ROW = "SELECT seq, CAST(body AS BLOB), hash FROM entries"


@contextmanager
def opened(path: Path, wanted: Wanted) -> Iterator[Extract]:
    """The log at `path`, to be exported.

    Raises NothingMatched where there is no log, or nothing in it; AccessDenied, JournalCorrupt and JournalError as
    `Reader` does.
    """
    with StillReader(path) as reader:
        yield Extract(reader, wanted)


class StillReader(Reader):
    """A reader for which the log stands still."""

    def __enter__(self) -> Self:
        """Take the state of now. Raises NothingMatched where there is no log, AccessDenied where it may not be read."""
        with system_errors(self.path):
            there = self.path.exists()
        if not there:
            raise NothingMatched(f"there is no activation log at {self.path}")
        with translated(self.path):
            try:
                connection = connect_to_read(self.path)
            except sqlite3.OperationalError as error:
                raise AccessDenied(f"you may not use the activation log {self.path}: {error}") from error
            self._connection = connection
            if not schema.check(connection, self.path):
                raise NothingMatched(f"the activation log {self.path} is empty")
            connection.execute("BEGIN")
            connection.execute("SELECT max(seq) FROM entries").fetchone()  # only now is it a state of its own
        return self

    def _connected(self) -> sqlite3.Connection | None:
        return self._connection

    def start(self) -> Start:
        """Where the log begins: retention cuts from its old end. Raises JournalError where the file cannot be read."""
        connection = self._connection
        if connection is None:
            raise NothingMatched(f"there is no activation log at {self.path}")
        with translated(self.path):
            return start_of(connection)

    def rows(self, sql: str, parameters: tuple[int | str | None, ...]) -> list[tuple[int, bytes, bytes]]:
        """The answer to one question."""
        return self._rows(sql, parameters)


class Extract:
    """A `model.Source` on the log's file."""

    way = "file"

    def __init__(self, reader: StillReader, wanted: Wanted) -> None:
        self._reader = reader
        self._wanted = wanted
        self._start = reader.start()
        self.extent = self._extent()

    def uses(self) -> Iterator[ActivationRecord]:
        """See `Source.uses`."""
        return self._reader.each(Filter(since=self._wanted.since, until=self._wanted.until))

    def entries(self, extra: list[int]) -> Iterator[Written]:
        """See `Source.entries`."""
        first, last = self.extent.first, self.extent.last
        for seq in (seq for seq in extra if seq < first):
            yield from self._between(seq, seq)
        yield from self._between(first, last)
        for seq in (seq for seq in extra if seq > last):
            yield from self._between(seq, seq)

    def before(self, seq: int) -> bytes | None:
        """See `Source.before`."""
        if seq == self._start.seq + 1:  # 1, where nothing was cut
            return self._start.hash if self._start.allowed else None
        rows = self._reader.rows(f"{_ROW} WHERE seq = ?", (seq - 1,))
        return bytes(rows[0][2]) if rows else None

    def coverage(self) -> tuple[Stretch, ...]:
        """See `Source.coverage`."""
        return coverage(self._reader, self.extent.begin, self.extent.end)

    def others(self, number: int) -> list[int]:
        """See `Source.others`."""
        sql = "SELECT seq, x'', x'' FROM entries WHERE activation = ? AND seq NOT BETWEEN ? AND ? ORDER BY seq"
        return [seq for seq, _, _ in self._reader.rows(sql, (number, self.extent.first, self.extent.last))]

    def starts(self) -> list[Record]:
        """See `Source.starts`."""
        sql = f"{_ROW} WHERE kind = ? AND activation IS NULL AND seq BETWEEN ? AND ? ORDER BY seq DESC LIMIT ?"
        asked = (Kind.GUARD_STARTED.value, self.extent.first, self.extent.last, NEWEST_STARTS)
        found = []
        for _, body, _ in self._reader.rows(sql, asked):
            with suppress(msgspec.DecodeError):  # whoever checks the chain comes upon it
                found.append(decode_entry(body).line)
        return found[::-1]

    def names(self) -> Iterator[str]:
        """See `Source.names`."""
        for written in self._between(self.extent.first, self.extent.last):
            yield from names_in(written.body)

    def stub(self) -> dict[str, Any] | None:
        """See `Source.stub`."""
        start = self._start
        if start.seq == 0:
            return None
        stub: dict[str, Any] = {"last_seq": start.seq, "last_hash": start.hash.hex(), "allowed": start.allowed}
        if start.cut is not None:  # what it carries on of older entries stands in the entry itself
            said = {key: value for key, value in start.cut.said.extra.items() if key not in {"carried", "live"}}
            stub |= {"entry": start.cut.seq, "at": start.cut.at["at"], "said": said}
        return stub

    def _between(self, first: int, last: int) -> Iterator[Written]:
        while first <= last:
            rows = self._reader.rows(f"{_ROW} WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT {_AT_ONCE}", (first, last))
            for seq, body, found in rows:
                yield Written(seq, bytes(body), bytes(found))
            if not rows:
                return
            first = rows[-1][0] + 1

    def _extent(self) -> Extent:
        head = self._reader.rows(f"{_ROW} ORDER BY seq DESC LIMIT 1", ())
        if not head:
            raise NothingMatched(f"the activation log {self._reader.path} is empty")
        since, until = self._wanted.since, self._wanted.until
        sql = "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0), x'' FROM entries"
        bounds: tuple[int, ...] = ()
        if (since, until) != (None, None):
            sql += " WHERE utc_ns BETWEEN ? AND ?"
            bounds = (-(2**63) if since is None else since, 2**63 - 1 if until is None else until)
        [(first, last, _)] = self._reader.rows(sql, bounds)
        begin, end = self._utc_ns("ORDER BY seq"), self._utc_ns("ORDER BY seq DESC")
        begin = begin if since is None else max(since, begin)
        end = end if until is None else min(until, end)
        return Extent(first, int(last), min(begin, end), end, head[0][0], bytes(head[0][2]).hex())

    def _utc_ns(self, order: str) -> int:
        """When the first entry in that order was written."""
        return self._reader.rows(f"SELECT utc_ns, x'', x'' FROM entries {order} LIMIT 1", ())[0][0]  # noqa: S608


def names_in(body: bytes) -> Iterator[str]:
    """The names of users in an entry: whose a process or a rule is, on whose word something was done, homes."""
    for one, other in _NAMES.findall(body):
        yield (one or other).decode("utf-8", "replace")
