"""All that an investigator wants to know of one use, as pairs of a name and a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from camguard.activity.markup import short
from camguard.activity.words import app_of, judged, lasted
from camguard.core.events import Kind
from camguard.core.model import Capture
from camguard.journal.fold import ActionRecord, ActivationRecord

Fact = tuple[str, str]
Story = Sequence[Mapping[str, Any]]
"""The entries about a use: each ``seq``, ``kind``, ``clock`` as `records.moment` has it, and what `describe` made."""

_LONG = 600
_PROOF = {
    Capture.FRAMES: "pictures were taken: the kernel handed them over",
    Capture.MAPPING: "pictures were taken: the program had the camera's buffers mapped",
    Capture.DWELL: "the camera was held open for longer than a look takes; that pictures were taken is not proven",
}
_WHOSE_WORD = {
    "kernel": "the file that runs was compared with the one known by that name",
    "broker": "PipeWire says for whom it has the camera",
    "portal": "the desktop's portal says for whom PipeWire has the camera",
    "self-declared": "only the program itself says so",
    "unknown": "not known",
}
_KINDS = {
    Kind.OPENED: "the camera was opened",
    Kind.PRESENT: "the camera was in use when the guard started",
    Kind.CAPTURING: "capturing",
    Kind.ENDED: "ended",
    Kind.PROBE: "it only looked",
    Kind.FEEDING: "it gives this virtual camera its pictures, and takes none",
    Kind.FED: "it no longer gives this virtual camera its pictures",
    Kind.JUDGED: "judged by the rules",
    Kind.ALERT: "an alert was raised",
    Kind.DECIDED: "the alert was answered",
    Kind.ACTION_PENDING: "an action was begun",
    Kind.ACTION_COMPLETED: "the action was completed and checked",
}


def facts(record: ActivationRecord, story: Story) -> list[Fact]:
    """The facts of a use, in the order in which they are read; a fact that the log does not have says so."""
    found = [*_times(record, story), *_program(record), *_process(record), *_what_came(record, story)]
    return [(name, short(text, _LONG)) for name, text in found]


def both(at: datetime | None) -> str:
    """A time as it was on the wall, with its offset, and in UTC."""
    if at is None:
        return "not known"
    utc = at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S.%f} {_offset(at)} (UTC {utc:%Y-%m-%d %H:%M:%S.%f})"


def steps(story: Story) -> Iterator[tuple[str, str, str, str, str]]:
    """The entries of a use as rows: number, what happened, local time, UTC, monotonic time."""
    for entry in story:
        clock = entry["clock"]
        at = datetime.fromisoformat(str(clock["at"]))
        yield (
            str(entry["seq"]),
            _KINDS.get(entry["kind"], str(entry["kind"])),
            f"{at:%Y-%m-%d %H:%M:%S.%f} {_offset(at)}",
            f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}",
            f"{clock['boottime_ns'] / 1e9:.6f} s",
        )


def _times(record: ActivationRecord, story: Story) -> Iterator[Fact]:
    camera = record.camera or {}
    yield "Camera", _joined(record.camera_name, camera.get("id"), _word("USB", camera.get("usb_id")))
    yield "Camera's files", _joined(*camera.get("nodes", ()), _word("serial number", camera.get("serial")))
    yield "Opened", both(record.opened_at)
    if story:
        clock = story[0]["clock"]
        yield "Monotonic time", f"{clock['boottime_ns'] / 1e9:.6f} s since the boot {clock['boot_id']}"
    if record.capturing_at is not None:
        yield "Capturing from", both(record.capturing_at)
    proof = "it took no picture that was seen" if record.capture is None else _PROOF[Capture(record.capture)]
    yield "Capturing", proof + ("" if record.frames is None else f"; {record.frames:,} pictures counted")
    yield "Ended", both(record.ended_at) + ("" if record.ending is None else f", {record.ending}")
    yield "Lasted", lasted(record)


def _program(record: ActivationRecord) -> Iterator[Fact]:
    app, process = record.app or {}, record.process or {}
    yield "App", _joined(app_of(record), app.get("version"))
    yield "Known as", _joined(_word(app.get("kind"), app.get("id"))) or "not known"
    yield "On whose word", _WHOSE_WORD.get(str(app.get("confidence", "unknown")), "not known")
    yield "Executable", _joined(process.get("exe") or app.get("path"), process.get("exe_note"))
    yield "Its SHA-256", str(process.get("exe_sha256") or app.get("sha256") or "not known")
    if process.get("script"):
        yield "Script", _joined(process.get("script"), _word("SHA-256", app.get("sha256")))
    yield "Package", _joined(process.get("package"), process.get("package_version")) or "none, or not known"


def _process(record: ActivationRecord) -> Iterator[Fact]:
    process = record.process or {}
    started = _word("started (UTC)", process.get("start"))
    ticks = _word("start time in clock ticks since boot", process.get("start_ticks"))
    yield "Process", _joined(_word("pid", process.get("pid")), process.get("name"), started, ticks) or "not known"
    yield "User", _joined(record.user, _word("uid", process.get("uid"))) or "not known"
    parents = [
        f"{parent.get('name')} (pid {parent.get('pid')}, {parent.get('exe')})" for parent in _list(process, "parents")
    ]
    yield "Started by", " ← ".join(parents) or "not known"
    yield "Unit", str(process.get("unit") or "none, or not known")
    yield "Command line", " ".join(map(str, _list(process, "command"))) or "not known"


def _what_came(record: ActivationRecord, story: Story) -> Iterator[Fact]:
    yield "Circumstances", _circumstances(story)
    reasons = "; ".join(str(reason.get("sentence", "")) for reason in record.reasons)
    yield "Verdict of the rules", _joined(judged(record), reasons)
    yield "Alert", _alert(record, story)
    yield "What was done", " ".join(map(_action, record.actions)) or "nothing"
    yield from _preserved(record)
    yield "Entries of the log", f"{record.first_seq} to {record.last_seq}"


def _preserved(record: ActivationRecord) -> Iterator[Fact]:
    """What its processes had, as it was seen before they were ended, and which copies there are."""
    for each in (each for told in record.preserved for each in _list(told, "processes")):
        pid = each.get("pid")
        files = [*_list(each, "files"), *([f"and {each['more_files']} more"] if each.get("more_files") else [])]
        remotes = [
            f"{to['protocol']} {to['remote']} ({to['state']})" for to in _list(each, "sockets") if to.get("remote")
        ]
        yield f"Open files of {pid}", ", ".join(map(str, files)) or f"none seen; {each.get('why') or 'it had none'}"
        yield f"Connections of {pid}", ", ".join(remotes) or "none seen"
        yield f"Folder of {pid}", str(each.get("cwd") or "not known")
    for copy in (copy for told in record.preserved for copy in _list(told, "copies")):
        said = _word("SHA-256", copy.get("sha256")) or f"none: {copy.get('why')}"
        yield "Copy kept", _joined(copy.get("path"), said, copy.get("file"))


def _circumstances(story: Story) -> str:
    """Whether the screen was locked, and whatever else was noted of the session; not known where nothing was."""
    said: Mapping[str, Any] = next(
        (entry["context"] for entry in reversed(story) if isinstance(entry.get("context"), Mapping)), {}
    )
    words = {True: "yes", False: "no", None: "not known"}
    parts = [f"{name.replace('_', ' ')}: {words.get(value, value)}" for name, value in said.items() if _flat(value)]
    return "; ".join(parts) if "locked" in said else _joined("screen locked: not known", *parts)


def _alert(record: ActivationRecord, story: Story) -> str:
    if not record.alerted:
        return "none was raised"
    raised = [entry["clock"]["at"] for entry in story if entry["kind"] == Kind.ALERT]
    told = f"raised at {raised[0]}" if raised else "raised"
    if record.decision is None:
        return f"{told}; nobody answered"
    decision, by, at = (record.decision.get(key) for key in ("decision", "by", "at"))
    return f"{told}; answered: {decision}, by {by}, at {at}"


def _action(action: ActionRecord) -> str:
    about, outcome = action.about, action.outcome
    begun = f"{about.get('action', 'action')}, on the word of {about.get('by', 'somebody unknown')}"
    if outcome is None:
        return f"{begun}: begun at {_iso(action.pending_at)} and never completed."
    done = "; ".join(f"{step.get('what')}: {step.get('result')}" for step in _list(outcome, "steps"))
    result = _joined(outcome.get("result"), outcome.get("why"))
    return f"{begun}: {result}, checked at {_iso(action.completed_at)} ({done})."


def _list(told: Mapping[str, Any], key: str) -> list[Any]:
    found = told.get(key)
    return found if isinstance(found, list) else []


def _flat(value: object) -> bool:
    return value is None or isinstance(value, bool | str | int)


def _joined(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part not in {None, ""})


def _word(name: object, value: object) -> str:
    return "" if value in {None, ""} or name in {None, ""} else f"{name} {value}"


def _iso(at: datetime | None) -> str:
    return "an unknown time" if at is None else at.isoformat(timespec="seconds")


def _offset(at: datetime) -> str:
    return f"{at:%z}"[:3] + ":" + f"{at:%z}"[3:5]
