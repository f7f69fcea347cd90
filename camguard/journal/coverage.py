"""When the guard was watching, and what the log knows of a time: what `camguard was-on` is answered from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from camguard.core.coverage import KINDS, Sign, Stretch, Watch, bounded, sign_of, stretches
from camguard.core.events import Kind
from camguard.errors import NothingMatched
from camguard.journal.aftermath import last_sign
from camguard.journal.chain import verify
from camguard.journal.filter import Filter, to_utc_ns
from camguard.journal.fold import ActivationRecord
from camguard.journal.known import Checked, Known, TimedUse
from camguard.journal.lock import guard_pid, last_beat
from camguard.journal.queries import Reader

MOST_STRETCHES = 500
"""What is told of one time at most; see `core.coverage.bounded`."""

MOST_USES = 100
"""How many uses and looks of one time are told, the newest."""

CHECKED_AT_ONCE = 20_000
"""How many of the newest entries are checked while somebody waits for an answer."""

_AT_A_TIME = 500


def coverage(database: Reader | Path, begin_utc_ns: int, end_utc_ns: int) -> tuple[Stretch, ...]:
    """What of a time (UTC nanoseconds) was watched; see `core.coverage.stretches`.

    `database` is the log, or its path. Raises what a `Reader` raises.
    """
    if isinstance(database, Path):
        with Reader(database) as reader:
            return coverage(reader, begin_utc_ns, end_utc_ns)
    return stretches(signs(database), begin_utc_ns, end_utc_ns, watching_until(database))


def signs(past: Reader) -> Iterator[Sign]:
    """All that the log says of when a guard was watching, in the order in which it was written."""
    last = 0
    while entries := past.entries(last, KINDS, _AT_A_TIME):
        for entry in entries:
            sign = sign_of(entry.line)
            if sign is not None:
                yield sign
        last = entries[-1].seq


def watching_until(past: Reader) -> int | None:
    """Until when the last guard watched, in UTC nanoseconds: now, where it runs still; None where none ever ran."""
    if guard_pid(past.path) is not None:
        return time.time_ns()
    sign = last_sign(past, last_beat(past.path))
    return None if sign is None else sign.utc_ns


def known(
    past: Reader,
    begin_utc_ns: int,
    end_utc_ns: int,
    camera: str | None = None,
    whole: Callable[[ActivationRecord], bool] = lambda _: True,
) -> Known:
    """All that the log knows of the cameras in a time, or of those with `camera` in their name or id.

    `whole` says of which uses whoever asks may know all. Raises NothingMatched where the log knows no such camera, and
    what a `Reader` raises.
    """
    if camera is not None:
        _expect_camera(past, camera)
    said, until = list(signs(past)), watching_until(past)
    found = past.activations(Filter(begin_utc_ns, end_utc_ns - 1, camera=camera, limit=MOST_USES + 1))
    uses = (_timed(record, said, until) for record in found[-MOST_USES:])
    return Known(
        bounded(stretches(said, begin_utc_ns, end_utc_ns, until), MOST_STRETCHES),
        tuple(use if whole(use.record) else _reduced(use) for use in uses),
        len(found) > MOST_USES,
        checked(past),
    )


def checked(past: Reader) -> Checked:
    """Whether the newest entries are as they were written. `camguard log verify` checks all of them."""
    last = past.last_seq()
    if last == 0:
        return Checked(0, whole=True, all=True)
    after = max(0, last - CHECKED_AT_ONCE)
    found = verify(past.path, after)
    return Checked(found.checked, found.ok, after == 0, found.sentence)


def _timed(record: ActivationRecord, said: list[Sign], until: int | None) -> TimedUse:
    """Where nobody saw its end, it is known to have gone on for as long as somebody watched without a break."""
    if record.ended_at is not None:
        return TimedUse(record, to_utc_ns(record.ended_at))
    seen = to_utc_ns(record.last_at)
    for stretch in stretches(said, seen, max(seen, time.time_ns()) + 1, until):
        if stretch.watch is Watch.NOT:
            return TimedUse(record, stretch.begin_utc_ns)
    return TimedUse(record, seen if until is None else max(seen, until))


def _reduced(use: TimedUse) -> TimedUse:
    """What anybody may know of another user's use: that a camera was in use, which, and when."""
    record = replace(
        use.record, app=None, process=None, verdict=None, reasons=[], alerted=False, actions=(), decision=None
    )
    return TimedUse(record, use.until_utc_ns, whole=False)


def _expect_camera(past: Reader, wanted: str) -> None:
    """Raises NothingMatched where no camera of that name was ever seen: of such a one "no" would be no answer."""
    names: set[str] = set()
    last = 0
    while entries := past.entries(last, (Kind.CAMERA_ADDED,), _AT_A_TIME):
        for entry in entries:
            camera = entry.data.get("camera") or {}
            name, number = str(camera.get("name", "")), str(camera.get("id", ""))
            if wanted.casefold() in name.casefold() or wanted.casefold() in number.casefold():
                return
            names.add(name)
        last = entries[-1].seq
    newest = past.activations(Filter(limit=_AT_A_TIME))
    if not any(Filter(camera=wanted).matches(record) for record in newest):
        there_are = f"; it knows: {', '.join(sorted(names))}" if names else ""
        raise NothingMatched(f'the log knows no camera called "{wanted}"{there_are}')
