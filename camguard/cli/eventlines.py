"""One line for people about each thing that a guard reports, from its record (see `core.records.line`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from camguard.cli.output import quoted, quoted_sentence
from camguard.cli.text import pad
from camguard.core.events import Kind
from camguard.core.model import NANOSECONDS, Capture, Ending, Judgement, State
from camguard.core.power import Power
from camguard.core.records import ACTIVATION_KINDS
from camguard.wording import spoken

Told = Mapping[str, Any]

_ENDINGS = {
    Ending.UNPLUGGED.value: "the camera was unplugged",
    Ending.SWITCHED_OFF.value: "the camera was switched off",
}
_CAPTURE = {
    Capture.FRAMES.value: "pictures delivered",
    Capture.MAPPING.value: "its buffers are mapped",
    Capture.DWELL.value: "open longer than a look takes",
}


_LOUD = frozenset(
    {
        Kind.ALERT,
        Kind.JOURNAL_INTERRUPTED,
        Kind.JOURNAL_SET_ASIDE,
        Kind.JOURNAL_BROKEN,
        Kind.GUARD_BLIND,
        Kind.GUARD_GAP,
        Kind.CLOCK_CHANGED,
        Kind.ACTION_UNFINISHED,
        Kind.PASS_ENDING,
        Kind.CONFIG_KEPT,
        Kind.GATE_OPEN,
        Kind.OPEN_REFUSED,
    }
)


def line(told: Told) -> str:
    """The line, harmless for a terminal: time, activation, what happened, and the rest of it."""
    tell = _TELL.get(told["event"])
    word, rest = ("?", quoted(str(told["event"]))) if tell is None else tell(told)
    number = quoted(str(told.get("activation") or ""), 12)
    return f"{_clock(told)}  {pad(number, 4)} {pad(word, 10)} {rest}"


def style(told: Told) -> dict[str, Any]:
    """How a line stands out, as for `click.style`."""
    if told["event"] in _LOUD:
        return {"fg": "red", "bold": True}
    if told["event"] in ACTIVATION_KINDS and unexpected(told):
        return {"fg": "yellow"}
    return {}


def unexpected(told: Told) -> bool:
    """Whether it tells of a use that nobody expected, or that is blocked."""
    return told.get("verdict") in {Judgement.UNEXPECTED, Judgement.BLOCKED}


def who(told: Told) -> str:
    """``cheese (pid 4242, user anna)``, with what is known of it; an app of the portal without the portal's pid."""
    app, process = told.get("app") or {}, told.get("process") or {}
    script = str(process.get("script") or "").rpartition("/")[2]
    unsaid = "another user's program" if told.get("reduced") else "an unknown process"
    name = app.get("name") or script or process.get("name") or unsaid
    pid = own_pid(process)
    facts = [] if pid is None else [f"pid {pid}"]
    if process.get("user") is not None:
        facts.append(f"user {quoted(str(process['user']))}")
    elif process.get("uid") is not None:
        facts.append(f"uid {process['uid']}")
    return quoted(str(name)) + (f" ({', '.join(facts)})" if facts else "")


def own_pid(process: Told) -> int | None:
    """The pid of a use's process where that is the app's own: the portal has cameras for many apps."""
    pid: int | None = process.get("pid")
    return None if (process.get("through") or {}).get("app") is not None else pid


def sentence(told: Told) -> str:
    """All reasons of a verdict in one line."""
    return quoted_sentence("; ".join(str(reason.get("sentence", "")) for reason in told.get("reasons") or ()))


def _clock(told: Told) -> str:
    try:
        return f"{datetime.fromisoformat(str(told['at'])):%H:%M:%S}"
    except ValueError:
        return "--:--:--"


def _use(told: Told) -> str:
    return f"{_camera(told)}  {who(told)}"


def _camera(told: Told) -> str:
    return quoted(str((told.get("camera") or {}).get("name", "")))


def _opened(told: Told) -> tuple[str, str]:
    return "opened", _use(told)


def _present(told: Told) -> tuple[str, str]:
    return "present", f"{_use(told)}, since before the guard started"


def _capturing(told: Told) -> tuple[str, str]:
    how = _CAPTURE.get(str(told.get("capture")))
    return "capturing", f"{_use(told)}{f', {how}' if how else ''}{_unless_expected(told)}"


def _ended(told: Told) -> tuple[str, str]:
    return "ended", _use(told) + _how_it_was(told)


def _probe(told: Told) -> tuple[str, str]:
    return "looked", _use(told) + _how_it_was(told)


def _feeding(told: Told) -> tuple[str, str]:
    return "feeding", f"{_use(told)}, which gives this virtual camera its pictures"


def _fed(told: Told) -> tuple[str, str]:
    return "fed", _use(told) + _how_it_was(told)


