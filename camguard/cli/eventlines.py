"""One line for people about each thing that a guard reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from camguard.cli.output import quoted, quoted_sentence
from camguard.cli.text import pad
from camguard.cli.times import spoken
from camguard.core.events import Kind, Report
from camguard.core.model import Activation, App, Capture, Details, Ending, Judgement, Process
from camguard.core.policy import local_time
from camguard.core.records import ACTIVATION_KINDS

_CAPTURE = {
    Capture.FRAMES: "pictures delivered",
    Capture.MAPPING: "its buffers are mapped",
    Capture.DWELL: "open longer than a look takes",
}


def line(report: Report) -> str:
    """The line, harmless for a terminal: time, activation, what happened, and the rest of it."""
    word, rest = _TELL[report.kind](report)
    number = "" if report.activation is None else report.activation.id
    return f"{local_time(report.at):%H:%M:%S}  {pad(number, 4)} {pad(word, 10)} {rest}"


def style(report: Report) -> dict[str, Any]:
    """How a line stands out, as for `click.style`."""
    if report.kind in {Kind.ALERT, Kind.JOURNAL_INTERRUPTED, Kind.JOURNAL_SET_ASIDE, Kind.GUARD_BLIND}:
        return {"fg": "red", "bold": True}
    if report.kind in ACTIVATION_KINDS and unexpected(report):
        return {"fg": "yellow"}
    return {}


def unexpected(report: Report) -> bool:
    """Whether it tells of a use that nobody expected, or that is blocked."""
    return report.verdict is not None and report.verdict.judgement is not Judgement.EXPECTED


def who(app: App | None, process: Process | None, details: Details | None) -> str:
    """``cheese (pid 4242, user anna)``, with what is known of it."""
    process = process or Process(None)
    name = (None if app is None else app.name) or process.label or "an unknown process"
    facts = [] if process.identity is None else [f"pid {process.identity.pid}"]
    if details is not None and details.user is not None:
        facts.append(f"user {quoted(details.user)}")
    elif process.uid is not None:
        facts.append(f"uid {process.uid}")
    return quoted(name) + (f" ({', '.join(facts)})" if facts else "")


def _use(report: Report) -> str:
    process = report.process if report.activation is None else report.activation.process
    return f"{_camera(report)}  {who(report.app, process, report.details)}"


def _camera(report: Report) -> str:
    return "" if report.camera is None else quoted(report.camera.name)


def _opened(report: Report) -> tuple[str, str]:
    return "opened", _use(report)


def _present(report: Report) -> tuple[str, str]:
    return "present", f"{_use(report)}, since before the guard started"


def _capturing(report: Report) -> tuple[str, str]:
    capture = report.activation and report.activation.capture
    how = f", {_CAPTURE[capture]}" if capture else ""
    return "capturing", f"{_use(report)}{how}{_unless_expected(report)}"


def _ended(report: Report) -> tuple[str, str]:
    return "ended", _use(report) + ("" if report.activation is None else _how_it_was(report.activation))


def _probe(report: Report) -> tuple[str, str]:
    return "looked", _use(report) + ("" if report.activation is None else _how_it_was(report.activation))


def _how_it_was(activation: Activation) -> str:
    parts = []
    if activation.duration_ns is not None:
        parts.append(f"after {spoken(activation.duration_ns)}")
    if activation.frames is not None:
        parts.append(f"{activation.frames} pictures")
    if activation.ending is Ending.UNPLUGGED:
        parts.append("the camera was unplugged")
    return "".join(f", {part}" for part in parts)


def _judged(report: Report) -> tuple[str, str]:
    if report.verdict is None:
        return "judged", _use(report)
    return report.verdict.judgement.value, f"{_use(report)}: {quoted_sentence(report.verdict.sentence)}"


def _alert(report: Report) -> tuple[str, str]:
    """The one plain sentence, and what to do about it."""
    process = report.process if report.activation is None else report.activation.process
    why = "" if report.verdict is None else f": {quoted_sentence(report.verdict.sentence)}"
    going_on = report.activation is not None and report.activation.state.live
    uses = "is using" if going_on else "used"
    end = f". To end it: camguard end {report.activation.id}" if report.activation is not None and going_on else ""
    return "ALERT", f"{who(report.app, process, report.details)} {uses} {_camera(report)}{why}{end}"


def _unless_expected(report: Report) -> str:
    if report.verdict is None or not unexpected(report):
        return ""
    return f"; {report.verdict.judgement}: {quoted_sentence(report.verdict.sentence)}"


def _pending(report: Report) -> tuple[str, str]:
    return "ending", f"{_use(report)}, on the word of {_extra(report, 'by')}"


def _completed(report: Report) -> tuple[str, str]:
    if report.outcome is None:
        return "tried", _use(report)
    why = f": {quoted_sentence(report.outcome.why)}" if report.outcome.why else ""
    return "outcome", f"{_use(report)}: {report.outcome.result}{why}"


def _camera_added(report: Report) -> tuple[str, str]:
    nodes = "" if report.camera is None else ", ".join(quoted(node.path) for node in report.camera.nodes)
    return "camera", f"{_camera(report)} ({nodes})"


def _camera_removed(report: Report) -> tuple[str, str]:
    return "unplugged", _camera(report)


def _blind(report: Report) -> tuple[str, str]:
    return "BLIND", f"{_extra(report, 'what')}: {_extra(report, 'why')}"


def _sighted(report: Report) -> tuple[str, str]:
    return "sees again", _extra(report, "what")


def _rule(report: Report) -> tuple[str, str]:
    what = "added" if report.kind is Kind.RULE_ADDED else "removed"
    return "rule", f"{_extra(report, 'rule')} {what}"


def _started(_: Report) -> tuple[str, str]:
    return "guard", "started"


def _stopped(_: Report) -> tuple[str, str]:
    return "guard", "stopped"


def _log_trouble(report: Report) -> tuple[str, str]:
    facts = "; ".join(f"{key}: {value}" for key, value in (report.extra or {}).items())
    what = "a damaged log was set aside" if report.kind is Kind.JOURNAL_SET_ASIDE else "the log could not be written"
    return "LOG", f"{what} ({quoted_sentence(facts)})"


def _extra(report: Report, key: str) -> str:
    value = (report.extra or {}).get(key)
    return "" if value is None else quoted_sentence(str(value))


_TELL: dict[Kind, Callable[[Report], tuple[str, str]]] = {
    Kind.GUARD_STARTED: _started,
    Kind.GUARD_STOPPED: _stopped,
    Kind.GUARD_BLIND: _blind,
    Kind.GUARD_SIGHTED: _sighted,
    Kind.CAMERA_ADDED: _camera_added,
    Kind.CAMERA_REMOVED: _camera_removed,
    Kind.OPENED: _opened,
    Kind.PRESENT: _present,
    Kind.CAPTURING: _capturing,
    Kind.ENDED: _ended,
    Kind.PROBE: _probe,
    Kind.JUDGED: _judged,
    Kind.ALERT: _alert,
    Kind.RULE_ADDED: _rule,
    Kind.RULE_REMOVED: _rule,
    Kind.ACTION_PENDING: _pending,
    Kind.ACTION_COMPLETED: _completed,
    Kind.JOURNAL_SET_ASIDE: _log_trouble,
    Kind.JOURNAL_INTERRUPTED: _log_trouble,
}
