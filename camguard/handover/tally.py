"""What is learnt of uses and entries while they are written out, so that each is looked at once and none is kept."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from camguard.activity.overview import NOTEWORTHY, Sort, Total, count_in, sort_of
from camguard.handover.model import Chained, Run, Written
from camguard.journal.entry import decode_entry, link
from camguard.journal.fold import ActivationRecord

SHOWN = 500
"""So many of the newest unexpected or blocked uses, and as many of the others, are on the page with all facts."""

APPS = 2_000
_OTHERS = "(more apps)"
_ENTRIES_EACH = 40
_BOOTS = 1_000
_WITHIN = 240  # bytes of a body in which its number and its time stand
_HEAD = re.compile(
    rb'\{"activation":(?:null|\d{1,18}),"at":\{"at":"[^"]{1,40}","boot_id":"([^"]{0,64})","boottime_ns":\d{1,19},'
    rb'"utc_ns":-?\d{1,19},"utc_offset_s":(-?\d{1,6})\}'
)


@dataclass(slots=True)
class Uses:
    """How many uses of which kind there are, by whom; and those that the page shows whole."""

    sorts: dict[Sort, int] = field(default_factory=lambda: dict.fromkeys(Sort, 0))
    apps: dict[str, Total] = field(default_factory=dict)
    noteworthy: deque[ActivationRecord] = field(default_factory=lambda: deque(maxlen=SHOWN))
    others: deque[ActivationRecord] = field(default_factory=lambda: deque(maxlen=SHOWN))

    @property
    def count(self) -> int:
        """All of them, looks too."""
        return sum(self.sorts.values())

    @property
    def shown(self) -> frozenset[int]:
        """The numbers of those that the page shows."""
        return frozenset(record.number for record in (*self.noteworthy, *self.others))

    def take(self, record: ActivationRecord) -> None:
        """Count a use."""
        sort = sort_of(record)
        self.sorts[sort] += 1
        (self.noteworthy if sort in NOTEWORTHY else self.others).append(record)
        if len(self.apps) < APPS or record.app_name in self.apps:
            count_in(self.apps, record, sort)
        else:
            rest = self.apps.setdefault(_OTHERS, Total(_OTHERS))
            rest.uses += sort is not Sort.LOOKED
            rest.looks += sort is Sort.LOOKED
            rest.noteworthy += sort in NOTEWORTHY


@dataclass(slots=True)
class Entries:
    """Whether the entries are a chain, which clocks they were told by, and what those of the shown uses say."""

    before: Callable[[int], bytes | None]
    shown: frozenset[int] = frozenset()
    change: Callable[[Any], Any] = lambda value: value
    chained: Chained = field(default_factory=Chained)
    boots: dict[str, int] = field(default_factory=dict)
    offsets: set[int] = field(default_factory=set)
    stories: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    _hash: bytes | None = None
    _boot: bytes = b"\0"
    _offset: bytes = b"\0"

    def take(self, written: Written) -> None:
        """Go on to the next entry."""
        self.chained.count += 1
        if written.hash is not None:
            self._tie(written, written.hash)
        head = written.body[:_WITHIN]
        if self._boot not in head or self._offset not in head:
            self._note_clock(written)
        comma = head.find(b",")
        number = head[14:comma]  # what stands behind {"activation":
        if number.isdigit() and int(number) in self.shown:
            self._note(int(number), written)

    def _note_clock(self, written: Written) -> None:
        found = _HEAD.match(written.body)
        if found is None:
            return
        boot, offset = found.groups()
        self._boot, self._offset = b'"boot_id":"%b"' % boot, b'"utc_offset_s":%b}' % offset
        if len(self.boots) < _BOOTS:
            self.boots.setdefault(boot.decode("utf-8", "replace"), written.seq)
        self.offsets.add(int(offset))

    def _tie(self, written: Written, said: bytes) -> None:
        runs = self.chained.runs
        if not runs or written.seq != runs[-1].last + 1:
            self._hash = self.before(written.seq)
            after = None if self._hash is None else self._hash.hex()
            runs.append(Run(written.seq, written.seq, after, b""))
            if after is None:
                self._wrong(f"what entry {written.seq} follows is missing from the log")
        if self._hash is not None and link(self._hash, written.body) != said:
            self._wrong(f"entry {written.seq}, or the hash before it, is not what was written")
        runs[-1].last, runs[-1].head = written.seq, said
        self._hash = said

    def _wrong(self, problem: str) -> None:
        self.chained.problem = self.chained.problem or problem

    def _note(self, activation: int, written: Written) -> None:
        story = self.stories.setdefault(activation, [])
        if len(story) >= _ENTRIES_EACH:
            return
        try:
            entry = decode_entry(written.body)
        except msgspec.DecodeError:
            return
        story.append(self.change({"seq": entry.seq, "kind": entry.kind, "clock": entry.at, **entry.data}))
