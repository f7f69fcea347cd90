"""The use that a person decided about: as a guard follows it still, or as the log tells of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from camguard.core.casebook import Case
from camguard.core.circumstance import Circumstance
from camguard.core.decisions import Decision
from camguard.core.events import Kind, Report
from camguard.core.model import Activation, App, Camera, Effect, Moment, Outcome, Process, Rule, Verdict
from camguard.core.power import Power
from camguard.core.reasons import ReasonCode
from camguard.core.records import Record, describe
from camguard.errors import Refused
from camguard.journal.fold import ActivationRecord
from camguard.journal.recall import recall
from camguard.wording import ITS_OWN_WORD


@dataclass(frozen=True, slots=True)
class Subject:
    """A use; `targets` are the processes of one that goes on."""

    activation: Activation
    camera: Camera | None
    app: App | None
    verdict: Verdict | None
    targets: frozenset[Process] = frozenset()

    @classmethod
    def of_case(cls, case: Case) -> Subject:
        """The use of a case."""
        app = None if case.identity is None else case.identity.app
        # Whoever has closed the camera meanwhile, and may open it again at once, is not ended for it.
        targets = case.targets if case.activation.held_since is not None else frozenset[Process]()
        return cls(case.activation, case.camera, app, case.verdict, targets)

    @classmethod
    def of_log(cls, record: ActivationRecord) -> Subject:
        """The use of a record."""
        told = recall(record)
        return cls(told.activation, told.camera, told.app, told.verdict)

    def decided(self, decision: Decision, by: str, at: Moment) -> Report:
        """The entry that says what was decided, and on whose word."""
        return Report(
            Kind.DECIDED,
            at,
            camera=self.camera,
            activation=self.activation,
            app=self.app,
            verdict=self.verdict,
            extra={"decision": decision.value, "by": by},
        )

    def rule(self, rules: Iterable[Rule]) -> Rule:
        """The rule that expects this app from now on. Raises Refused where it is not known or proven which it is.

        Where one of `rules` allowed it but for the circumstances, the new one allows it in these too.
        """
        if self.app is None or not self.app.known:
            raise Refused("it could not be told which app this is, so there is nothing to make a rule of")
        if not self.app.allowable:
            raise Refused(ITS_OWN_WORD)
        return Rule(id="", effect=Effect.ALLOW, app=self.app.identity, app_name=self.app.name, even=self._even(rules))

    def _even(self, rules: Iterable[Rule]) -> frozenset[Circumstance]:
        reasons = () if self.verdict is None else self.verdict.reasons
        otherwise = {reason.rule for reason in reasons if reason.code is ReasonCode.OTHERWISE}
        if not otherwise:
            return frozenset()
        before = [rule.even for rule in rules if rule.id in otherwise and rule.app is not None]
        return frozenset(reason.code for reason in reasons if isinstance(reason.code, Circumstance)).union(*before)


def outcome_record(outcome: Outcome) -> Record:
    """An outcome by itself, in the shape that it has in the log."""
    told = describe(Report(Kind.ACTION_COMPLETED, Moment(0, 0, 0, ""), outcome=outcome))["outcome"]
    return told if isinstance(told, dict) else {}


def switched_off(told: Any) -> dict[str, Any]:
    """Of what switching came to, what an answer tells: how the camera is, and why where that is not off."""
    power = next((view["power"] for view in told["cameras"]), None)
    why = next((each["outcome"]["why"] for each in told["results"]), None)
    return {"power": power, "not_off": None if power == Power.OFF else why or "It is not known why."}
