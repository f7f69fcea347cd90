"""A log as a household keeps it in a few weeks: calls, looks, a stranger, nights and a weekend without a guard."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from camguard.core.events import Kind, Report
from camguard.core.model import App, AppIdentity, AppKind, Camera, CameraId, Judgement, State
from camguard.journal.store import Journal
from tests.support.journal_data import (
    CAMERA,
    CHEESE,
    FIREFOX,
    SCRIPT,
    START_NS,
    ZOOM,
    FixedClock,
    life,
    simple,
)

OUTSIDE = Camera(CameraId("usb-046d:082d-9F2A11EE"), "HD Pro Webcam C920", (), usb_id="046d:082d")
MUTED = App(AppIdentity(AppKind.EXECUTABLE, "/tmp/.cache/update", "/tmp/.cache/update", "09" * 32), "update")
_OFFSET = timedelta(hours=2)

HOSTILE = {
    "option": "--help",
    "bold": "<b>bold</b>",
    "link": '<a href="https://example.org/" onclick="alert(1)">click</a>',
    "script": "</script><script>document.title='taken'</script>",
    "comment": "<!--<script>",
    "unfinished": "</script <!-- <script ",
    "template": "{{ 7 * 7 }}{% raw %}",
    "right to left": "\u202egnp.exe\u202c\u2066",
    "long": "x" * 10_000,
    "control": "\x1b[31m\x00\x07\x9b\r\nnext",
    "quotes": "\"'`&amp;&lt;",
}
"""Names that a program may give itself, each of which somewhere was more than a name."""


def second_of(at: datetime) -> float:
    """The second, as `journal_data.moment` counts them, of a time on the wall there."""
    return ((at - _OFFSET).replace(tzinfo=UTC) - datetime.fromtimestamp(START_NS // 10**9, UTC)).total_seconds()


def household(path: Path, last: datetime, days: int = 24) -> int:
    """Write the weeks up to `last`, a time on the wall; returns how many uses there are. The same every time."""
    reports = sorted(_weeks(last, days), key=lambda report: report.at.utc_ns)
    numbers: dict[int, int] = {}
    for report in reports:
        if report.activation is not None:
            numbers.setdefault(report.activation.number, len(numbers) + 1)
    journal = Journal.open(path, FixedClock())
    journal.append([_numbered(report, numbers) for report in reports])
    journal.close()
    return len(numbers)


def hostile(path: Path, last: datetime) -> None:
    """Write one use by an app of each of the `HOSTILE` names, on a camera of that name, by a user of that name."""
    journal = Journal.open(path, FixedClock())
    journal.append([simple(Kind.GUARD_STARTED, second_of(last) - 3600, pid=1)])
    for number, name in enumerate(HOSTILE.values(), 1):
        app = replace(SCRIPT, identity=replace(SCRIPT.identity, path=name), name=name)
        camera = replace(CAMERA, name=name, id=CameraId(name))
        uses = life(number, second_of(last) - 60 * number, app, lasting_s=20, camera=camera)
        journal.append(uses)
    journal.close()


def _numbered(report: Report, numbers: dict[int, int]) -> Report:
    activation = report.activation
    if activation is None:
        return report
    return replace(report, activation=replace(activation, number=numbers[activation.number]))


def _weeks(last: datetime, days: int) -> Iterator[Report]:
    chance = random.Random(7)
    first = datetime.combine((last - timedelta(days=days)).date(), datetime.min.time())
    number = 0
    for offset in range(days + 1):
        day = first + timedelta(days=offset)
        if offset % 7 == 5:  # a day on which the machine stays off
            continue
        begin, end = day.replace(hour=7, minute=chance.randrange(60)), day.replace(hour=22, minute=chance.randrange(60))
        yield simple(Kind.GUARD_STARTED, second_of(begin), pid=1)
        for at, app, judgement, minutes, camera in _uses(day, chance, offset):
            if at < last:
                number += 1
                yield from _use(number, at, app, judgement, minutes, camera)
        yield simple(Kind.GUARD_STOPPED, second_of(min(end, last)), pid=1)


def _uses(
    day: datetime, chance: random.Random, offset: int
) -> Iterator[tuple[datetime, App, Judgement | None, float, Camera]]:
    for hour in chance.sample((9, 10, 11, 14, 15, 16), chance.choice((0, 1, 2, 3))):
        at = day + timedelta(hours=hour, minutes=chance.choice((0, 2, 29, 31)))
        yield at, chance.choice((ZOOM, FIREFOX)), Judgement.EXPECTED, chance.uniform(12, 55), CAMERA
    for _ in range(chance.choice((0, 1, 2))):
        at = day + timedelta(hours=chance.uniform(8, 21))
        yield at, FIREFOX, None, 0.01, chance.choice((CAMERA, OUTSIDE))
    if offset % 6 == 2:
        yield day + timedelta(hours=19.5), CHEESE, Judgement.EXPECTED, chance.uniform(2, 9), OUTSIDE
    if offset in {9, 17, 23}:
        yield day + timedelta(hours=20 - offset / 10), SCRIPT, Judgement.UNEXPECTED, chance.uniform(1, 20), CAMERA
    if offset in {18, 22}:
        yield day + timedelta(hours=13.2), MUTED, Judgement.BLOCKED, 0.02, CAMERA


def _use(
    number: int, at: datetime, app: App, judgement: Judgement | None, minutes: float, camera: Camera
) -> Iterator[Report]:
    """One use; without a judgement, one that only looked."""
    opened, judged, capturing, ended = life(
        number, second_of(at), app, judgement or Judgement.EXPECTED, minutes * 60, camera
    )
    yield opened
    yield judged
    if judgement is not None:
        yield capturing
        yield ended
    elif ended.activation is not None:
        yield replace(ended, kind=Kind.PROBE, activation=replace(ended.activation, state=State.PROBE, capture=None))
