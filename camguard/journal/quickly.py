"""A whole log checked by all processors at once.

Each process checks stretches of the chain from the hash that the entry before bears. The stretches are good together
where each ends with the hash that the next began with. Where anything does not fit, be it only that a cut was made
meanwhile, the rest is checked anew in one go: the answer is always that of one consistent state.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from camguard.errors import CamguardError
from camguard.journal.chain import Link, Tell, Verification, from_start, hash_of, opened, verify, walk
from camguard.journal.database import connect_to_read, translated
from camguard.journal.stub import start_of

STRETCH = 25_000
"""Entries that a process checks in one go: some 50 MiB."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The entries behind number `after` up to `last` of the journal at `path`."""

    path: Path
    after: int
    last: int


def verify_quickly(
    path: Path, tell: Tell = lambda _: None, processes: int | None = None, stretch: int = STRETCH
) -> Verification:
    """As `chain.verify` of the whole log, by as many processes as there are processors.

    A log of one or two stretches is checked by this process: another one takes longer to begin.
    """
    stretches = _stretches(path, stretch)
    number = min(processes or len(os.sched_getaffinity(0)), len(stretches))
    if number < 2 or len(stretches) < 3:
        return verify(path, tell=tell)
    # Begun anew, not forked: SQLite's locks do not bear a fork. Ctrl-C is for who began them.
    with multiprocessing.get_context("spawn").Pool(number, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        known = _good_together(pool.imap(check, stretches), tell)
    with opened(path) as connection:
        if connection is None:
            return verify(path, tell=tell)
        start = start_of(connection)
        begin = Link(start.seq, start.hash)
        if known is None or known.seq <= start.seq or hash_of(connection, path, known.seq) != known.hash:
            known = begin
        return from_start(connection, start, known, tell)


def check(stretch: Stretch) -> tuple[Link, Link] | None:
    """Where a stretch begins and ends in the chain; None where it is not good, or cannot be read."""
    try:
        with translated(stretch.path), closing(connect_to_read(stretch.path)) as connection:
            connection.execute("BEGIN")
            start = start_of(connection)
            begin = Link(start.seq, start.hash)
            if stretch.after != start.seq:
                begin = Link(stretch.after, hash_of(connection, stretch.path, stretch.after))
            found = walk(connection, begin, stretch.last)
    except CamguardError:
        return None  # it is come upon again by who tells
    return (begin, Link(found.head_seq, bytes.fromhex(found.head))) if found.ok else None


def _stretches(path: Path, length: int) -> list[Stretch]:
    with opened(path) as connection:
        if connection is None:
            return []
        first = start_of(connection).seq
        last = int(connection.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0])
    return [Stretch(path, after, min(after + length, last)) for after in range(first, last, length)]


def _good_together(found: Iterable[tuple[Link, Link] | None], tell: Tell) -> Link | None:
    """Up to where the chain is whole; None where not even the first stretch is."""
    end: Link | None = None
    checked = 0
    for begin, last in _while_good(found):
        if end is not None and begin != end:
            break
        end = last
        checked += last.seq - begin.seq
        tell(checked)
    return end


def _while_good(found: Iterable[tuple[Link, Link] | None]) -> Iterator[tuple[Link, Link]]:
    for stretch in found:
        if stretch is None:
            return
        yield stretch
