"""Answering an alert by hand, where no guard can be asked: logged, then done as the command line does it."""

from __future__ import annotations

from typing import Any

from camguard.access.handswitch import switch_by_hand
from camguard.compose import history, may_switch, platform, write_journal
from camguard.config import Config
from camguard.core.decisions import ENDS, Decision
from camguard.core.model import Camera, Outcome, Result
from camguard.core.power import Power
from camguard.errors import CamguardError, NothingMatched
from camguard.subject import Subject, outcome_record, switched_off

_NO_SWITCH = "Only root, or the service for you, can switch a camera off: sudo camguard service install"


def logged_subject(config: Config, number: int) -> Subject:
    """The use of that number. Raises NothingMatched where the log has none."""
    with history(config) as past:
        record = past.activation(number)
    if record is None:
        raise NothingMatched(f"there is no activation a{number} in the log; `camguard alerts list` shows the alerts")
    return Subject.of_log(record)


def log_decision(config: Config, subject: Subject, decision: Decision, by: str) -> None:
    """Write down what was decided. Raises JournalError where that cannot be done."""
    clock = platform(config).clock
    with write_journal(config, clock) as journal:
        journal.append([subject.decided(decision, by, clock.now())])


def answer_of(subject: Subject, decision: Decision, outcome: Outcome | None) -> dict[str, Any]:
    """What is answered to whoever decided, before a camera was switched; see `camguard.service.deciding.decide`."""
    if decision in ENDS and outcome is None:
        outcome = Outcome(Result.GONE, why="It holds the camera no longer.")
    return {
        "activation": subject.activation.id,
        "decision": decision.value,
        "outcome": None if outcome is None else outcome_record(outcome),
        "power": None,
        "not_off": None,
        "rule": None,
    }


def off_by_hand(config: Config, camera: Camera | None, by: str) -> dict[str, Any]:
    """Switch the camera off where this user can; ``power`` and, where it is not off, ``not_off`` with the reason."""
    if camera is None:
        return {"not_off": "It is not known which camera it was."}
    if not may_switch(config):
        return {"not_off": _NO_SWITCH}
    try:
        return switched_off(switch_by_hand(config, Power.OFF, camera.id, None, by, whole=False))
    except CamguardError as error:
        return {"not_off": str(error)}
