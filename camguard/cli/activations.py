"""Activations from the log, as rows, JSON lines or CSV, one after another as they come."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, TextIO, cast

import click

from camguard.activity.words import app_of, judged, lasted, was_ended
from camguard.cli.output import line_width, page, say, say_json, styled
from camguard.cli.text import aligned, fitted, safe
from camguard.cli.times import local_now, spoken_day
from camguard.core.model import Judgement

if TYPE_CHECKING:
    from camguard.journal.fold import ActivationRecord

_ELASTIC = (3, 4, 5)
"""App, camera and user are shortened where a line is too long; the rest would say nothing then."""

HEADING = ("ID", "BEGAN", "LASTED", "APP", "CAMERA", "USER", "VERDICT")

_FIRST = 500
"""So many rows decide how wide the columns are."""

_TYPICAL = ("a1000", "11:02", "3 min 12 s", "x" * 14, "Integrated Camera", "x" * 6, "unexpected")
"""Where rows are still to come, columns are made wide enough for this."""


Records = Iterable["ActivationRecord"]


def print_rows(logged: Records, coming: Records | None, *, paged: bool = False) -> None:
    """Print aligned rows, day by day, under a heading; the first rows decide how wide the columns are.

    With `paged`, and where nothing is still to come, what does not fit a terminal is shown page by page.
    """
    first = list(islice(logged, _FIRST))
    available = line_width()
    cells = [HEADING, *map(row, first), *([] if coming is None else [_TYPICAL])]
    widths = fitted(cells, available, _ELASTIC)
    lines = _lines(chain(first, logged, coming or ()), widths, cut=available is not None)
    if paged and coming is None:
        page(lines)
        return
    for line in lines:
        say(line)


def _lines(records: Records, widths: list[int], *, cut: bool) -> Iterator[str]:
    """The lines of the table: a heading, then of each day its name and its rows."""
    today, day = local_now().date(), None
    yield styled(aligned(HEADING, widths), bold=True)
    for record in records:
        if record.opened_at.date() != day:
            day = record.opened_at.date()
            yield ""
            yield styled(spoken_day(day, today), bold=True)
        cells = row(record)
        yield styled(aligned(cells, widths, cut=cut), **_style(cells))


def print_json(logged: Records, coming: Records | None) -> None:
    """Print one object a line."""
    from camguard.journal.export import as_object

    for record in chain(logged, coming or ()):
        say_json(as_object(record))


def print_csv(logged: Records, coming: Records | None) -> None:
    """Print a header and one row an activation; what a terminal would obey is escaped here too."""
    from camguard.journal.export import write_csv

    write_csv(chain(logged, coming or ()), cast("TextIO", _SafeRows()))


def row(record: ActivationRecord) -> tuple[str, ...]:
    """The cells under `HEADING`, not yet made safe."""
    return (
        record.id,
        f"{record.opened_at:%H:%M}",
        lasted(record),
        app_of(record),
        record.camera_name,
        record.user or "",
        judged(record) + (", ended" if was_ended(record) else ""),
    )


def _style(cells: tuple[str, ...]) -> dict[str, str]:
    return {"fg": "yellow"} if cells[-1].startswith((Judgement.UNEXPECTED, Judgement.BLOCKED)) else {}


class _SafeRows(io.TextIOBase):
    """Takes rows of CSV and prints each at once."""

    def write(self, text: str) -> int:
        click.echo(safe(text.removesuffix("\r\n")) + "\r\n", nl=False)
        return len(text)
