"""A week's log that has all four answers of `camguard was-on`; ``python -m`` prints them for the README."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from camguard.core.events import Kind, Report
from camguard.core.model import Judgement
from camguard.core.records import moment as told
from camguard.journal.store import Journal
from tests.support.commands import Stage
from tests.support.journal_data import CAMERA, SCRIPT, ZOOM, FixedClock, life, moment
from tests.support.lifelike import second_of

ZONE = "+02:00"
QUESTIONS = (
    f"2026-10-16 21:30 {ZONE}",
    f"2026-10-15 21:30 {ZONE}",
    f"2026-10-17 21:30 {ZONE}",
    f"2026-10-18 21:30 {ZONE}",
)
"""No, yes, in part, not known."""


def week(path: Path) -> None:
    """Write the log."""

    def at(text: str) -> float:
        return second_of(datetime.fromisoformat(f"2026-10-{text}"))

    def simple(kind: Kind, text: str, **extra: object) -> Report:
        return Report(kind, moment(at(text)), extra=dict(extra))

    slept = {"from": told(moment(at("16T21:45"))), "to": told(moment(at("17T08:10")))}
    gap = {"how": "died", "from": told(moment(at("17T21:48:10"))), "to": told(moment(at("17T22:15:40")))}
    away = {"how": "stopped", "from": told(moment(at("18T18:00"))), "to": told(moment(at("19T07:30")))}
    journal = Journal.open(path, FixedClock())
    journal.append(
        [
            simple(Kind.GUARD_STARTED, "12T08:00", pid=700),
            replace(simple(Kind.CAMERA_ADDED, "12T08:00:01"), camera=CAMERA),
            *life(1, at("14T10:00"), ZOOM, Judgement.EXPECTED, 2_700),
            *life(2, at("15T21:02:11"), SCRIPT, lasting_s=209),
            simple(Kind.MACHINE_SLEPT, "17T08:10", **slept),
            simple(Kind.GUARD_GAP, "17T22:15:40", **gap),
            simple(Kind.GUARD_STARTED, "17T22:15:40", pid=801),
            simple(Kind.GUARD_STOPPED, "18T18:00", pid=801),
            simple(Kind.GUARD_GAP, "19T07:30", **away),
            simple(Kind.GUARD_STARTED, "19T07:30", pid=900),
        ]
    )
    journal.close()


def captures(folder: Path) -> list[str]:
    """Each question and its answer, as a terminal shows them."""
    stage = Stage(folder)
    week(stage.journal)
    return [f'$ camguard was-on "{question}"\n{stage.run("was-on", question).stdout}' for question in QUESTIONS]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="camguard-answers-") as folder:
        sys.stdout.write("\n".join(captures(Path(folder))))
