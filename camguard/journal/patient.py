"""A journal that outlasts a full disk: what cannot be written waits in memory, and the guard goes on."""

from __future__ import annotations

import heapq
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, AppIdentity, Moment
from camguard.core.records import Record, moment
from camguard.errors import AccessDenied, CamguardError, JournalCorrupt, JournalError, JournalWriteError
from camguard.journal.store import Journal
from camguard.ports import Clock, History

log = logging.getLogger(__name__)

KEPT_AT_MOST = 20_000
"""Reports that wait in memory before the least telling are dropped."""

_AT_ONCE = 500
_LEAST_TELLING = frozenset({Kind.PROBE, Kind.OPENED})


@dataclass(frozen=True, slots=True)
class Failing:
    """The journal cannot be written `since` then, because of `why`; `kept` reports wait, `lost` were dropped."""

    since: Moment
    why: str
    kept: int
    lost: int


class PatientJournal:
    """A JournalWriter whose `append` does not fail for a disk that is full, read-only or broken.

    What could not be written comes back with `seq` None, waits, and is written in its order by a later `append`
    or `retry`, followed by one ``journal.interrupted`` entry that says from when to when. A journal found
    damaged is set aside on the way.
    """

    def __init__(self, open_journal: Callable[[], Journal], clock: Clock) -> None:
        """Open the journal. Raises JournalError where that will never do; a full disk is waited out."""
        self._open = open_journal
        self.clock = clock
        self._journal: Journal | None = None
        self._kept = _Kept()
        self._since: Moment | None = None
        self._why = ""
        self._made_good = 0
        self._doubt: str | None = None
        try:
            self._journal = open_journal()
        except JournalWriteError as error:
            self._begin_failing(error)

    @property
    def waiting(self) -> bool:
        """Whether reports, or a damaged file, wait for the next `append`."""
        return self._since is not None or self._doubt is not None

    @property
    def state(self) -> Failing | None:
        """How and since when the journal fails; None while it is well."""
        if self._since is None:
            return None
        return Failing(self._since, self._why, len(self._kept), self._kept.lost)

    def append(self, reports: Sequence[Report]) -> tuple[Report, ...]:
        """Write what waits and then these; returns these, with `seq` None where they have to wait."""
        if not reports and not self.waiting:
            return ()
        try:
            journal = self._mended()
            self._make_good(journal)
            return _append(journal, reports)
        except (JournalError, AccessDenied) as error:
            self._begin_failing(error)
            for report in reports:
                self._kept.add(report)
            return tuple(reports)

    def retry(self) -> bool:
        """Try to write what waits; whether nothing waits any more."""
        self.append(())
        return not self.waiting

    def doubt(self, why: str) -> None:
        """Have the file set aside before the next entry: a reader found it damaged."""
        self._doubt = why

    def close(self) -> None:
        """Release the file, after a last try to write what waits; what cannot be written then is lost, loudly."""
        if self.waiting and not self.retry() and len(self._kept):
            log.error("%d entries of the activation log were never written: %s", len(self._kept), self._why)
        if self._journal is not None:
            self._journal.close()

    def _mended(self) -> Journal:
        if self._journal is None:
            self._journal = self._open()
        if self._doubt is not None:
            self._journal.begin_anew(self._doubt)
            self._doubt = None
        return self._journal

    def _make_good(self, journal: Journal) -> None:
        if self._since is None:
            return
        while batch := self._kept.first(_AT_ONCE):
            _append(journal, batch)
            self._kept.drop_first(len(batch))
            self._made_good += len(batch)
        interrupted: Record = {
            "why": self._why,
            "from": moment(self._since),
            "to": moment(self.clock.now()),
            "kept": self._made_good,
            "lost": self._kept.lost,
        }
        _append(journal, [Report(Kind.JOURNAL_INTERRUPTED, self.clock.now(), extra=dict(interrupted))])
        log.error("the activation log can be written again; made good: %d entries", self._made_good)
        self._since = None
        self._made_good = 0
        self._kept = _Kept()

    def _begin_failing(self, error: CamguardError) -> None:
        self._why = str(error)
        if self._since is None:
            self._since = self.clock.now()
            log.error("%s; entries are kept in memory until it can be written again", error)


class Past(History, Protocol):
    """What a guard asks of the journal when it begins, and of each app."""

    def next_number(self) -> int:
        """The number that the next activation gets."""


class PatientHistory:
    """A History that answers "never" where the journal cannot be read, and has a damaged one set aside."""

    def __init__(self, history: Past, journal: PatientJournal) -> None:
        self._history = history
        self._journal = journal

    def next_number(self) -> int:
        """The number that the next activation gets.

        Where the journal cannot tell, the clock's seconds: more than any journal counts up to.
        """
        try:
            return self._history.next_number()
        except JournalCorrupt as error:
            self._journal.doubt(str(error))
            self._journal.retry()
        except (JournalError, AccessDenied) as error:
            log.error("activations are numbered by the clock: %s", error)  # noqa: TRY400
            return self._journal.clock.now().utc_ns // NANOSECONDS
        return self._history.next_number()

    def times_seen(self, identity: AppIdentity) -> tuple[int, int | None]:
        """How often this app used a camera before, and when it last did; (0, None) where that cannot be known."""
        try:
            return self._history.times_seen(identity)
        except (JournalError, AccessDenied) as error:
            log.error("earlier uses of %s are not known: %s", ascii(identity.id), error)  # noqa: TRY400
            if isinstance(error, JournalCorrupt):
                self._journal.doubt(str(error))
            return (0, None)


class _Kept:
    """Reports in their order, at most `KEPT_AT_MOST`: beyond that the oldest of the least telling kinds go first."""

    def __init__(self) -> None:
        self._important: deque[tuple[int, Report]] = deque()
        self._expendable: deque[tuple[int, Report]] = deque()
        self._added = 0
        self.lost = 0

    def __len__(self) -> int:
        return len(self._important) + len(self._expendable)

    def add(self, report: Report) -> None:
        self._added += 1
        target = self._expendable if report.kind in _LEAST_TELLING else self._important
        target.append((self._added, report))
        if len(self) > KEPT_AT_MOST:
            (self._expendable or self._important).popleft()
            self.lost += 1

    def first(self, count: int) -> list[Report]:
        in_order = heapq.merge(self._important, self._expendable, key=lambda numbered: numbered[0])
        return [report for _, report in islice(in_order, count)]

    def drop_first(self, count: int) -> None:
        for _ in range(count):
            if not self._expendable or (self._important and self._important[0][0] < self._expendable[0][0]):
                self._important.popleft()
            else:
                self._expendable.popleft()


def _append(journal: Journal, reports: Sequence[Report]) -> tuple[Report, ...]:
    try:
        return journal.append(reports)
    except JournalCorrupt as error:
        journal.begin_anew(str(error))
        return journal.append(reports)
