"""One line for people about each thing that a guard reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from camguard.cli.output import quoted, quoted_sentence
from camguard.cli.text import pad
from camguard.cli.times import spoken
from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, Activation, App, Capture, Details, Ending, Judgement, Process
from camguard.core.policy import local_time
from camguard.core.power import Power
from camguard.core.records import ACTIVATION_KINDS

_ENDINGS = {
    Ending.UNPLUGGED: "the camera was unplugged",
    Ending.SWITCHED_OFF: "the camera was switched off",
}
_CAPTURE = {
    Capture.FRAMES: "pictures delivered",
    Capture.MAPPING: "its buffers are mapped",
    Capture.DWELL: "open longer than a look takes",
}


_LOUD = frozenset(
    {
        Kind.ALERT,
        Kind.JOURNAL_INTERRUPTED,
        Kind.JOURNAL_SET_ASIDE,
        Kind.GUARD_BLIND,
        Kind.GUARD_GAP,
        Kind.ACTION_UNFINISHED,
        Kind.PASS_ENDING,
        Kind.CONFIG_KEPT,
        Kind.GATE_OPEN,
        Kind.OPEN_REFUSED,
    }
)


def line(report: Report) -> str:
    """The line, harmless for a terminal: time, activation, what happened, and the rest of it."""
    word, rest = _TELL[report.kind](report)
    number = "" if report.activation is None else report.activation.id
    return f"{local_time(report.at):%H:%M:%S}  {pad(number, 4)} {pad(word, 10)} {rest}"


def style(report: Report) -> dict[str, Any]:
    """How a line stands out, as for `click.style`."""
    if report.kind in _LOUD:
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
    if activation.ending in _ENDINGS:
        parts.append(_ENDINGS[activation.ending])
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
    if _switches(report):
        return f"turning {_extra(report, 'action')}", f"{_camera(report)}: {_extra(report, 'why')}"
    return "ending", f"{_use(report)}, on the word of {_extra(report, 'by')}"


def _completed(report: Report) -> tuple[str, str]:
    whom = _camera(report) if _switches(report) else _use(report)
    if report.outcome is None:
        return "tried", whom
    why = f": {quoted_sentence(report.outcome.why)}" if report.outcome.why else ""
    return "outcome", f"{whom}: {report.outcome.result}{why}"


def _switches(report: Report) -> bool:
    return (report.extra or {}).get("action") in set(Power)


def _unfinished(report: Report) -> tuple[str, str]:
    what = "ending a use of" if _extra(report, "action") == "end" else f"turning {_extra(report, 'action')}"
    return "unfinished", f"{what} {_extra(report, 'camera')} was begun, and the guard stopped in the middle of it"


def _power_said(report: Report) -> tuple[str, str]:
    seconds = (report.extra or {}).get("for_s")
    lasting = f" for {spoken(round(seconds * NANOSECONDS))}" if isinstance(seconds, int | float) else ""
    return _extra(report, "power"), f"{_extra(report, 'camera')}{lasting}, said {_extra(report, 'by')}"


def _pass_ending(report: Report) -> tuple[str, str]:
    left = f"{_extra(report, 'left_s')} s"
    return "ENDING", f"{_extra(report, 'camera')} goes off in {left} and is in use; `camguard on --for 30m` prolongs it"


def _pass_ended(report: Report) -> tuple[str, str]:
    return "time over", f"{_extra(report, 'camera')}: on for a time, on the word of {_extra(report, 'by')}"


def _refused(report: Report) -> tuple[str, str]:
    times = (report.extra or {}).get("times", 1)
    often = f", {times} times" if times != 1 else ""
    what = f"{_extra(report, 'call')} by {_extra(report, 'caller')}{often}"
    return "refused", f"{what}: {_extra(report, 'why')}"


def _config_kept(report: Report) -> tuple[str, str]:
    return "CONFIG", f"{_extra(report, 'why')} The configuration read before stays in force."


def _config_read(report: Report) -> tuple[str, str]:
    return "config", f"read from {_extra(report, 'file')}"


def _gap(report: Report) -> tuple[str, str]:
    extra = report.extra or {}
    since, until = (str((extra.get(key) or {}).get("at", ""))[:19].replace("T", " ") for key in ("from", "to"))
    return "NOT WATCHED", f"from {quoted(since)} to {quoted(until)}: the guard before {_extra(report, 'how')}"


def _gate_closed(report: Report) -> tuple[str, str]:
    return "gate", f"the kernel refuses opens: {_extra(report, 'mode')}"


def _gate_open(report: Report) -> tuple[str, str]:
    return "GATE OPEN", _extra(report, "why")


def _open_refused(report: Report) -> tuple[str, str]:
    return "REFUSED", f"{_use(report)}: the open was refused by the kernel"


def _camera_added(report: Report) -> tuple[str, str]:
    nodes = "" if report.camera is None else ", ".join(quoted(node.path) for node in report.camera.nodes)
    return "camera", f"{_camera(report)} ({nodes})"


def _camera_removed(report: Report) -> tuple[str, str]:
    off = _extra(report, "why") == Ending.SWITCHED_OFF
    return "off" if off else "unplugged", _camera(report)


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
    Kind.ACTION_UNFINISHED: _unfinished,
    Kind.POWER_SAID: _power_said,
    Kind.PASS_ENDING: _pass_ending,
    Kind.PASS_ENDED: _pass_ended,
    Kind.CALL_REFUSED: _refused,
    Kind.CONFIG_KEPT: _config_kept,
    Kind.CONFIG_READ: _config_read,
    Kind.GUARD_GAP: _gap,
    Kind.GATE_CLOSED: _gate_closed,
    Kind.GATE_OPEN: _gate_open,
    Kind.OPEN_REFUSED: _open_refused,
    Kind.JOURNAL_SET_ASIDE: _log_trouble,
    Kind.JOURNAL_INTERRUPTED: _log_trouble,
}