def _how_it_was(told: Told) -> str:
    parts = []
    if told.get("duration_ms") is not None:
        parts.append(f"after {spoken(told['duration_ms'] * 1_000_000)}")
    if told.get("frames") is not None:
        parts.append(f"{told['frames']} pictures")
    if told.get("ending") in _ENDINGS:
        parts.append(_ENDINGS[told["ending"]])
    return "".join(f", {part}" for part in parts)


def _judged(told: Told) -> tuple[str, str]:
    return quoted(str(told.get("verdict") or "judged")), f"{_use(told)}: {sentence(told)}"


def _alert(told: Told) -> tuple[str, str]:
    """The one plain sentence, and what to do about it."""
    why = f": {sentence(told)}" if told.get("reasons") else ""
    going_on = told.get("state") in {state.value for state in State if state.live}
    uses = "is using" if going_on else "used"
    offered = going_on and not told.get("reduced") and told.get("verdict") != Judgement.BLOCKED  # the guard ends those
    end = f". To end it: camguard end {told['activation']}" if offered else ""
    return "ALERT", f"{who(told)} {uses} {_camera(told)}{why}{end}"


def _decided(told: Told) -> tuple[str, str]:
    return "answered", f"{_extra(told, 'decision')}, said {_extra(told, 'by')}: {_use(told)}"


def _unless_expected(told: Told) -> str:
    return f"; {told['verdict']}: {sentence(told)}" if unexpected(told) else ""


def _pending(told: Told) -> tuple[str, str]:
    if _switches(told):
        return f"turning {_extra(told, 'action')}", f"{_camera(told)}: {_extra(told, 'why')}"
    return "ending", f"{_use(told)}, on the word of {_extra(told, 'by')}"


def _completed(told: Told) -> tuple[str, str]:
    whom, outcome = _camera(told) if _switches(told) else _use(told), told.get("outcome")
    if outcome is None:
        return "tried", whom
    why = f": {quoted_sentence(str(outcome['why']))}" if outcome.get("why") else ""
    return "outcome", f"{whom}: {quoted(str(outcome['result']))}{why}"


def _switches(told: Told) -> bool:
    return (told.get("extra") or {}).get("action") in {power.value for power in Power}


def _unfinished(told: Told) -> tuple[str, str]:
    what = "ending a use of" if _extra(told, "action") == "end" else f"turning {_extra(told, 'action')}"
    return "unfinished", f"{what} {_extra(told, 'camera')} was begun, and the guard stopped in the middle of it"


def _power_said(told: Told) -> tuple[str, str]:
    seconds = (told.get("extra") or {}).get("for_s")
    lasting = f" for {spoken(round(seconds * NANOSECONDS))}" if isinstance(seconds, int | float) else ""
    return _extra(told, "power"), f"{_extra(told, 'camera')}{lasting}, said {_extra(told, 'by')}"


def _pass_ending(told: Told) -> tuple[str, str]:
    left = f"{_extra(told, 'left_s')} s"
    return "ENDING", f"{_extra(told, 'camera')} goes off in {left} and is in use; `camguard on --for 30m` prolongs it"


def _pass_ended(told: Told) -> tuple[str, str]:
    return "time over", f"{_extra(told, 'camera')}: on for a time, on the word of {_extra(told, 'by')}"


def _refused(told: Told) -> tuple[str, str]:
    times = (told.get("extra") or {}).get("times", 1)
    often = f", {times} times" if times != 1 else ""
    what = f"{_extra(told, 'call')} by {_extra(told, 'caller')}{often}"
    return "refused", f"{what}: {_extra(told, 'why')}"


def _config_kept(told: Told) -> tuple[str, str]:
    return "CONFIG", f"{_extra(told, 'why')} The configuration read before stays in force."


def _config_read(told: Told) -> tuple[str, str]:
    return "config", f"read from {_extra(told, 'file')}"


def _gap(told: Told) -> tuple[str, str]:
    return "NOT WATCHED", f"from {_bound(told, 'from')} to {_bound(told, 'to')}: the guard before {_extra(told, 'how')}"


def _slept(told: Told) -> tuple[str, str]:
    return "slept", f"the machine, from {_bound(told, 'from')} to {_bound(told, 'to')}"


def _down(told: Told) -> tuple[str, str]:
    orderly = (told.get("extra") or {}).get("orderly")
    how = "the guard having been stopped" if orderly else "the guard not having been stopped"
    return "down", f"the machine, after {_bound(told, 'from')}, {how} before"


def _machine_started(told: Told) -> tuple[str, str]:
    return "started", f"the machine, at {_bound(told, 'from')}"


def _clock_changed(told: Told) -> tuple[str, str]:
    return "CLOCK", f"it was set from {_bound(told, 'from')} to {_bound(told, 'to')}"


def _zone_changed(told: Told) -> tuple[str, str]:
    return "time zone", f"from {_extra(told, 'from')} to {_extra(told, 'to')}"


