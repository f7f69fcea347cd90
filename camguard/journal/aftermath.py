"""What a guard that begins has to say of the one before: since when nobody watched, and what was left undone."""

from __future__ import annotations

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
        Kind.JOURNAL_CHECKED,
        Kind.JOURNAL_BROKEN,
        Kind.JOURNAL_CUT,
        Kind.CAMERA_ADDED,
        Kind.CAMERA_REMOVED,
        Kind.OPENED,
        Kind.PRESENT,
        Kind.CAPTURING,
        Kind.JUDGED,
        Kind.ALERT,
        Kind.ENDED,
        Kind.PROBE,
        Kind.FEEDING,
        Kind.FED,
        Kind.PASS_ENDING,
        Kind.PASS_ENDED,
        Kind.MACHINE_SLEPT,
        Kind.CLOCK_CHANGED,
        Kind.ZONE_CHANGED,
    }
)


def aftermath(past: Reader, last_beat: Moment | None, now: Moment) -> tuple[Report, ...]:
    """One report of the time in which nobody watched, and one of each action that was never completed.

    Where the machine was started anew in between, two more: that it went down, and when it was started.

    `last_beat` is the last sign of life beside the log. Raises what the reader raises.
    """
    run = past.last_run()
    if run is None:
        return ()
    gap = _gap(past, run, last_beat, now)
    return (gap, *_machine(run, gap, now), *_gate(past, run, gap), *_unfinished(past, run, now))


def _gap(past: Reader, run: LastRun, last_beat: Moment | None, now: Moment) -> Report:
    if run.stopped is not None:
        how, since = "stopped", run.stopped
    else:
        how, since = "died", _last_sign(past, run, last_beat)
        if since.boot_id != now.boot_id:
            how = "machine went down"
    extra: Record = {"how": how, "from": moment(since), "to": moment(now)}
    return Report(Kind.GUARD_GAP, now, extra=dict(extra))


def _machine(run: LastRun, gap: Report, now: Moment) -> Iterator[Report]:
    """That the machine went down, some time after the last sign of life, and when it was started again."""
    since = run.stopped or run.started
    if since.boot_id != now.boot_id:
        started = replace(now, utc_ns=now.utc_ns - now.boottime_ns, boottime_ns=0)
        after = (gap.extra or {})["from"]
        down: Record = {"from": after, "to": moment(started), "orderly": run.stopped is not None}
        yield Report(Kind.MACHINE_DOWN, now, extra=dict(down))
        yield Report(Kind.MACHINE_STARTED, now, extra={"from": moment(started)})


def last_sign(past: Reader, last_beat: Moment | None) -> Moment | None:
    """When the guard of the last run is last known to have watched; None where no guard ever ran."""
    run = past.last_run()
    return None if run is None else run.stopped or _last_sign(past, run, last_beat)


def _gate(past: Reader, run: LastRun, gap: Report) -> Iterator[Report]:
    """The gate goes with the guard that kept it: it stood open for as long as nobody watched, at least."""
    said = past.entries(run.started_seq, (Kind.GATE_CLOSED, Kind.GATE_OPEN))
    if run.stopped is None and said and said[-1].kind == Kind.GATE_CLOSED:
        why = "the guard that kept it died; until it is set up anew every open passes"
        bounds = {key: value for key, value in (gap.extra or {}).items() if key in {"from", "to"}}
        yield Report(Kind.GATE_OPEN, gap.at, extra={"why": why, **bounds})


def _last_sign(past: Reader, run: LastRun, last_beat: Moment | None) -> Moment:
    own = (entry for entry in past.newest(_LOOKED_THROUGH) if entry.kind in _GUARDS_OWN)
    last = next(map(moment_of, own), run.started)
    if last_beat is None:
        return last
    later_ns = last_beat.since(last)
    if later_ns is None:  # a boot lies between them: there is only the clock on the wall
        later_ns = last_beat.utc_ns - last.utc_ns
    return last_beat if later_ns > 0 else last


def _unfinished(past: Reader, run: LastRun, now: Moment) -> Iterator[Report]:
    """Actions that were begun and never completed, told once."""
    kinds = (Kind.ACTION_PENDING, Kind.ACTION_COMPLETED)
    entries = past.entries(run.started_seq, kinds)
    undone: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        begun = undone.setdefault(_deed(entry), [])
        if entry.kind == Kind.ACTION_PENDING:
            begun.append(entry)
        elif begun:  # one that was refused was never begun
            del begun[0]
    for entry in sorted((entry for begun in undone.values() for entry in begun), key=lambda entry: entry.seq):
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
