"""Answering an alert by hand, where no guard can be asked: logged, then done as the command line does it."""

from __future__ import annotations

from typing import Any

from camguard.access.handswitch import switch_by_hand
from camguard.compose import history, may_switch, platform, write_journal
from camguard.config import Config
from camguard.core.decisions import ENDS, Decision
from camguard.core.events import Kind, Report
from camguard.core.model import Camera, Effect, Outcome, Result, Rule
from camguard.core.power import Power
from camguard.core.records import Record, describe
from camguard.errors import CamguardError, NothingMatched, Refused
from camguard.journal.recall import Recalled, recall
from camguard.ports import Clock

_NO_SWITCH = "Only root, or the service for you, can switch a camera off: sudo camguard service install"


def recalled(config: Config, number: int) -> Recalled:
    """The use of that number. Raises NothingMatched where the log has none."""
    with history(config) as past:
        record = past.activation(number)
    if record is None:
        raise NothingMatched(
            f"there is no activation a{number} in the log; `camguard alerts list` shows those there are"
        )
    return recall(record)


def rule_for(told: Recalled) -> Rule:
    """The rule that expects the app of a use from now on. Raises Refused where it is not known which that is."""
    if told.app is None:
        raise Refused("it could not be told which app this is, so there is nothing to make a rule of")
    return Rule(id="", effect=Effect.ALLOW, app=told.app.identity, app_name=told.app.name)


def log_decision(config: Config, told: Recalled, decision: Decision, by: str) -> None:
    """Write down what was decided. Raises JournalError where that cannot be done."""
    clock: Clock = platform(config).clock
    with write_journal(config, clock) as journal:
        report = Report(
            Kind.DECIDED,
            clock.now(),
            camera=told.camera,
            activation=told.activation,
            app=told.app,
            verdict=told.verdict,
            extra={"decision": decision.value, "by": by},
        )
        journal.append([report])


def answer_of(told: Recalled, decision: Decision, outcome: Outcome | None) -> dict[str, Any]:
    """What is answered to whoever decided, before a camera was switched; see `camguard.service.deciding.decide`."""
    ended = outcome
    if decision in ENDS and outcome is None:
        ended = Outcome(Result.GONE, why="It holds the camera no longer.")
    described: Record | None = None
    if ended is not None:
        record = describe(Report(Kind.ACTION_COMPLETED, told.activation.opened_at, outcome=ended))["outcome"]
        described = record if isinstance(record, dict) else None
    return {
        "activation": told.activation.id,
        "decision": decision.value,
        "outcome": described,
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
        switched: Any = switch_by_hand(config, Power.OFF, camera.id, None, by, whole=False)
    except CamguardError as error:
        return {"not_off": str(error)}
    power = next((view["power"] for view in switched["cameras"]), None)
    why = next((each["outcome"]["why"] for each in switched["results"]), None)
    return {"power": power, "not_off": None if power == Power.OFF else why or "It is not known why."}
