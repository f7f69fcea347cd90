"""The fields of an entry in the systemd journal, by their documented names."""

from __future__ import annotations

from camguard.core.records import JSON, Record
from camguard.journalentry.kinds import KINDS, LEFT_OUT, About, Priority
from camguard.journalentry.sentences import sentence, why

IDENTIFIER = "camguard"

FIELDS = {
    "MESSAGE": "what happened, in one plain sentence",
    "MESSAGE_ID": "one for each kind of event, always the same; `journalctl --catalog` explains it",
    "PRIORITY": "3 the guard or its log is in trouble, 4 look at it, 5 worth knowing, 6 everything else",
    "SYSLOG_IDENTIFIER": "`camguard`",
    "CAMGUARD_EVENT": "the kind of event, as `camguard watch --json` has it: `alert`, `capturing`, …",
    "CAMGUARD_SEQ": "the number of the entry in the activation log",
    "CAMGUARD_AT": "when it happened: ISO 8601, local time with its offset",
    "CAMGUARD_CAMERA": "the camera's name",
    "CAMGUARD_CAMERA_ID": "what tells it from others of that name",
    "CAMGUARD_ACTIVATION": "the use, as other commands take it: `a17`",
    "CAMGUARD_STATE": "`opened`, `present`, `capturing`, `ended` or `probe`",
    "CAMGUARD_VERDICT": "`expected`, `unexpected` or `blocked`",
    "CAMGUARD_REASONS": "why, as words for programs, with spaces between",
    "CAMGUARD_RULE": "the rule that decided, or that was made or taken away",
    "CAMGUARD_APP": "the app's name",
    "CAMGUARD_APP_ID": "what rules match, e.g. `package:cheese`",
    "CAMGUARD_CONFIDENCE": "whose word that is: `kernel`, `broker`, `portal`, `self-declared` or `unknown`",
    "CAMGUARD_PID": "the process",
    "CAMGUARD_UID": "its user, as a number",
    "CAMGUARD_USER": "its user, by name",
    "CAMGUARD_EXE": "its program file",
    "CAMGUARD_EXE_SHA256": "that file's content",
    "CAMGUARD_FRAMES": "how many pictures it was handed",
    "CAMGUARD_DURATION_MS": "how long the use lasted, in milliseconds",
    "CAMGUARD_BY": "on whose word something was done or said",
    "CAMGUARD_OUTCOME": "what an action came to, as checked: `ended`, `off`, `on`, `already gone`, `refused`, …",
    "CAMGUARD_WHY": "why, in a sentence",
    "CAMGUARD_LEFT_OUT": "how many events the systemd journal did not take, in the entry that says so",
}
"""Each field and what it holds; the README has this table."""

_LONGEST = 4096
_OF_A_RECORD = {"CAMGUARD_SEQ": "seq", "CAMGUARD_AT": "at", "CAMGUARD_ACTIVATION": "activation"} | {
    f"CAMGUARD_{key.upper()}": key for key in ("state", "verdict", "rule", "frames", "duration_ms")
}
_OF_A_PROCESS = {f"CAMGUARD_{key.upper()}": key for key in ("pid", "uid", "user", "exe", "exe_sha256")}


def entry(record: Record) -> dict[str, str]:
    """The entry about an event, from its record; what the record does not say has no field."""
    kind = str(record["event"])
    about = KINDS.get(kind)
    fields: dict[str, JSON] = {
        **_head(sentence(record), about),
        "CAMGUARD_EVENT": kind,
        **{field: record.get(key) for field, key in _OF_A_RECORD.items()},
        **_who(record),
        **_what(record),
    }
    return {name: str(value)[:_LONGEST] for name, value in fields.items() if value not in (None, "")}


def left_out(number: int) -> dict[str, str]:
    """The entry that stands for events which the systemd journal did not take."""
    said = "1 event was" if number == 1 else f"{number} events were"
    message = f"{said} not told to the systemd journal, which did not take them in time; the activation log has them."
    return {**_head(message, LEFT_OUT), "CAMGUARD_LEFT_OUT": str(number)}


def table() -> str:
    """The table as Markdown, as the README has it."""
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in FIELDS.items())
    return f"| field | what it holds |\n|---|---|\n{rows}"


def _head(message: str, about: About | None) -> dict[str, str]:
    head = {"MESSAGE": message, "PRIORITY": str(int(Priority.NOTICE if about is None else about.priority))}
    if about is not None:
        head["MESSAGE_ID"] = about.message_id
    return {**head, "SYSLOG_IDENTIFIER": IDENTIFIER}


def _who(record: Record) -> dict[str, JSON]:
    app, process = _part(record, "app"), _part(record, "process")
    known = app.get("kind") not in {None, "unknown"}
    return {
        "CAMGUARD_APP": app.get("name"),
        "CAMGUARD_APP_ID": f"{app['kind']}:{app.get('id')}" if known else None,
        "CAMGUARD_CONFIDENCE": app.get("confidence"),
        **{field: process.get(key) for field, key in _OF_A_PROCESS.items()},
    }


def _what(record: Record) -> dict[str, JSON]:
    camera, extra, outcome = _part(record, "camera"), _part(record, "extra"), _part(record, "outcome")
    named = extra.get("camera")
    reasons = record.get("reasons") or []
    codes = [str(reason["code"]) for reason in reasons if isinstance(reason, dict)] if isinstance(reasons, list) else []
    return {
        "CAMGUARD_CAMERA": camera.get("name") or (named if isinstance(named, str) else None),
        "CAMGUARD_CAMERA_ID": camera.get("id"),
        "CAMGUARD_REASONS": " ".join(codes),
        "CAMGUARD_RULE": record.get("rule") or extra.get("rule"),
        "CAMGUARD_BY": extra.get("by"),
        "CAMGUARD_OUTCOME": outcome.get("result"),
        "CAMGUARD_WHY": why(record),
    }


def _part(record: Record, key: str) -> dict[str, JSON]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}
