"""Activations from the log, as rows, JSON lines or CSV, one after another as they come."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, TextIO, cast

import click

from camguard.cli.output import line_width, say, say_json
from camguard.cli.text import aligned, fitted, safe
from camguard.cli.times import local_now, spoken
from camguard.core.model import Judgement, Result, State

if TYPE_CHECKING:
    from camguard.journal.fold import ActivationRecord

_ELASTIC = (3, 4, 5)
"""App, camera and user are shortened where a line is too long; the rest would say nothing then."""

HEADING = ("ID", "BEGAN", "LASTED", "APP", "CAMERA", "USER", "VERDICT")

_FIRST = 500
"""So many rows decide how wide the columns are."""

_TYPICAL = ("a1000", "Nov 24 11:02", "3 min 12 s", "x" * 14, "Integrated Camera", "x" * 6, "unexpected")
"""Where rows are still to come, columns are made wide enough for this."""


Records = Iterable["ActivationRecord"]


def print_rows(logged: Records, coming: Records | None) -> None:
    """Print aligned rows under a heading; the first rows decide how wide the columns are."""
    now = local_now()
    first = [row(record, now) for record in islice(logged, _FIRST)]
    available = line_width()
    widths = fitted([HEADING, *first, *([] if coming is None else [_TYPICAL])], available, _ELASTIC)
    say(aligned(HEADING, widths), bold=True)
    for cells in chain(first, (row(record, now) for record in chain(logged, coming or ()))):
        say(aligned(cells, widths, cut=available is not None), **_style(cells))


def print_json(logged: Records, coming: Records | None) -> None:
    """Print one object a line."""
    from camguard.journal.export import as_object

    for record in chain(logged, coming or ()):
        say_json(as_object(record))


def print_csv(logged: Records, coming: Records | None) -> None:
    """Print a header and one row an activation; what a terminal would obey is escaped here too."""
    from camguard.journal.export import write_csv

    write_csv(chain(logged, coming or ()), cast("TextIO", _SafeRows()))


def row(record: ActivationRecord, now: datetime) -> tuple[str, ...]:
    """The cells under `HEADING`, not yet made safe."""
    return (
        record.id,
        _began(record.opened_at, now),
        _lasted(record),
        record.app_name or "an unknown process",
        record.camera_name,
        record.user or "",
        _verdict(record),
    )


def _began(at: datetime, now: datetime) -> str:
    return f"{at:%b %d %H:%M}" if at.year == now.year else f"{at:%Y-%m-%d %H:%M}"


def _lasted(record: ActivationRecord) -> str:
    if record.duration_ms is not None:
        return spoken(record.duration_ms * 1_000_000)
    if record.interrupted or record.over:
        return "not known"
    return "still on"


def _verdict(record: ActivationRecord) -> str:
    if record.state == State.PROBE:
        return "looked only"
    done = [action.outcome for action in record.actions if action.outcome is not None]
    ended = any(outcome.get("result") == Result.ENDED for outcome in done)
    return (record.verdict or "not judged") + (", ended" if ended else "")


def _style(cells: tuple[str, ...]) -> dict[str, str]:
    return {"fg": "yellow"} if cells[-1].startswith((Judgement.UNEXPECTED, Judgement.BLOCKED)) else {}


class _SafeRows(io.TextIOBase):
    """Takes rows of CSV and prints each at once."""

    def write(self, text: str) -> int:
        click.echo(safe(text.removesuffix("\r\n")) + "\r\n", nl=False)
        return len(text)
