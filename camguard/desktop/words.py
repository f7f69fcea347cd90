"""The sentences of the tray and of alerts. Names in them are hostile text: whoever shows them escapes for the place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from camguard.core.confidence import Confidence
from camguard.core.decisions import Decision
from camguard.core.model import AppKind, Judgement, Result, State
from camguard.wording import CUT, CUT_ONLY, visible

Told = Mapping[str, Any]

LONGEST_NAME = 60
"""Marks of a name that are shown; who chooses a longer one does not push the rest of the sentence out of sight."""

LONGEST_FACT = 300
"""The same of a path, and of all that is said about why."""

LABELS = {
    Decision.OFF: "Turn it off",
    Decision.END: "End it",
    Decision.KEEP: "Keep on this time",
    Decision.ALLOW: "Always allow",
    Decision.SEEN: "Seen",
}
"""What the buttons and menus call each answer."""

_MINUTE, _HOUR = 60, 3600


def name(text: str) -> str:
    """A name that somebody else chose: every mark of it visible, and not too long."""
    return _short(text, LONGEST_NAME)


def fact(text: str) -> str:
    """A path, or a sentence that may have names in it: every mark of it visible, and not too long."""
    return _short(text, LONGEST_FACT)


def camera_name(text: str) -> str:
    """What to call a camera, which may be nothing that can be read."""
    return name(text.strip()) or "a camera"


def who(told: Told) -> str:
    """The app of a use as a person knows it, or what else can be said of it."""
    app, process = told.get("app") or {}, told.get("process") or {}
    script = str(process.get("script") or "").rpartition("/")[2]
    unsaid = "Another user's program" if told.get("reduced") else "An unknown program"
    names = (str(each or "").strip() for each in (app.get("name"), script, process.get("name")))
    chosen = next((each for each in names if each), None)
    return unsaid if chosen is None else name(chosen)


def camera(told: Told) -> str:
    """The camera of a use."""
    return camera_name(str((told.get("camera") or {}).get("name") or ""))


def why(told: Told) -> str:
    """Why a use was judged as it was, in a clause; empty where that is not known to whoever reads."""
    return fact("; ".join(str(reason.get("sentence", "")) for reason in told.get("reasons") or ()))


def warning(told: Told) -> str:
    """What ending a use does besides, in a sentence; empty where it does nothing that a person would not expect."""
    return fact(str((told.get("process") or {}).get("warning") or ""))


def allowable(told: Told) -> bool:
    """Whether a rule can allow the app of a use: it is known, and not only by what it says of itself."""
    app = told.get("app") or {}
    return app.get("kind") != AppKind.UNKNOWN and Confidence(app.get("confidence", Confidence.KERNEL)).suffices


def known_by(told: Told) -> str:
    """Whose word it is that the app is this one."""
    match (told.get("app") or {}).get("confidence"):
        case Confidence.KERNEL:
            return "the file that runs"
        case Confidence.BROKER:
            return "the program that serves it"
        case Confidence.PORTAL:
            return "the desktop's portal"
        case Confidence.SELF_DECLARED:
            return "its own word only"
        case _:
            return ""


def screen(told: Told) -> str:
    """Whether the screen was locked when the use was looked into; empty where that is not known."""
    locked = (told.get("context") or {}).get("locked")
    return "" if locked is None else "locked" if locked else "not locked"


def lasting(seconds: float) -> str:
    """A duration as it is said in passing: ``less than a minute``, ``3 minutes``, ``1 hour 5 minutes``."""
    if seconds < _MINUTE:
        return "less than a minute"
    hours, minutes = divmod(int(seconds) // _MINUTE, 60)
    parts = [_count(hours, "hour")] if hours else []
    if minutes:
        parts.append(_count(minutes, "minute"))
    return " ".join(parts)


def clock(at: datetime, now: datetime) -> str:
    """A time of day, with the day where that is not today."""
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%H:%M} on {at:%A}" if 0 < (now.date() - at.date()).days < 7 else f"{at:%H:%M on %Y-%m-%d}"


def going_on(told: Told, seconds: float | None) -> str:
    """A use that goes on, in a sentence without its full stop."""
    since = "" if seconds is None else f" for {lasting(seconds)}"
    if told.get("feeds") or told.get("state") == State.FEEDING:
        return f"{who(told)} has been giving {camera(told)} its pictures{since}"
    return f"{who(told)} has been using {camera(told)}{since}"


def alert(told: Told, since: str) -> str:
    """Who, since when, and why it is unexpected, in one sentence."""
    if told.get("verdict") == Judgement.BLOCKED:
        return f"{who(told)} tried to use {camera(told)} at {since} and was stopped: {why(told)}."
    because = why(told)
    if told.get("reduced") and not because:
        because = "whose it is, and why, only that user and administrators may know"
    return f"{who(told)} has been using {camera(told)} since {since}" + (f": {because}." if because else ".")


def alert_title(told: Told) -> str:
    """The title of an alert: ours alone, whoever is behind it."""
    if told.get("verdict") == Judgement.BLOCKED:
        return "A blocked program wanted the camera"
    return "Your camera is in use"


def decided(answer: Told) -> str:
    """What came of an answer, checked afterwards; see `camguard.service.deciding.decide`."""
    match answer["decision"]:
        case Decision.KEEP:
            return "It may go on until it stops."
        case Decision.ALLOW:
            whose = "" if (answer.get("rule") or {}).get("user") else ", whichever user runs it"
            return f"From now on this app is expected{whose}."
        case Decision.SEEN:
            return "Seen."
        case _:
            return f"{_ended(answer.get('outcome') or {})}{_off(answer)}"


def _ended(outcome: Told) -> str:
    because = f" {fact(str(outcome['why']))}" if outcome.get("why") else ""
    match outcome.get("result"):
        case Result.ENDED:
            steps = outcome.get("steps") or ()
            cut = bool(steps) and all(step.get("what") == CUT for step in steps)
            return f"Ended. {CUT_ONLY}" if cut else "Ended."
        case Result.GONE:
            return "It had stopped already."
        case Result.REFUSED:
            return f"It was not ended.{because}"
        case _:
            return f"It could not be ended.{because}"


def _off(answer: Told) -> str:
    if answer["decision"] != Decision.OFF:
        return ""
    if answer.get("not_off"):
        return f" The camera is not switched off: {fact(str(answer['not_off']))}"
    return " The camera is off."


def _short(text: str, longest: int) -> str:
    """Both ends of a text, which tell the most of a name and of a path."""
    half = longest // 2
    shown = visible(text if len(text) <= 4 * longest else text[: 2 * longest] + text[-2 * longest :])
    return shown if len(shown) <= longest else f"{shown[: half - 1]}…{shown[-half:]}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
