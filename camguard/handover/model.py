"""What an export is about, and what it takes from where the log is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from camguard.core.records import Record

if TYPE_CHECKING:
    from camguard.core.coverage import Stretch
    from camguard.journal.fold import ActivationRecord


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the time, in UTC nanoseconds, open where it is None; and whether names are left out."""

    since: int | None = None
    until: int | None = None
    redacted: bool = False


@dataclass(slots=True)
class Run:
    """Entries whose numbers follow one another.

    `after` is the hash before the first, None where that is not known; `head` that of the last.
    """

    first: int
    last: int
    after: str | None
    head: bytes


class Written(NamedTuple):
    """An entry: its number, its body's very bytes, and its hash, which the service does not tell."""

    seq: int
    body: bytes
    hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """What of the log an export holds: entries `first` to `last`, of a log whose newest is `head`.

    `begin` and `end` bound the time that it tells of, in UTC nanoseconds. `first` is above `last` where there are none.
    """

    first: int
    last: int
    begin: int
    end: int
    head: int
    head_hash: str | None


@dataclass(slots=True)
class Chained:
    """What the check of the chain found while the entries were written out."""

    runs: list[Run] = field(default_factory=list)
    problem: str | None = None
    count: int = 0


class Source(Protocol):
    """Where the log is read. All of it is of one state of the log, as far as that can be had.

    Each method raises a CamguardError where the log cannot be read.
    """

    way: str
    """Where it comes from, as a word: ``file`` or ``service``."""

    extent: Extent

    def uses(self) -> Iterator[ActivationRecord]:
        """The uses that lasted into the time, oldest first."""

    def entries(self, extra: list[int]) -> Iterator[Written]:
        """The entries of the extent, and those of these numbers, in order."""

    def before(self, seq: int) -> bytes | None:
        """The hash that entry `seq` is tied to; None where it is not known."""

    def coverage(self) -> tuple[Stretch, ...]:
        """When the cameras were watched, between the extent's `begin` and `end`."""

    def others(self, number: int) -> list[int]:
        """The entries about this activation that are not in the extent."""

    def starts(self) -> list[Record]:
        """The newest starts of the guard in the extent, oldest first, in the shape of ``watch --json``."""

    def names(self) -> Iterator[str]:
        """Every user's name that the entries of the extent bear, again and again maybe, in the order of the entries."""

    def stub(self) -> dict[str, Any] | None:
        """What is left of entries that were too old to be kept; None where none were taken away."""
