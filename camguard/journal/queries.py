"""What the activation log can be asked. Readers change nothing and never hold a writer up."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from camguard.core.events import Kind
from camguard.core.model import AppIdentity, Moment
from camguard.journal import schema
from camguard.journal.aside import is_read_only, permit, system_errors
from camguard.journal.database import StillConnection, connect_to_read, file_identity, translated
from camguard.journal.entry import Entry, decode_entry, key_of
from camguard.journal.filter import ALL, Filter, to_utc_ns
from camguard.journal.fold import ActivationEntry, ActivationRecord, decode, fold
from camguard.journal.stub import Start, start_of

log = logging.getLogger(__name__)

T = TypeVar("T")

_Folded = tuple[ActivationRecord, int | None]
"""A record, and of one without an end the time (UTC nanoseconds) by which it had surely ended: see `_ended_ns`."""

_CHUNK = 64
"""How many activations are in memory at a time: each has several entries, and the service has little room."""
_POLL_S = 0.5
_MICROSECOND = 1_000
_NEVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LastRun:
    """The guard's last run: when it began, and when it ended, None where it never said so (it runs, or died)."""

    started: Moment
    stopped: Moment | None
    started_seq: int


class Reader:
    """Answers from the journal at `path`, also while a guard writes it; where there is none, it is empty.

    Follows the path: after a damaged journal was set aside, it answers from the new one. May be used from several
    threads. Every method raises AccessDenied where the file is another user's, JournalCorrupt where it is
    damaged, JournalError where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._passing = False

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def activations(self, wanted: Filter = ALL) -> list[ActivationRecord]:
        """The newest activations that match, oldest first."""
        found = list(islice(self._matching(wanted, newest_first=True), wanted.limit))
        found.reverse()
        return found

    def each(self, wanted: Filter = ALL) -> Iterator[ActivationRecord]:
        """All activations that match, oldest first, a few at a time in memory; `limit` is not looked at."""
        return self._matching(wanted, newest_first=False)

    def activation(self, number: int) -> ActivationRecord | None:
        """One activation, None where the log has none of that number."""
        return next((record for record, _ in self._fold_between(number, number)), None)

    def entries(self, after: int = 0, kinds: Iterable[str] | None = None, limit: int | None = None) -> list[Entry]:
        """Entries behind number `after`, oldest first; where `kinds` is given, of these kinds.

        Of these also what a cut carried on (see `stub`), though the entry itself is gone.
        """
        chosen = None if kinds is None else [str(kind) for kind in kinds]
        which = "" if chosen is None else f" AND kind IN ({', '.join('?' * len(chosen))})"
        rows = self._rows(
            f"SELECT seq, CAST(body AS BLOB) FROM entries WHERE seq > ?{which} ORDER BY seq LIMIT ?",  # noqa: S608
            (after, *(chosen or ()), -1 if limit is None else limit),
        )
        found = [entry for entry in (_readable(decode_entry, *row) for row in rows) if entry is not None]
        return found if chosen is None else [*self._carried(after, chosen), *found][:limit]

    def follow(self, after: int | None = None, kinds: Iterable[str] | None = None) -> Iterator[Entry]:
        """Entries as they come, for ever: those behind `after`, or those written from now on."""
        chosen = None if kinds is None else tuple(kinds)
        newest = self.last_seq()
        last, file = newest if after is None else after, self._file
        while True:
            entries = self.entries(last, chosen)
            if file != self._file:  # a new journal was begun in its place
                file = self._file
                entries = self.entries(0, chosen)
            for entry in entries:
                last = entry.seq
                yield entry
            time.sleep(_POLL_S)

    def times_seen(self, identity: AppIdentity) -> tuple[int, int | None]:
        """How many uses (not looks) by this app (kind, id and path) there were, and when last, in UTC nanoseconds."""
        rows = self._rows(
            "SELECT count(*), max(latest) FROM"
            " (SELECT max(utc_ns) AS latest FROM entries WHERE app_key = ? GROUP BY activation)",
            (key_of(identity),),
        )
        return (rows[0][0], rows[0][1]) if rows else (0, None)

    def next_number(self) -> int:
        """The number that the next activation gets."""
        cut = self.start().cut
        highest = self._one("SELECT max(activation) FROM entries WHERE activation IS NOT NULL", ())
        return max(highest, 0 if cut is None else cut.said.activation) + 1

    def start(self) -> Start:
        """Where the log begins: behind which entry, where older ones were cut."""
        with self._lock, self._at_hand() as connection:
            return Start() if connection is None else start_of(connection)

    def last_seq(self) -> int:
        """The number of the newest entry, 0 where there is none."""
        return self._one("SELECT max(seq) FROM entries", ())

    def newest(self, number: int) -> list[Entry]:
        """The newest entries, so many at most, the newest first."""
        rows = self._rows("SELECT seq, CAST(body AS BLOB) FROM entries ORDER BY seq DESC LIMIT ?", (number,))
        return [entry for entry in (_readable(decode_entry, *row) for row in rows) if entry is not None]

    def last_run(self) -> LastRun | None:
        """The guard's last run, None where none was ever recorded."""
        started = self._newest(Kind.GUARD_STARTED) or next(iter(self._carried(0, (Kind.GUARD_STARTED,))), None)
        if started is None:
            return None
        stopped = self._newest(Kind.GUARD_STOPPED)
        if stopped is not None and stopped.seq < started.seq:
            stopped = None
        return LastRun(moment_of(started), None if stopped is None else moment_of(stopped), started.seq)

    def _carried(self, after: int, kinds: Sequence[str]) -> list[Entry]:
        start = self.start()
        carried = () if start.cut is None else start.cut.carried
        return [entry for entry in carried if after < entry.seq <= start.seq and entry.kind in kinds]

    def _newest(self, kind: Kind) -> Entry | None:
        seq = self._one("SELECT max(seq) FROM entries WHERE kind = ? AND activation IS NULL", (kind.value,))
        return next(iter(self.entries(seq - 1, limit=1)), None) if seq else None

    def _matching(self, wanted: Filter, *, newest_first: bool) -> Iterator[ActivationRecord]:
        spans = self._spans(wanted)
        for low, high in reversed(spans) if newest_first else spans:
            for record, ends in self._fold_span(low, high, newest_first=newest_first):
                too_late = wanted.until is not None and to_utc_ns(record.opened_at) > wanted.until
                too_early = wanted.since is not None and (_ended_ns(record) if ends is None else ends) < wanted.since
                too_new = wanted.before is not None and record.number >= wanted.before
                if not (too_late or too_early or too_new) and wanted.matches(record):
                    yield record

    def _spans(self, wanted: Filter) -> list[tuple[int, int]]:
        """Spans of numbers outside of which no activation lasted into the time that is asked for, ascending."""
        if wanted.unanswered:
            return self._unanswered(wanted.before)
        low, high = 1, self.next_number() - 1
        if wanted.before is not None:
            high = min(high, wanted.before - 1)
        if wanted.until is not None:
            newest = self._one(
                "SELECT max(activation) FROM entries INDEXED BY entries_time WHERE utc_ns <= ?",
                (wanted.until,),
            )
            high = min(high, newest)
        if wanted.since is None:
            return [(low, high)]
        low = self._one(
            "SELECT min(activation) FROM entries INDEXED BY entries_time WHERE utc_ns >= ?", (wanted.since,)
        )
        before = low or high + 1
        # Without an end they may have lasted until any time.
        unended = self._rows(
            "SELECT activation FROM entries WHERE kind IN ('opened', 'present') AND activation < ?1"
            " UNION SELECT value FROM json_each(?2) WHERE value < ?1"  # of these a cut took where they began
            " EXCEPT SELECT activation FROM entries WHERE kind IN ('ended', 'probe', 'fed') AND activation < ?1"
            " ORDER BY 1",
            (before, msgspec.json.encode(self._live_at_cut()).decode()),
        )
        return [(number, number) for (number,) in unended] + ([(low, high)] if low else [])

    def _live_at_cut(self) -> list[int]:
        cut = self.start().cut
        return [] if cut is None else cut.said.live

    def _unanswered(self, before: int | None) -> list[tuple[int, int]]:
        """The activations with an alert that nobody answered, ascending, each as a span; those before that number."""
        rows = self._rows(
            "SELECT activation FROM entries WHERE kind = ? EXCEPT SELECT activation FROM entries WHERE kind = ?"
            " ORDER BY 1",
            (Kind.ALERT.value, Kind.DECIDED.value),
        )
        return [(number, number) for (number,) in rows if before is None or number < before]

    def _fold_span(self, low: int, high: int, *, newest_first: bool) -> Iterator[_Folded]:
        while low <= high:
            if newest_first:
                start = max(low, high - _CHUNK + 1)
                yield from reversed(self._fold_between(start, high))
                high = start - 1
            else:
                stop = min(high, low + _CHUNK - 1)
                yield from self._fold_between(low, stop)
                low = stop + 1

    def _fold_between(self, low: int, high: int) -> list[_Folded]:
        """The records with these numbers."""
        rows = self._rows(
            "SELECT activation, seq, CAST(body AS BLOB) FROM entries WHERE activation BETWEEN ? AND ?"
            " ORDER BY activation, seq",
            (low, high),
        )
        found = []
        for number, group in groupby(rows, key=lambda row: int(row[0])):
            entries = [entry for entry in (_readable(decode, *row[1:]) for row in group) if entry is not None]
            if entries:
                found.append(self._fold(number, entries))
        return found

    def _fold(self, number: int, entries: Sequence[ActivationEntry]) -> _Folded:
        record = fold(number, entries)
        if record.over:
            return record, None
        stop = self._rows(
            "SELECT utc_ns FROM entries WHERE seq = (SELECT min(seq) FROM entries"
            " WHERE kind IN ('guard.started', 'guard.stopped') AND activation IS NULL AND seq > ?)",
            (record.first_seq,),
        )
        if not stop:
            return record, _NEVER
        return fold(number, entries, watched=False), int(stop[0][0])

    def _one(self, sql: str, parameters: Sequence[Any]) -> int:
        rows = self._rows(sql, parameters)
        return int(rows[0][0] or 0) if rows else 0

    def _rows(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """The answer to one question; nothing where there is no journal yet."""
        with self._lock, self._at_hand() as connection:
            return [] if connection is None else connection.execute(sql, parameters).fetchall()

    @contextmanager
    def _at_hand(self) -> Iterator[sqlite3.Connection | None]:
        """A connection to ask by, who holds the lock; None where there is no journal yet."""
        with translated(self.path):
            connection = self._connected()
            try:
                yield connection
            finally:
                if self._passing:
                    self._disconnect()

    def _connected(self) -> sqlite3.Connection | None:
        with system_errors(self.path):
            file = file_identity(self.path)
        if file is None or file != self._file:
            self._disconnect()
        if file is not None and self._connection is None:
            permit(self.path, os.R_OK)
            connection = connect_to_read(self.path)
            try:
                if not schema.check(connection, self.path):
                    connection.close()
                    return None
            except BaseException:
                connection.close()
                raise
            self._connection, self._file = connection, file
            # SQLite shares within a process what it opened while the disk could only be read: a writer could not write.
            with system_errors(self.path):
                self._passing = isinstance(connection, StillConnection) or is_read_only(self.path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._file = None


def _ended_ns(record: ActivationRecord) -> int:
    """By when (UTC nanoseconds) a use that is over had surely ended."""
    return to_utc_ns(record.ended_at or record.last_at) + _MICROSECOND


def _readable(decoder: Callable[[bytes], T], seq: int, body: bytes) -> T | None:
    """A decoded entry, or None for one that was tampered with: it must not hide all the others."""
    try:
        return decoder(body)
    except msgspec.DecodeError as error:
        log.error("entry %d of the activation log cannot be read (%s): run `camguard log verify`", seq, error)  # noqa: TRY400
        return None


def moment_of(entry: Entry) -> Moment:
    """When an entry was written, by all clocks."""
    at = entry.at
    return Moment(at["utc_ns"], at["utc_offset_s"], at["boottime_ns"], at["boot_id"])
