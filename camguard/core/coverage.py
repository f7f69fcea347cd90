"""When the guard was watching, out of what the log's entries say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from camguard.core.events import Kind

KINDS = (Kind.GUARD_STARTED, Kind.GUARD_STOPPED, Kind.GUARD_GAP)
"""The entries that say when a guard was watching."""


class Watch(StrEnum):
    """Whether a time was watched."""

    WATCHED = "watched"
    PARTLY = "watched in part"
    NOT = "not watched"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time on the wall clock, from `begin_utc_ns` up to `end_utc_ns`, that was watched, in part or not at all."""

    begin_utc_ns: int
    end_utc_ns: int
    watch: Watch
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sign:
    """What an entry says of the guard: that it started or stopped, or a gap, from `begin` to `end`."""

    kind: str
    at: int
    begin: int | None = None
    end: int | None = None


def sign_of(record: Mapping[str, object]) -> Sign | None:
    """The sign in a record as `core.records.line` makes it; None for one that is about something else."""
    told = record.get("extra")
    extra = told if isinstance(told, Mapping) else {}
    at = _utc_ns(record.get("clock"))
    if record.get("event") not in KINDS or at is None:
        return None
    return Sign(str(record["event"]), at, _utc_ns(extra.get("from")), _utc_ns(extra.get("to")))


def stretches(signs: Iterable[Sign], begin_utc_ns: int, end_utc_ns: int) -> tuple[Stretch, ...]:
    """What there is between two times: in order, without holes, exactly what was asked for."""
    away: list[tuple[int, int, str]] = []
    since: int | None = begin_utc_ns
    why = "the log begins later"
    for sign in signs:
        if sign.begin is not None and sign.end is not None:
            away.append((sign.begin, sign.end, "no guard was running"))
        elif sign.kind == Kind.GUARD_STARTED and since is not None:
            away.append((since, sign.at, why))
            since = None
        elif sign.kind == Kind.GUARD_STOPPED and since is None:
            since, why = sign.at, "the guard was stopped"
    if since is not None:
        away.append((since, end_utc_ns, why))
    found, reached = [], begin_utc_ns
    for first, last, because in sorted(away):
        first, last = max(first, reached), min(last, end_utc_ns)
        if first >= last:
            continue
        if first > reached:
            found.append(Stretch(reached, first, Watch.WATCHED))
        found.append(Stretch(first, last, Watch.NOT, (because,)))
        reached = last
    if reached < end_utc_ns:
        found.append(Stretch(reached, end_utc_ns, Watch.WATCHED))
    return tuple(found)


def _utc_ns(clock: object) -> int | None:
    said = clock.get("utc_ns") if isinstance(clock, Mapping) else None
    return said if isinstance(said, int) else None