def _bound(told: Told, key: str) -> str:
    """A moment that an entry tells of, as the wall showed it."""
    at = ((told.get("extra") or {}).get(key) or {}).get("at", "")
    return quoted(str(at)[:19].replace("T", " "))


def _gate_closed(told: Told) -> tuple[str, str]:
    return "gate", f"the kernel refuses opens: {_extra(told, 'mode')}"


def _gate_open(told: Told) -> tuple[str, str]:
    return "GATE OPEN", _extra(told, "why")


def _open_refused(told: Told) -> tuple[str, str]:
    return "REFUSED", f"{_use(told)}: the open was refused by the kernel"


def _preserved(told: Told) -> tuple[str, str]:
    found = (told.get("extra") or {}).get("processes") or []
    files = sum(len(each.get("files", ())) + each.get("more_files", 0) for each in found)
    sockets = [socket for each in found for socket in each.get("sockets", ())]
    remotes = ", ".join(quoted(str(each["remote"])) for each in sockets if each.get("remote"))
    return "preserved", f"{_use(told)}: {files} open files{f'; connected to {remotes}' if remotes else ''}"


def _kept(told: Told) -> tuple[str, str]:
    copies = (told.get("extra") or {}).get("copies") or []
    said = "; ".join(f"{quoted(str(each.get('path')))}: {each.get('file') or each.get('why')}" for each in copies)
    return "kept", quoted(said, 300)


def _camera_added(told: Told) -> tuple[str, str]:
    nodes = ", ".join(quoted(str(node)) for node in (told.get("camera") or {}).get("nodes", ()))
    return "camera", f"{_camera(told)} ({nodes})"


def _camera_removed(told: Told) -> tuple[str, str]:
    off = _extra(told, "why") == Ending.SWITCHED_OFF
    return "off" if off else "unplugged", _camera(told)


def _blind(told: Told) -> tuple[str, str]:
    return "BLIND", f"{_extra(told, 'what')}: {_extra(told, 'why')}"


def _sighted(told: Told) -> tuple[str, str]:
    return "sees again", _extra(told, "what")


def _rule(told: Told) -> tuple[str, str]:
    what = "added" if told["event"] == Kind.RULE_ADDED else "removed"
    return "rule", f"{_extra(told, 'rule')} {what}"


def _started(_: Told) -> tuple[str, str]:
    return "guard", "started"


def _stopped(_: Told) -> tuple[str, str]:
    return "guard", "stopped"


def _log_trouble(told: Told) -> tuple[str, str]:
    facts = "; ".join(f"{key}: {value}" for key, value in (told.get("extra") or {}).items())
    what = "a damaged log was set aside" if told["event"] == Kind.JOURNAL_SET_ASIDE else "the log could not be written"
    return "LOG", f"{what} ({quoted_sentence(facts)})"


def _log_checked(told: Told) -> tuple[str, str]:
    return "log", f"{_extra(told, 'checked')} entries are as they were written, up to number {_extra(told, 'seq')}"


def _log_broken(told: Told) -> tuple[str, str]:
    return "LOG CHANGED", f"{_extra(told, 'sentence')}; see `camguard log verify`"


def _log_cut(told: Told) -> tuple[str, str]:
    span = f"entries {_extra(told, 'first_seq')} to {_extra(told, 'last_seq')}"
    return "log", f"{span} are older than {_extra(told, 'keep')} and are cut"


def _extra(told: Told, key: str) -> str:
    value = (told.get("extra") or {}).get(key)
    return "" if value is None else quoted_sentence(str(value))


_TELL: dict[str, Callable[[Told], tuple[str, str]]] = {
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
    Kind.FEEDING: _feeding,
    Kind.FED: _fed,
    Kind.JUDGED: _judged,
    Kind.ALERT: _alert,
    Kind.DECIDED: _decided,
    Kind.RULE_ADDED: _rule,
    Kind.RULE_REMOVED: _rule,
    Kind.PRESERVED: _preserved,
    Kind.KEPT: _kept,
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
    Kind.MACHINE_SLEPT: _slept,
    Kind.MACHINE_DOWN: _down,
    Kind.MACHINE_STARTED: _machine_started,
    Kind.CLOCK_CHANGED: _clock_changed,
    Kind.ZONE_CHANGED: _zone_changed,
    Kind.GATE_CLOSED: _gate_closed,
    Kind.GATE_OPEN: _gate_open,
    Kind.OPEN_REFUSED: _open_refused,
    Kind.JOURNAL_SET_ASIDE: _log_trouble,
    Kind.JOURNAL_INTERRUPTED: _log_trouble,
    Kind.JOURNAL_CHECKED: _log_checked,
    Kind.JOURNAL_BROKEN: _log_broken,
    Kind.JOURNAL_CUT: _log_cut,
}
