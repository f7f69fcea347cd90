"""The tray's menu as data: rows of plain sentences, each with what a click asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from camguard.core.decisions import Decision
from camguard.core.power import Power
from camguard.desktop import words
from camguard.desktop.board import Board
from camguard.desktop.uses import Alerted, CameraNow, UseNow
from camguard.wording import spoken

PASSES_MIN = (15, 30, 60)
"""For how many minutes a camera can be turned on from the menu."""

LISTED = 12
"""So many missed alerts are in the menu; the page has all."""

_SECOND_NS = 1_000_000_000


class Verb(StrEnum):
    """What a click can ask for."""

    DECIDE = "decide"
    SWITCH = "switch"
    ALL_SEEN = "all-seen"
    ACTIVITY = "activity"
    ADVICE = "advice"
    TEST = "test"
    INSTALL = "install"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Do:
    """What a click asks for, whole in itself: it means the same however old the menu is."""

    verb: Verb
    number: int | None = None
    decision: Decision | None = None
    camera: str | None = None
    power: Power | None = None
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a click does `do`, or opens `rows`; with neither it only tells. Empty text is a line between rows."""

    text: str
    do: Do | None = None
    rows: tuple[Row, ...] = ()
    default: bool = False


LINE = Row("")


def menu(board: Board, now: datetime, now_s: float, version: str) -> tuple[Row, ...]:
    """All rows as they are now; `now` for people, `now_s` on the monotonic clock."""
    standing = board.standing
    parts = (
        _complaints(board),
        tuple(_use(use, board, now_s) for use in standing.uses) or _nothing(board),
        _power(board),
        _missed(board, now),
        (
            Row("Activity…", Do(Verb.ACTIVITY), default=True),
            Row("What to do if someone threatens you…", Do(Verb.ADVICE)),
            Row("Test my alert", Do(Verb.TEST)),
            Row("About", rows=_about(board, version)),
            Row(_quit(board), Do(Verb.QUIT)),
        ),
    )
    rows: list[Row] = []
    for part in parts:
        rows += [LINE, *part] if rows and part else part
    return tuple(rows)


def _complaints(board: Board) -> tuple[Row, ...]:
    standing = board.standing
    rows = []
    if standing.blind is not None:
        rows.append(Row(f"camguard cannot see: {words.fact(standing.blind)}"))
    if standing.trouble is not None:
        rows.append(Row(f"Not in force: {words.fact(standing.trouble)}"))
    if standing.log_trouble is not None:
        rows.append(Row(f"The log was changed: {words.fact(standing.log_trouble)}"))
    return tuple(rows)


def _nothing(board: Board) -> tuple[Row, ...]:
    """Where nobody uses a camera: that, in a sentence about each."""
    if board.standing.blind is not None and not board.standing.cameras:
        return ()
    if not board.standing.cameras:
        return (Row("No camera is plugged in"),)
    return tuple(
        Row(f"{words.camera_name(camera.name)} is {'switched off' if camera.power is Power.OFF else 'not in use'}")
        for camera in board.standing.cameras
    )


def _use(use: UseNow, board: Board, now_s: float) -> Row:
    seconds = None if use.begun_s is None else max(0.0, now_s - use.begun_s)
    if use.told.get("reduced"):
        return Row(words.going_on(use.told, seconds), rows=(Row("Only that user and administrators may know more"),))
    keep = (_answer(use.number, Decision.KEEP, "Keep, until it stops"),) if board.waiting(use.number) else ()
    allow = () if use.expected or not words.allowable(use.told) else (_answer(use.number, Decision.ALLOW),)
    warning = words.warning(use.told)
    warned = (Row(warning),) if warning else ()
    return Row(
        words.going_on(use.told, seconds),
        rows=(
            *warned,
            _answer(use.number, Decision.END),
            *((_answer(use.number, Decision.OFF, "End it, and switch the camera off"),) if _switches(board) else ()),
            *keep,
            *allow,
            Row("Details", rows=tuple(_details(use))),
        ),
    )


