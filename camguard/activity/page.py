"""The activity page as HTML: one file with everything in it, which asks nothing of anybody.

Words that others chose reach it in two ways, and both are escaped: into the text by Jinja's autoescape, into the data
that the script reads as JSON without ``<``. The policy in its head lets the browser run this one script, use this one
style sheet, known by their hashes, and fetch nothing at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from camguard.activity.markup import Markup, environment, policy_hash, resource, short
from camguard.activity.overview import NOTEWORTHY, Day, Sort, Timeline, sort_of, timelines, totals
from camguard.activity.spans import DAY_MINUTES, Span, joined, wall
from camguard.activity.words import app_of, judged, lasted, was_ended
from camguard.journal.fold import ActivationRecord

PLAIN_ROWS = 1_000
"""How many uses, the newest, a browser without JavaScript shows. The script has them all, a page at a time."""

_CAMERAS = 12
"""The cameras with a timeline: the most used. The uses of others are in the table."""

_LABELLED = 240.0
"""Minutes that a time not watched has to have to bear these words inside."""

_WORDS = {
    Sort.EXPECTED: "expected",
    Sort.UNEXPECTED: "unexpected",
    Sort.BLOCKED: "blocked",
    Sort.LOOKED: "looked only",
    Sort.UNJUDGED: "not judged",
}


@dataclass(frozen=True, slots=True)
class Activity:
    """What a page is made of: uses, the oldest first, the times not watched, and which time it is about.

    `source` is a sentence that says where they come from, `choice` which uses were asked for, in words; nothing where
    all were. `now` is when the page is written, as the wall shows it.
    """

    records: Sequence[ActivationRecord]
    away: Sequence[Span]
    limits: Span
    now: datetime
    source: str
    choice: str
    version: str


@dataclass(frozen=True, slots=True)
class Row:
    """A use, in the words of the table."""

    id: str
    day: str
    clock: str
    lasted: str
    app: str
    path: str
    camera: str
    user: str
    sort: Sort
    verdict: str
    why: str


@dataclass(frozen=True, slots=True)
class Month:
    """The days of a camera's timeline that end in one month."""

    name: str
    days: tuple[Day, ...]
    uses: int
    unexpected: int
    blocked: int


def render(activity: Activity) -> Iterator[str]:
    """The page, part by part."""
    made = environment("camguard.activity")
    made.filters.update(short_day=_short_day, share=_share)
    yield from made.get_template("activity.html").generate(_context(activity))


def _context(activity: Activity) -> dict[str, Any]:
    rows = [_row(record) for record in reversed(activity.records)]
    lines = timelines(activity.records, activity.away, activity.limits)
    style, script = resource("camguard.activity", "activity.css"), resource("camguard.activity", "activity.js")
    return {
        "activity": activity,
        "rows": rows[:PLAIN_ROWS],
        "data": Markup(_embedded(rows)),
        "total": len(rows),
        "looks": sum(row.sort is Sort.LOOKED for row in rows),
        "noteworthy": sum(row.sort in NOTEWORTHY for row in rows),
        "timelines": [(line, _months(line)) for line in lines[:_CAMERAS]],
        "more_cameras": max(0, len(lines) - _CAMERAS),
        "totals": totals(activity.records),
        "unwatched": sum((span.length for span in joined(activity.away)), timedelta(0)),
        "day_minutes": DAY_MINUTES,
        "labelled": _LABELLED,
        "style": Markup(style),
        "script": Markup(script),
        "style_hash": policy_hash(style),
        "script_hash": policy_hash(script),
    }


def _row(record: ActivationRecord) -> Row:
    sort, began = sort_of(record), wall(record.opened_at)
    app, process = record.app or {}, record.process or {}
    reasons = "; ".join(str(reason.get("sentence", "")) for reason in record.reasons)
    return Row(
        id=record.id,
        day=f"{began:%Y-%m-%d}",
        clock=f"{began:%H:%M:%S}",
        lasted=lasted(record),
        app=short(app_of(record)),
        path=short(str(app.get("path") or process.get("exe") or "")),
        camera=short(record.camera_name),
        user=short(record.user or ""),
        sort=sort,
        verdict=judged(record) + (", ended" if was_ended(record) else ""),
        why=short(reasons) if sort in NOTEWORTHY else "",
    )


def _embedded(rows: Sequence[Row]) -> str:
    """All rows as JSON that is harmless in HTML; each text that repeats is there once, and named by its number."""
    numbers: dict[str, int] = {}

    def number(text: str) -> int:
        return numbers.setdefault(text, len(numbers))

    told = [
        (
            *(row.id, number(row.day), row.clock, row.lasted),
            *map(number, (row.app, row.path, row.camera, row.user, row.sort.value, row.verdict, row.why)),
        )
        for row in rows
    ]
    words = {sort.value: word for sort, word in _WORDS.items()}
    text = json.dumps({"texts": list(numbers), "rows": told, "sorts": words}, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _months(line: Timeline) -> list[Month]:
    months = []
    for (year, month), group in groupby(line.days, lambda day: (day.last.year, day.last.month)):
        days = tuple(group)
        counts = (sum(day.uses for day in days), sum(day.unexpected for day in days), sum(day.blocked for day in days))
        months.append(Month(f"{date(year, month, 1):%B %Y}", days, *counts))
    return months


def _short_day(day: date) -> str:
    return f"{day:%a} {day.day}"


def _share(minutes: float) -> str:
    """A time of day as a share of it, for a picture that is as wide as the day is long."""
    return f"{100 * minutes / DAY_MINUTES:.3f}".rstrip("0").rstrip(".") + "%"
