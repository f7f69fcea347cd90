"""One plain sentence about each event, from its record (see `core.records.line`).

Names in it are of others' choosing: they are made visible, and none is longer than a sentence bears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from camguard.core.events import Kind
from camguard.core.model import NANOSECONDS, Ending
from camguard.wording import spoken, visible

Told = Mapping[str, Any]

_LONGEST_NAME = 120
_LONGEST_WHY = 600


def sentence(told: Told) -> str:
    """What happened. Of a kind that has no words of its own, its name."""
    tell = _SENTENCES.get(told["event"])
    return f"camguard: {_cut(str(told['event']), _LONGEST_NAME)}" if tell is None else tell(told)


def who(told: Told) -> str:
    """The app, and whose it is."""
    app, process = told.get("app") or {}, told.get("process") or {}
    unsaid = "another user's program" if told.get("reduced") else "an unknown process"
    name = _cut(str(app.get("name") or process.get("name") or unsaid), _LONGEST_NAME)
    user = process.get("user")
    return name if user is None else f"{name} (user {_cut(str(user), _LONGEST_NAME)})"


def extra(told: Told, key: str, longest: int = _LONGEST_NAME) -> str:
    """A part of what only this kind has, harmless; empty where there is none."""
    value = (told.get("extra") or {}).get(key)
    return "" if value is None else _cut(str(value), longest)


def why(told: Told) -> str:
    """Why it is so: of an outcome, or of the event itself; empty where nothing is said."""
    of_outcome = (told.get("outcome") or {}).get("why")
    if of_outcome is not None:
        return _cut(str(of_outcome), _LONGEST_WHY)
    return extra(told, "why", _LONGEST_WHY) or extra(told, "sentence", _LONGEST_WHY)


def camera(told: Told) -> str:
    """The camera's name."""
    named = (told.get("camera") or {}).get("name") or (told.get("extra") or {}).get("camera")
    return _cut(str(named), _LONGEST_NAME) if named else "a camera"


