"""What people are told of one use in the log, at a terminal and on the page alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camguard.core.model import Judgement, Result, State
from camguard.wording import spoken

if TYPE_CHECKING:
    from camguard.journal.fold import ActivationRecord

LOOKED_ONLY = "looked only"
NOT_JUDGED = "not judged"
FED = "fed it"
FEEDS = "feeds it"


def app_of(record: ActivationRecord) -> str:
    """The app's name, as it calls itself; or that it is not known."""
    return record.app_name or "an unknown process"


def lasted(record: ActivationRecord) -> str:
    """How long a use lasted, from the first open to the last close; or that it is not over, or not known."""
    if record.duration_ms is not None:
        return spoken(record.duration_ms * 1_000_000)
    if record.interrupted or record.over:
        return "not known"
    return "still on"


def judged(record: ActivationRecord) -> str:
    """What the rules made of a use: ``expected``, ``unexpected``, ``blocked``; or why there is no verdict.

    Who gave a virtual camera its pictures did not use it, and has none either unless it was blocked.
    """
    if is_feeding(record) and record.verdict != Judgement.BLOCKED:
        return FEEDS if not record.over and not record.interrupted else FED
    if record.state == State.PROBE:
        return f"{LOOKED_ONLY}, blocked" if record.verdict == Judgement.BLOCKED else LOOKED_ONLY
    return record.verdict or NOT_JUDGED


def is_feeding(record: ActivationRecord) -> bool:
    """Whether it is of a program that gives, or gave, a virtual camera its pictures, and takes none."""
    return record.state in {State.FEEDING, State.FED}


def was_ended(record: ActivationRecord) -> bool:
    """Whether somebody, or a rule, had the use ended, and it did end."""
    done = [action.outcome for action in record.actions if action.outcome is not None]
    stopped = record.state != State.PROBE or record.verdict == Judgement.BLOCKED
    return stopped and any(outcome.get("result") == Result.ENDED for outcome in done)
