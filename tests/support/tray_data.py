"""What a guard tells the tray, for tests: events, how things stand, and names that mean harm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from camguard.core.events import Kind, Report
from camguard.core.model import App, Judgement, Reason, Verdict
from camguard.core.reasons import ReasonCode
from camguard.core.records import Record, line
from camguard.desktop.uses import Told
from tests.support.journal_data import CAMERA, FIREFOX, details, life, moment

HOSTILE = (
    "--help",
    "-A x",
    "<b>bold</b>",
    '<a href="http://evil.example/">update</a>',
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; & &amp;",
    "cheese\u202egpj.exe",
    "\u2066isolated\u2069",
    "x" * 10_000,
    "\x1b[2J\x1b]0;title\x07",
    "line\none\r\ntwo\ttab\0nul",
    "lone \ud800 surrogate \udfff",
    "_File _Edit __",
    "%f %U %%",
    "{command} {0}",
    "\u200b\u200d\ufeff",
    "",
    "   ",
    "\U0001f4f7 é ﷺ",
)
NAMES = st.sampled_from(HOSTILE) | st.text(st.characters(), max_size=300)
"""Anything at all, lone surrogates among it."""


def told(
    number: int,
    kind: Kind = Kind.ALERT,
    *,
    app: App = FIREFOX,
    judgement: Judgement | None = Judgement.UNEXPECTED,
    why: str = "first use of a camera by this app",
    extra: dict[str, Any] | None = None,
) -> Record:
    """An event about an activation, as the service tells it to those whose use it is."""
    stage = {Kind.OPENED: 0, Kind.ENDED: 3, Kind.PROBE: 3}.get(kind, 2)
    report = life(number, 60.0 * number, app)[stage]
    verdict = None if judgement is None else Verdict(judgement, (Reason(ReasonCode.FIRST_USE, why),))
    return line(replace(report, kind=kind, app=app, details=details(app), verdict=verdict, extra=extra, seq=number))


def foreign(number: int, kind: Kind = Kind.ALERT) -> Record:
    """The same of another user's use, to whom it does not concern."""
    whole = told(number, kind)
    kept = ("schema", "event", "seq", "at", "camera", "activation", "state", "opened_at", "capturing_at", "ended_at")
    unsaid: Record = {"app": None, "process": None, "verdict": None, "reasons": [], "reduced": True}
    return {**{key: whole[key] for key in kept if key in whole}, **unsaid}


def general(kind: Kind, **extra: Any) -> Record:
    """An event about the guard."""
    return line(Report(kind, moment(0), extra=extra or None, seq=1))


def camera(power: str = "on", name: str = CAMERA.name, left_s: int | None = None) -> dict[str, Any]:
    """A camera in how things stand."""
    return {"id": CAMERA.id, "name": name, "power": power, "wanted": {"power": power, "why": "", "left_s": left_s}}


def status(
    *uses: Told,
    cameras: tuple[dict[str, Any], ...] = (camera(),),
    switches: bool = True,
    trouble: str | None = None,
    log_trouble: str | None = None,
    blind: dict[str, str] | None = None,
) -> dict[str, Any]:
    """How things stand; `uses` are events that stand for the uses that go on, for a minute each."""
    return {
        "cameras": list(cameras),
        "uses": [{"for_s": 60.0, **use} for use in uses],
        "switches": switches,
        "trouble": trouble,
        "log_trouble": log_trouble,
        "blind": [{"what": what, "why": why} for what, why in (blind or {}).items()],
    }
