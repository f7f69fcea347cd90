"""Activation logs as they look after years: real records, real hashes, written in bulk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from camguard.core import records
from camguard.core.details import Details, Parent
from camguard.core.events import Kind, Report
from camguard.core.model import (
    NANOSECONDS,
    Activation,
    App,
    AppIdentity,
    AppKind,
    Camera,
    CameraId,
    Capture,
    Ending,
    Judgement,
    Moment,
    Node,
    Process,
    ProcessIdentity,
    Reason,
    State,
    Verdict,
)
from camguard.core.reasons import ReasonCode
from camguard.journal.database import connect
from camguard.journal.entry import Draft, Row, seal_all
from camguard.journal.store import INSERT, Journal, tail

BOOT = "5f0a6a3e-6b0e-4f0f-9a55-0d1f3a1d2c4b"
START_NS = 1_700_000_000 * NANOSECONDS
CAMERA = Camera(
    CameraId("usb-046d:0825-1A2B3C4D"),
    "Integrated Camera",
    (Node("/dev/video0", (81, 0)), Node("/dev/video1", (81, 1))),
    usb_id="046d:0825",
    serial="1A2B3C4D",
    driver="uvcvideo",
)
FIREFOX = App(AppIdentity(AppKind.PACKAGE, "firefox", "/usr/lib/firefox/firefox", "ab" * 32), "Firefox", "128.0")
ZOOM = App(AppIdentity(AppKind.PACKAGE, "zoom", "/opt/zoom/zoom", "cd" * 32), "Zoom", "6.1")
SCRIPT = App(AppIdentity(AppKind.SCRIPT, "/home/anna/bin/snap.py", "/home/anna/bin/snap.py", "ef" * 32), "snap.py")
CHEESE = App(AppIdentity(AppKind.EXECUTABLE, "/usr/bin/cheese", "/usr/bin/cheese", "01" * 32), "cheese")
APPS = (FIREFOX, ZOOM, SCRIPT, CHEESE)

_BULK = 20_000


def moment(second: float, boot: str = BOOT) -> Moment:
    """A moment that many seconds after `START_NS`, two hours east of Greenwich."""
    ns = int(second * NANOSECONDS)
    return Moment(START_NS + ns, 7200, ns, boot)


@dataclass
class FixedClock:
    """A clock that shows what it was set to."""

    at: Moment = field(default_factory=lambda: moment(0))

    def now(self) -> Moment:
        return self.at


def process(pid: int, app: App = FIREFOX) -> Process:
    identity = ProcessIdentity(pid, 1000 + pid, BOOT)
    return Process(identity, app.name, app.identity.path, 1000, started_utc_ns=START_NS)


def details(app: App) -> Details:
    return Details(
        command=(app.identity.path or "", "--new-window", "https://meet.example.org/room/4711"),
        user="anna",
        parents=(Parent(2000, "gnome-shell", "/usr/bin/gnome-shell"), Parent(1, "systemd", "/usr/lib/systemd/systemd")),
        unit="app-firefox-2711.scope",
        exe_sha256=app.identity.sha256,
        package=app.identity.id,
        package_version=app.version,
    )


def verdict(judgement: Judgement = Judgement.UNEXPECTED) -> Verdict:
    if judgement is Judgement.EXPECTED:
        reason = Reason(ReasonCode.ALLOWED, "rule r1 allows it", "r1")
        return Verdict(judgement, (reason,), "r1")
    return Verdict(judgement, (Reason(ReasonCode.FIRST_USE, "first use of a camera by this app"),))


def simple(kind: Kind, second: float = 0, **extra: Any) -> Report:
    """A report that is about the guard, not an activation."""
    return Report(kind, moment(second), extra=extra or None)


def life(
    number: int,
    second: float,
    app: App = FIREFOX,
    judgement: Judgement = Judgement.UNEXPECTED,
    lasting_s: float = 60,
    camera: Camera = CAMERA,
) -> list[Report]:
    """The four reports of an ordinary use: opened, judged, capturing, ended."""
    who = process(3000 + number % 20_000, app)
    opened = Activation(number, camera.id, State.OPENED, who, frozenset({who}), moment(second))
    capturing = replace(opened, state=State.CAPTURING, capturing_at=moment(second + 0.2), capture=Capture.MAPPING)
    ended = replace(
        capturing,
        state=State.ENDED,
        holders=frozenset(),
        ended_at=moment(second + lasting_s),
        ending=Ending.CLOSED,
        held_ns=int(lasting_s * NANOSECONDS),
        frames=int(lasting_s * 30),
    )
    known, judged = details(app), verdict(judgement)
    return [
        Report(Kind.OPENED, moment(second), camera=camera, activation=opened),
        Report(Kind.JUDGED, moment(second + 0.05), camera, opened, None, app, known, judged),
        Report(Kind.CAPTURING, moment(second + 0.2), camera, capturing, None, app, known, judged),
        Report(Kind.ENDED, moment(second + lasting_s), camera, ended, None, app, known, judged),
    ]


def fill(path: Path, activations: int) -> int:
    """Write a journal with that many ordinary activations, four entries each; returns how many entries it has.

    A million entries take about half a minute: records are made once an app, then dated and numbered.
    """
    journal = Journal.open(path, FixedClock())
    journal.append([simple(Kind.GUARD_STARTED, pid=1)])
    journal.close()
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        templates = [[_Template(report) for report in life(1, 0, app)] for app in APPS]
        drafts = (t.dated(n, n * 90.0) for n in range(1, activations + 1) for t in templates[n % len(templates)])
        while batch := list(islice(drafts, _BULK)):
            _insert(connection, batch)
        connection.execute("PRAGMA synchronous = FULL")
        return int(connection.execute("SELECT max(seq) FROM entries").fetchone()[0])


def bodies(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number and body of every entry, read past all of the product's own reading."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield from connection.execute("SELECT seq, CAST(body AS BLOB) FROM entries ORDER BY seq").fetchall()


class _Template:
    """One report's record, made once and dated anew for each use."""

    def __init__(self, report: Report) -> None:
        self._draft = Draft.of(report)
        self._offset_s = (report.at.utc_ns - START_NS) / NANOSECONDS

    def dated(self, number: int, second: float) -> Draft:
        at = moment(second + self._offset_s)
        began = records.local_time(moment(second))
        data = dict(self._draft.data)
        data.update(activation=f"a{number}", opened_at=began)
        if "capturing_at" in data:
            data["capturing_at"] = records.local_time(moment(second + 0.2))
        if "ended_at" in data:
            data["ended_at"] = records.local_time(at)
        return replace(self._draft, at=records.moment(at), activation=number, data=data)


def _insert(connection: sqlite3.Connection, drafts: list[Draft]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    rows: list[Row] = seal_all(drafts, *tail(connection))
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")
