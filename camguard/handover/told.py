"""The service as the source of an export: what the caller may read, without hashes, which it does not tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from camguard.core.coverage import Stretch, stretches
from camguard.core.events import Kind
from camguard.core.records import Record
from camguard.errors import NothingMatched
from camguard.handover.extract import NEWEST_STARTS, names_in
from camguard.handover.model import Extent, Wanted, Written
from camguard.journal.entry import VERSION
from camguard.journal.filter import Filter

if TYPE_CHECKING:
    from camguard.access.remote import Remote
    from camguard.journal.fold import ActivationRecord

_encode = msgspec.json.Encoder(order="deterministic").encode
_NOT_DATA = frozenset({"schema", "event", "seq", "at", "clock"})


class Told:
    """A `model.Source` on the service, or on the guard of a tray."""

    way = "service"

    def __init__(self, remote: Remote, wanted: Wanted) -> None:
        self._remote = remote
        self._wanted = wanted
        self.extent = self._extent()

    def uses(self) -> Iterator[ActivationRecord]:
        """See `Source.uses`."""
        return self._remote.oldest_first(Filter(since=self._wanted.since, until=self._wanted.until))

    def entries(self, extra: list[int]) -> Iterator[Written]:
        """See `Source.entries`."""
        wanted, first, last = set(extra), self.extent.first, self.extent.last
        for record in self._remote.entries(min([first, *extra]) - 1):
            seq = _number(record["seq"])
            if seq > self.extent.head:
                return
            if first <= seq <= last or seq in wanted:
                yield Written(seq, _encode(body_of(record)))

    def before(self, _: int) -> bytes | None:
        """See `Source.before`; the service tells no hashes."""
        return None

    def coverage(self) -> tuple[Stretch, ...]:
        """See `Source.coverage`."""
        extent = self.extent
        return stretches(self._remote.signs(), extent.begin, extent.end, self._remote.watching_until())

    def others(self, _: int) -> list[int]:
        """See `Source.others`; where the entries of one use are, the service cannot be asked."""
        return []

    def starts(self) -> list[Record]:
        """See `Source.starts`."""
        found = self._remote.entries(0, (Kind.GUARD_STARTED.value,))
        return list(deque((record for record in found if self._holds(record)), NEWEST_STARTS))

    def names(self) -> Iterator[str]:
        """See `Source.names`."""
        for written in self.entries([]):
            yield from names_in(written.body)

    def stub(self) -> dict[str, Any] | None:
        """See `Source.stub`; the service does not tell of it."""
        return None

    def _holds(self, record: Record) -> bool:
        return isinstance(seq := record["seq"], int) and self.extent.first <= seq <= self.extent.last

    def _extent(self) -> Extent:
        since, until = self._wanted.since, self._wanted.until
        first, last, head, begin, end = 0, 0, 0, 0, 0
        for record in self._remote.entries(0):
            head, at = _number(record["seq"]), _number(record["clock"], "utc_ns")
            begin, end = begin or at, at
            if (since is None or at >= since) and (until is None or at <= until):
                first, last = first or head, head
        if not head:
            raise NothingMatched("there is nothing in the log that you may read")
        begin = begin if since is None else max(since, begin)
        end = end if until is None else min(until, end)
        return Extent(first or 1, last, min(begin, end), end, head, None)


def body_of(record: Record) -> Record:
    """A record in the shape that entries have in the log's file; one that the service cut short says so itself."""
    clock = record["clock"]
    activation = record.get("activation")
    return {
        "activation": int(activation[1:]) if isinstance(activation, str) else None,
        "at": {"at": record["at"], **(clock if isinstance(clock, dict) else {})},
        "data": {key: value for key, value in record.items() if key not in _NOT_DATA},
        "kind": record["event"],
        "seq": record["seq"],
        "v": VERSION,
    }


def _number(value: object, key: str | None = None) -> int:
    found = value.get(key) if key is not None and isinstance(value, dict) else value
    return found if isinstance(found, int) else 0