def _answer(number: int, decision: Decision, text: str | None = None) -> Row:
    return Row(text or words.LABELS[decision], Do(Verb.DECIDE, number=number, decision=decision))


def _details(use: UseNow) -> list[Row]:
    told = use.told
    app, process = told.get("app") or {}, told.get("process") or {}
    facts = [
        ("Program", process.get("script") or process.get("exe") or app.get("path")),
        ("Process", process.get("pid")),
        ("Has it through", (process.get("through") or {}).get("broker")),
        ("User", process.get("user") or process.get("uid")),
        ("Package", process.get("package")),
        ("Known by", words.known_by(told)),
        ("Said to be", "; ".join(str(hint) for hint in process.get("hints") or ())),
        ("Judged", told.get("verdict")),
        ("Why", words.why(told)),
        ("Screen", words.screen(told)),
        ("In the log", told.get("activation")),
    ]
    return [Row(f"{what}: {words.fact(str(fact))}") for what, fact in facts if fact not in {None, ""}]


def _power(board: Board) -> tuple[Row, ...]:
    cameras = board.standing.cameras
    if not cameras or not _switches(board):
        return ()
    if len(cameras) == 1:
        return _switch_rows(cameras[0], "the camera")
    everyone = (Row("Switch all cameras off", Do(Verb.SWITCH, power=Power.OFF)),)
    return (*everyone, *(Row(words.camera_name(each.name), rows=_switch_rows(each, "it")) for each in cameras))


def _switch_rows(camera: CameraNow, what: str) -> tuple[Row, ...]:
    def on(text: str, minutes: int | None) -> Row:
        for_s = None if minutes is None else minutes * 60.0
        return Row(text, Do(Verb.SWITCH, camera=camera.id, power=Power.ON, for_s=for_s))

    passes = tuple(on(f"Turn {what} on for {minutes} minutes", minutes) for minutes in PASSES_MIN)
    if camera.power is Power.OFF:
        return (*passes, on(f"Turn {what} on", None))
    off = Row(f"Switch {what} off", Do(Verb.SWITCH, camera=camera.id, power=Power.OFF))
    if camera.left_s is None:
        return (off,)
    return (Row(f"On for {spoken(camera.left_s * _SECOND_NS)} more"), off, *passes)


def _missed(board: Board, now: datetime) -> tuple[Row, ...]:
    missed = board.missed
    if not missed:
        return ()
    listed = tuple(_missed_row(alert, now) for alert in reversed(missed[-LISTED:]))
    more = (Row(f"and {len(missed) - LISTED} more: see Activity"),) if len(missed) > LISTED else ()
    seen = Row("All seen", Do(Verb.ALL_SEEN))
    return (Row(f"While you were away ({len(missed)})", rows=(*listed, *more, LINE, seen)),)


def _missed_row(alert: Alerted, now: datetime) -> Row:
    at = words.clock(alert.since, now)
    tried = "tried to use" if alert.told.get("verdict") == "blocked" else "used"
    text = f"{words.who(alert.told)} {tried} {words.camera(alert.told)} at {at}"
    rows = [_answer(alert.number, Decision.SEEN)]
    if not alert.told.get("reduced") and tried == "used":
        rows.append(_answer(alert.number, Decision.ALLOW))
    because = words.why(alert.told)
    return Row(text, rows=(*([Row(f"Why: {because}")] if because else []), *rows))


def _about(board: Board, version: str) -> tuple[Row, ...]:
    source = board.standing.source
    return (
        Row(f"camguard {version}: sees every use of the camera and keeps a log"),
        *(Row(said) for said in (source, board.standing.method) if said),
        *(() if board.standing.service else (Row("How to install the service…", Do(Verb.INSTALL)),)),
    )


def _quit(board: Board) -> str:
    return "Quit (the service goes on guarding)" if board.standing.service else "Quit (nothing guards the camera then)"


def _switches(board: Board) -> bool:
    return board.standing.can_switch
