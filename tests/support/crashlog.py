"""What has to hold of the activation log of a service that was killed again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from camguard.core.events import Kind
from camguard.core.power import Power
from camguard.journal.chain import verify
from camguard.journal.entry import Entry
from camguard.journal.queries import Reader
from tests.support.guest import until
from tests.support.storm import Ledger, Record, lasting, word_kept

Span = tuple[int, int]
"""From when to when, by the boot clock."""

_BEGINS = {Kind.OPENED, Kind.PRESENT}


def entries(journal: Path) -> list[Entry]:
    """All of them."""
    with Reader(journal) as log:
        return log.entries()


def settled(journal: Path, ledger: Ledger, kills: Sequence[Span], standing: Callable[[], Power]) -> None:
    """The service is ready, and nobody asks anything: every promise is kept, and the camera comes to stand as it must.

    `standing` says how it stands.
    """
    allowed = may_stand(check(journal, ledger, kills), ledger)
    kept = word_kept(journal.with_name("cameras.json"))
    assert kept in allowed, (kept, allowed, ledger.word, ledger.said)
    until(f"the camera is {kept}", lambda: standing() is kept)


def check(journal: Path, ledger: Ledger, kills: Sequence[Span], *, over: bool = False) -> list[Entry]:
    """See that the log keeps every promise; each of `kills` is a time in which the service was killed.

    `over`: it does not run any more, and was stopped in order. Returns all entries.
    """
    verified = verify(journal)
    assert verified.ok, verified
    promises = {**ledger.told, **ledger.answered}  # before the log is read: more is told meanwhile
    found = entries(journal)
    assert not ledger.wrong, ledger.wrong[:5]
    promised(found, promises)
    numbers = [entry.activation for entry in found if entry.kind in _BEGINS]
    assert len(numbers) == len(set(numbers)), "a number was given to two activations"
    begun = actions(found)
    assert not (over and begun), f"not completed before the end: {begun}"
    gaps(found, kills)
    return found


def promised(found: Sequence[Entry], promises: Mapping[int, Record]) -> None:
    """What was told or answered is there, under its number and word for word."""
    lines = {entry.seq: entry.line for entry in found}
    for seq, line in promises.items():
        assert lines.get(seq) == line, f"entry {seq} was promised as {line} and is {lines.get(seq)}"


def actions(found: Sequence[Entry]) -> list[Entry]:
    """Each action that was begun was completed in the same life, or is told of as unfinished by the next.

    Returns those of the last life that are not completed.
    """
    open_: list[Entry] = []
    for life in lives(found):
        told = [entry.data["extra"]["entry"] for entry in life if entry.kind == Kind.ACTION_UNFINISHED]
        assert sorted(told) == [entry.seq for entry in open_], (told, open_)
        open_ = []
        for entry in life:
            if entry.kind == Kind.ACTION_PENDING:
                open_.append(entry)
            elif entry.kind == Kind.ACTION_COMPLETED:
                begun = next((each for each in open_ if _deed(each) == _deed(entry)), None)
                if begun is not None:
                    open_.remove(begun)
    return open_


def gaps(found: Sequence[Entry], kills: Sequence[Span]) -> None:
    """Each kill lies in a gap that is told of, and no gap reaches back over what its guard still saw."""
    told = [entry for entry in found if entry.kind == Kind.GUARD_GAP]
    bounds = [(gap.data["extra"]["from"]["boottime_ns"], gap.data["extra"]["to"]["boottime_ns"]) for gap in told]
    for before, after in kills:
        enclosed = any(begin <= after and before <= end for begin, end in bounds)
        assert enclosed, f"killed between {before} and {after}, and no gap there: {bounds[-3:]}"
    assert all(gap.data["extra"]["how"] == "died" for gap in told)
    assert len(told) == sum(1 for entry in found if entry.kind == Kind.GUARD_STARTED) - 1
    for life, next_life in pairwise(lives(found)):
        [gap] = [entry for entry in next_life if entry.kind == Kind.GUARD_GAP]
        assert gap.data["extra"]["from"]["boottime_ns"] >= _last_seen(life), gap


def lives(found: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries of each of the service's lives: what it says of the one before stands before that it started."""
    life: list[Entry] = []
    for entry in found:
        if entry.kind == Kind.GUARD_GAP and life:
            yield life
            life = []
        life.append(entry)
    yield life


def words_after(found: Sequence[Entry], ledger: Ledger) -> list[Record]:
    """The last word that was answered, and those after it: whether they hold, nobody was told."""
    logged: list[Any] = [entry.data["extra"] for entry in found if entry.kind == Kind.POWER_SAID]
    last = [entry.data["extra"] for entry in found if entry.kind == Kind.POWER_SAID and entry.seq >= ledger.word]
    return [*(last if ledger.word else [*logged, {"power": "on", "for_s": None}]), *ledger.said]


def may_stand(found: Sequence[Entry], ledger: Ledger) -> set[Power]:
    """How the camera may stand once passes are over."""
    return lasting(words_after(found, ledger))


def _last_seen(life: Sequence[Entry]) -> int:
    own = (entry for entry in reversed(life) if entry.kind in {*_BEGINS, Kind.CAPTURING, Kind.ENDED, Kind.PROBE})
    return next((entry.at["boottime_ns"] for entry in own), 0)


def _deed(entry: Entry) -> tuple[object, ...]:
    extra = entry.data["extra"]
    return (entry.activation, entry.data["camera"]["id"], extra["action"], extra["by"], str(extra.get("pids")))