def _cut(text: str, longest: int) -> str:
    shown = visible(text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _reasons(told: Told) -> str:
    said = "; ".join(str(reason.get("sentence", "")) for reason in told.get("reasons") or ())
    return f": {_cut(said, _LONGEST_WHY)}" if said else ""


def _use(verb: str) -> Callable[[Told], str]:
    return lambda told: f"{who(told)} {verb} {camera(told)}."


def _capturing(told: Told) -> str:
    verdict = told.get("verdict")
    return f"{who(told)} takes pictures with {camera(told)}{f', {verdict}' if verdict else ''}."


def _ended(told: Told) -> str:
    lasted = told.get("duration_ms")
    after = "" if lasted is None else f" after {spoken(lasted * 1_000_000)}"
    unplugged = " when the camera was unplugged" if told.get("ending") == Ending.UNPLUGGED else ""
    return f"{who(told)} has stopped using {camera(told)}{after}{unplugged}."


def _judged(told: Told) -> str:
    return f"The use of {camera(told)} by {who(told)} is {told.get('verdict') or 'judged'}{_reasons(told)}."


def _alert(told: Told) -> str:
    return f"{who(told)} uses {camera(told)} unexpectedly{_reasons(told)}."


def _decided(told: Told) -> str:
    return f'{extra(told, "by")} answered "{extra(told, "decision")}" to the use of {camera(told)} by {who(told)}.'


def _rule(done: str) -> Callable[[Told], str]:
    return lambda told: f"Rule {extra(told, 'rule')} was {done}."


def _action(told: Told) -> str:
    action = extra(told, "action")
    if action in {"off", "on"}:
        return f"turning {camera(told)} {action}"
    return f"ending the use of {camera(told)} by {who(told)}"


def _pending(told: Told) -> str:
    by = extra(told, "by")
    return f"About to be done: {_action(told)}{f', on the word of {by}' if by else ''}."


def _kept(told: Told) -> str:
    copies = (told.get("extra") or {}).get("copies") or []
    made = any(isinstance(each, Mapping) and each.get("sha256") for each in copies)
    return f"{'A copy' if made else 'No copy'} of the program of {who(told)} was kept."


def _completed(told: Told) -> str:
    result = (told.get("outcome") or {}).get("result")
    return f"Done: {_action(told)}; checked, the result is: {result or 'not known'}{_because(told)}."


def _unfinished(told: Told) -> str:
    return f"The guard before stopped in the middle of {_action(told)}."


def _power(told: Told) -> str:
    seconds = (told.get("extra") or {}).get("for_s")
    lasting = f" for {spoken(round(seconds * NANOSECONDS))}" if isinstance(seconds, int | float) else ""
    return f"{extra(told, 'by') or 'Somebody'} said that {camera(told)} is to be {extra(told, 'power')}{lasting}."


def _refused(told: Told) -> str:
    return f"{extra(told, 'caller')} asked for {extra(told, 'call')}, and may not{_because(told)}."


def _because(told: Told) -> str:
    said = why(told).rstrip(".")
    return f": {said}" if said else ""


def _between(told: Told) -> str:
    return f"from {_bound(told, 'from')} to {_bound(told, 'to')}"


def _bound(told: Told, key: str) -> str:
    """A moment that an event tells of, as the wall showed it."""
    at = (told.get("extra") or {}).get(key)
    said = at.get("at", "") if isinstance(at, Mapping) else ""
    return _cut(str(said), _LONGEST_NAME)[:19].replace("T", " ") or "an unknown time"


def _cut_off(told: Told) -> str:
    span = f"{extra(told, 'first_seq')} to {extra(told, 'last_seq')}"
    return f"Entries {span} of the activation log were older than {extra(told, 'keep')}, and are deleted."


def _broken(told: Told) -> str:
    said = extra(told, "sentence")
    return f"The activation log was changed{f': {said}' if said else ''}."


_SENTENCES: dict[str, Callable[[Told], str]] = {
    Kind.GUARD_STARTED: lambda told: f"The guard of the cameras has started, version {extra(told, 'version')}.",
    Kind.GUARD_STOPPED: lambda _: "The guard of the cameras has stopped.",
    Kind.GUARD_BLIND: lambda told: f"The guard cannot see {extra(told, 'what')}{_because(told)}.",
    Kind.GUARD_SIGHTED: lambda told: f"The guard can see {extra(told, 'what')} again.",
    Kind.GUARD_GAP: lambda told: f"The cameras were not watched {_between(told)}.",
    Kind.MACHINE_SLEPT: lambda told: f"The machine slept {_between(told)}.",
    Kind.MACHINE_DOWN: lambda told: f"The machine was down after {_bound(told, 'from')}.",
    Kind.MACHINE_STARTED: lambda told: f"The machine has started, at {_bound(told, 'from')}.",
    Kind.CLOCK_CHANGED: lambda told: f"The clock was set {_between(told)}.",
    Kind.ZONE_CHANGED: lambda told: f"The time zone changed from {extra(told, 'from')} to {extra(told, 'to')}.",
    Kind.PRESERVED: lambda told: f"What {who(told)} had open was written down, before it was ended.",
    Kind.KEPT: lambda told: f"A copy of the program of {who(told)} was kept, as far as it could be.",
    Kind.JOURNAL_CHECKED: lambda told: f"The activation log was checked up to entry {extra(told, 'seq')}.",
    Kind.JOURNAL_BROKEN: lambda told: f"The activation log was changed{_because(told)}.",
    Kind.JOURNAL_CUT: _cut_off,
    Kind.CAMERA_ADDED: lambda told: f"{camera(told)} is there.",
    Kind.CAMERA_REMOVED: lambda told: f"{camera(told)} is gone{_because(told)}.",
    Kind.OPENED: _use("opened"),
    Kind.PRESENT: _use("was using, before the guard started,"),
    Kind.CAPTURING: _capturing,
    Kind.ENDED: _ended,
    Kind.PROBE: _use("looked at, and took no pictures with,"),
    Kind.FEEDING: _use("feeds, and takes no pictures from,"),
    Kind.FED: _use("no longer feeds"),
    Kind.JUDGED: _judged,
    Kind.ALERT: _alert,
    Kind.DECIDED: _decided,
    Kind.RULE_ADDED: _rule("made"),
    Kind.RULE_REMOVED: _rule("taken away"),
    Kind.PRESERVED: lambda told: f"What {who(told)} had was written down before it is ended.",
    Kind.KEPT: _kept,
    Kind.ACTION_PENDING: _pending,
    Kind.ACTION_COMPLETED: _completed,
    Kind.ACTION_UNFINISHED: _unfinished,
    Kind.POWER_SAID: _power,
    Kind.PASS_ENDING: lambda told: f"{camera(told)} is in use, and goes off in {extra(told, 'left_s')} s.",
    Kind.PASS_ENDED: lambda told: f"The time for which {camera(told)} was on is over.",
    Kind.CALL_REFUSED: _refused,
    Kind.CONFIG_KEPT: lambda told: f"The configuration cannot be used, and the one before stays{_because(told)}.",
    Kind.CONFIG_READ: lambda told: f"The configuration was read from {extra(told, 'file') or 'no file'}.",
    Kind.GATE_CLOSED: lambda told: f"The kernel refuses opens of the cameras: {extra(told, 'mode')}.",
    Kind.GATE_OPEN: lambda told: f"The kernel lets every program open the cameras{_because(told)}.",
    Kind.OPEN_REFUSED: lambda told: f"The kernel refused {who(told)} {camera(told)}.",
    Kind.JOURNAL_SET_ASIDE: lambda _: "The activation log was damaged; it was set aside, and a new one begun.",
    Kind.JOURNAL_INTERRUPTED: lambda _: "The activation log could not be written for a time.",
    Kind.JOURNAL_CHECKED: lambda told: f"The activation log is as it was written, up to entry {extra(told, 'seq')}.",
    Kind.JOURNAL_BROKEN: _broken,
    Kind.JOURNAL_CUT: lambda told: f"The activation log's entries up to {extra(told, 'last_seq')} are old and are cut.",
}
