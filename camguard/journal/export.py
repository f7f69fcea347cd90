"""Activations for other programs: JSON objects and CSV.

Keys of the JSON object: ``schema``, ``activation`` ("a17"), ``state`` (opened, present, capturing, ended, probe, and of
who gives a virtual camera its pictures feeding, fed), ``opened_at``, ``capturing_at``, ``ended_at`` (ISO 8601, local
time with offset; null where it did not happen or is not known), ``duration_ms``, ``interrupted`` (true where the guard
stopped watching first: the end is not known),
``ending`` (closed, unplugged), ``capture`` (frames, mapping, dwell), ``frames``, ``opens``, ``camera``, ``app``,
``process`` (as in ``watch --json``), ``verdict``, ``reasons``, ``alerted``, ``decision`` (what a person answered to the
alert: ``decision``, ``by``, ``at``; null where nobody did), ``context`` (whether the screen was ``locked`` and more,
each true, false, or null where it is not known; null where nothing was found out), ``preserved`` (what its processes
had when they were ended, and which copies of programs were kept, as `core.belongings` has it), and ``actions``, each
with ``pending_at``, ``completed_at``, ``about`` and ``outcome``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TextIO

from camguard.core.records import SCHEMA
from camguard.journal.fold import ActionRecord, ActivationRecord

COLUMNS = (
    "activation",
    "state",
    "opened_at",
    "capturing_at",
    "ended_at",
    "duration_s",
    "interrupted",
    "camera",
    "camera_id",
    "app",
    "app_kind",
    "app_id",
    "path",
    "sha256",
    "pid",
    "user",
    "verdict",
    "reasons",
    "alerted",
    "decision",
    "locked",
    "capture",
    "frames",
    "opens",
    "actions",
)
"""The columns of the CSV."""

Told = tuple[ActivationRecord, dict[str, Any]]
"""An activation, and beside it what `as_object` makes of it."""

_FORMULA = frozenset("=+-@\t\r\n")


def as_object(record: ActivationRecord) -> dict[str, Any]:
    """An activation as a JSON-ready object; the module's text says what its keys are."""
    return {
        "schema": SCHEMA,
        "activation": record.id,
        "state": record.state,
        "opened_at": _iso(record.opened_at),
        "capturing_at": _iso(record.capturing_at),
        "ended_at": _iso(record.ended_at),
        "duration_ms": record.duration_ms,
        "interrupted": record.interrupted,
        "ending": record.ending,
        "capture": record.capture,
        "frames": record.frames,
        "opens": record.opens,
        "camera": record.camera,
        "app": record.app,
        "process": record.process,
        "verdict": record.verdict,
        "reasons": record.reasons,
        "alerted": record.alerted,
        "decision": record.decision,
        "preserved": list(record.preserved),
        "context": record.context,
        "actions": [_action(action) for action in record.actions],
    }


def write_csv(records: Iterable[ActivationRecord], out: TextIO) -> None:
    """Write a header, and a row for each activation, as they come. `out` is opened with newline=""."""
    csv.writer(out).writerow(COLUMNS)
    write_rows(((record, as_object(record)) for record in records), out)


def write_rows(told: Iterable[Told], out: TextIO) -> None:
    """Write the rows alone, of activations of which the objects are there already.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    csv.writer(out).writerows(
        [f"'{cell}" if isinstance(cell, str) and cell[:1] in _FORMULA else cell for cell in _row(*each)]
        for each in told
    )


def _row(record: ActivationRecord, told: dict[str, Any]) -> tuple[Any, ...]:
    camera, app, process = record.camera or {}, record.app or {}, record.process or {}
    return (
        told["activation"],
        record.state,
        told["opened_at"],
        told["capturing_at"],
        told["ended_at"],
        None if record.duration_ms is None else record.duration_ms / 1000,
        "yes" if record.interrupted else "no",
        record.camera_name,
        camera.get("id"),
        record.app_name,
        app.get("kind"),
        app.get("id"),
        app.get("path") or process.get("exe"),
        app.get("sha256"),
        process.get("pid"),
        record.user,
        record.verdict,
        "; ".join(str(reason.get("sentence", "")) for reason in record.reasons),
        "yes" if record.alerted else "no",
        (record.decision or {}).get("decision"),
        _yes_or_no((record.context or {}).get("locked")),
        record.capture,
        record.frames,
        record.opens,
        "; ".join(_in_words(action) for action in record.actions),
    )


def _action(action: ActionRecord) -> dict[str, Any]:
    return {
        "pending_at": _iso(action.pending_at),
        "completed_at": _iso(action.completed_at),
        "about": action.about,
        "outcome": action.outcome,
    }


def _in_words(action: ActionRecord) -> str:
    result = "not completed" if action.outcome is None else action.outcome.get("result")
    return f"{action.about.get('action', 'action')}: {result}"


def _yes_or_no(known: bool | None) -> str | None:
    return None if known is None else "yes" if known else "no"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="microseconds")
