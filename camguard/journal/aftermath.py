"""What a guard that begins has to say of the one before: since when nobody watched, and what was left undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from camguard.core.events import Kind, Report
from camguard.core.model import Moment
from camguard.core.records import Record, moment
from camguard.journal.entry import Entry
from camguard.journal.queries import LastRun, Reader, moment_of

_LOOKED_THROUGH = 1_000
"""The newest entries among which the dead guard's last one is looked for; commands write entries of their own."""

_GUARDS_OWN = frozenset(
    {
        Kind.GUARD_STARTED,
        Kind.GUARD_BLIND,
        Kind.GUARD_SIGHTED,
        Kind.CAMERA_ADDED,
        Kind.CAMERA_REMOVED,
        Kind.OPENED,
        Kind.PRESENT,
        Kind.CAPTURING,
        Kind.JUDGED,
        Kind.ALERT,
        Kind.ENDED,
        Kind.PROBE,
        Kind.PASS_ENDING,
        Kind.PASS_ENDED,
    }
)


def aftermath(past: Reader, last_beat_ns: int | None, now: Moment) -> tuple[Report, ...]:
    """One report of the time in which nobody watched, and one of each action that was never completed.

    `last_beat_ns` is the last sign of life beside the log (UTC nanoseconds). Raises what the reader raises.
    """
    run = past.last_run()
    if run is None:
        return ()
    return (_gap(past, run, last_beat_ns, now), *_gate(past, run, now), *_unfinished(past, run, now))


def gap_until(past: Reader, last_beat_ns: int | None, now: Moment) -> Report | None:
    """The report of the time since the last guard, as one that began now would make it; None where none ever ran."""
    run = past.last_run()
    return None if run is None else _gap(past, run, last_beat_ns, now)


def _gap(past: Reader, run: LastRun, last_beat_ns: int | None, now: Moment) -> Report:
    if run.stopped is not None:
        how, since = "stopped", run.stopped
    else:
        how, since = "died", _last_sign(past, run, last_beat_ns)
        if since.boot_id != now.boot_id:
            how = "machine went down"
    extra: Record = {"how": how, "from": moment(since), "to": moment(now)}
    return Report(Kind.GUARD_GAP, now, extra=dict(extra))


def _gate(past: Reader, run: LastRun, now: Moment) -> Iterator[Report]:
    """The gate goes with the guard that kept it."""
    said = past.entries(run.started_seq, (Kind.GATE_CLOSED, Kind.GATE_OPEN))
    if run.stopped is None and said and said[-1].kind == Kind.GATE_CLOSED:
        why = "the guard that kept it died; until it is set up anew every open passes"
        yield Report(Kind.GATE_OPEN, now, extra={"why": why})


def _last_sign(past: Reader, run: LastRun, last_beat_ns: int | None) -> Moment:
    own = (entry for entry in past.newest(_LOOKED_THROUGH) if entry.kind in _GUARDS_OWN)
    last = next(map(moment_of, own), run.started)
    if last_beat_ns is None or last_beat_ns <= last.utc_ns:
        return last
    later = last_beat_ns - last.utc_ns
    return replace(last, utc_ns=last_beat_ns, boottime_ns=last.boottime_ns + later)


def _unfinished(past: Reader, run: LastRun, now: Moment) -> Iterator[Report]:
    """Actions that were begun and never completed, told once."""
    kinds = (Kind.ACTION_PENDING, Kind.ACTION_COMPLETED)
    entries = past.entries(run.started_seq, kinds)
    completed = Counter(_deed(entry) for entry in entries if entry.kind == Kind.ACTION_COMPLETED)
    pending = Counter(_deed(entry) for entry in entries if entry.kind == Kind.ACTION_PENDING)
    undone = pending - completed
    for entry in reversed(entries):
        deed = _deed(entry)
        if entry.kind == Kind.ACTION_PENDING and undone[deed] > 0:
            undone[deed] -= 1
            about = entry.data.get("extra") or {}
            camera = entry.data.get("camera") or {}
            extra = {
                "entry": entry.seq,
                "action": about.get("action"),
                "by": about.get("by"),
                "activation": None if entry.activation is None else f"a{entry.activation}",
                "camera": camera.get("id"),
            }
            yield Report(Kind.ACTION_UNFINISHED, now, extra=extra)


def _deed(entry: Entry) -> tuple[object, ...]:
    about = entry.data.get("extra") or {}
    camera = entry.data.get("camera") or {}
    return (entry.activation, camera.get("id"), about.get("action"), about.get("by"), str(about.get("pids")))
