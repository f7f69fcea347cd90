"""The readable page of an export: no script, nothing fetched, made to be printed.

Words that others chose are escaped by Jinja, and stripped of what cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from camguard.activity.markup import Markup, environment, policy_hash, resource
from camguard.activity.overview import NOTEWORTHY, Sort, ranked
from camguard.core.coverage import Stretch, Watch
from camguard.handover.facts import facts, steps
from camguard.handover.tally import Entries, Uses
from camguard.journal.fold import ActivationRecord

STRETCHES = 400
"""So many times that were not wholly watched are on the page, the newest; all are in coverage.json."""

_APPS = 200
_PACKAGE = "camguard.handover"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """What a page is made of; `about` is the manifest, as far as it is known by now."""

    uses: Uses
    entries: Entries
    coverage: Sequence[Stretch]
    about: Mapping[str, Any]
    zone: tzinfo


def render(said: Said) -> Iterator[bytes]:
    """The page, part by part."""
    made = environment(_PACKAGE)
    made.filters.update(time=lambda ns: _local(ns, said.zone), utc=lambda ns: _local(ns, UTC), length=_length)
    style = resource(_PACKAGE, "report.css")
    yield from (
        part.encode("utf-8")
        for part in made.get_template("report.html").generate(
            said=said,
            about=said.about,
            style=Markup(style),
            style_hash=policy_hash(style),
            counts=said.uses.sorts,
            total=said.uses.count - said.uses.sorts[Sort.LOOKED],
            noteworthy=sum(said.uses.sorts[sort] for sort in NOTEWORTHY),
            looks=said.uses.sorts[Sort.LOOKED],
            apps=ranked(said.uses.apps.values())[:_APPS],
            groups=_groups(said),
            away=[stretch for stretch in said.coverage if stretch.watch is not Watch.WATCHED][-STRETCHES:],
            watched_ns=watched_ns(said.coverage),
        )
    )


def watched_ns(coverage: Sequence[Stretch]) -> int:
    """How long all was watched."""
    return sum(each.end_utc_ns - each.begin_utc_ns for each in coverage if each.watch is Watch.WATCHED)


def _groups(said: Said) -> Iterator[tuple[str, str, int, int, Iterator[dict[str, Any]]]]:
    """The uses that are shown: a heading and its anchor, how many there are, how many of those are shown, and these."""
    noteworthy = sum(said.uses.sorts[sort] for sort in NOTEWORTHY)
    for name, anchor, records, number in (
        ("Unexpected and blocked uses", "unexpected", said.uses.noteworthy, noteworthy),
        ("All other uses, and looks", "others", said.uses.others, said.uses.count - noteworthy),
    ):
        yield name, anchor, number, len(records), (_use(record, said.entries) for record in records)


def _use(record: ActivationRecord, entries: Entries) -> dict[str, Any]:
    story = entries.stories.get(record.number, [])
    return {"id": record.id, "facts": facts(record, story), "steps": list(steps(story))}


def _local(utc_ns: int, zone: tzinfo) -> str:
    at = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(zone)
    offset = f"{at:%z}"
    return f"{at:%Y-%m-%d %H:%M:%S}" + ("" if zone is UTC else f" {offset[:3]}:{offset[3:5]}")


def _length(ns: int) -> timedelta:
    return timedelta(microseconds=ns // 1000)
