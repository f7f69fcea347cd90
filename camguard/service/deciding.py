"""What a person answers to an alert, carried out: logged, then the use ended, the camera off, a rule made."""

from __future__ import annotations

from typing import Any, Protocol

from camguard.core.authority import Caller, Deed, may
from camguard.core.casebook import Case
from camguard.core.decisions import ENDS, Decision
from camguard.core.events import Kind, Report
from camguard.core.model import Activation, App, Camera, Effect, Outcome, Process, Result, Rule, Verdict
from camguard.core.power import Power
from camguard.core.records import Record
from camguard.errors import CamguardError, NothingMatched, Refused
from camguard.guard import Guard
from camguard.ipc import calls
from camguard.journal.fold import ActivationRecord
from camguard.journal.recall import recall


class Means(Protocol):
    """What deciding needs of whoever answers calls."""

    @property
    def guard(self) -> Guard:
        """The guard in force."""

    def case(self, number: int) -> Case | None:
        """A use that goes on."""

    async def logged(self, number: int) -> ActivationRecord | None:
        """An activation of the log."""

    def by(self, caller: Caller) -> str:
        """On whose word something is done."""

    async def end_case(self, caller: Caller, number: int, processes: set[Process]) -> dict[str, Any]:
        """End processes of a use; ``uses`` and the checked ``outcome``."""

    async def switch(self, caller: Caller, call: calls.Switch) -> dict[str, Any]:
        """Switch a camera. Raises Refused where the caller may not."""

    async def make_rule(self, caller: Caller, rule: Rule) -> dict[str, Any]:
        """Store a rule. Raises Refused where the caller may not."""

    def outcome(self, outcome: Outcome) -> Record:
        """An outcome as clients are told it."""


class Subject:
    """The use that was decided about: as the guard follows it still, or as the log tells of it."""

    def __init__(self, case: Case | None, record: ActivationRecord | None) -> None:
        """Raises NothingMatched where there is neither."""
        self.activation: Activation
        self.camera: Camera | None
        self.app: App | None
        self.verdict: Verdict | None
        if case is not None:
            self.activation, self.camera, self.verdict = case.activation, case.camera, case.verdict
            self.app = None if case.identity is None else case.identity.app
            # Whoever has closed the camera meanwhile, and may open it again at once, is not ended for it.
            self.targets = case.targets if case.activation.held_since is not None else frozenset()
        elif record is not None:
            told = recall(record)
            self.activation, self.camera, self.app, self.verdict = told.activation, told.camera, told.app, told.verdict
            self.targets = frozenset()
        else:
            raise NothingMatched("there is no such use in the log; `camguard alerts list` shows those to be answered")

    def report(self, decision: Decision, by: str, guard: Guard) -> Report:
        """The entry that says what was decided, and on whose word."""
        return Report(
            Kind.DECIDED,
            guard.platform.clock.now(),
            camera=self.camera,
            activation=self.activation,
            app=self.app,
            verdict=self.verdict,
            extra={"decision": decision.value, "by": by},
        )

    def rule(self) -> Rule:
        """The rule that expects this app from now on. Raises Refused where it is not known which app it is."""
        if self.app is None or not self.app.known:
            raise Refused("it could not be told which app this is, so there is nothing to make a rule of")
        return Rule(id="", effect=Effect.ALLOW, app=self.app.identity, app_name=self.app.name)


async def decide(means: Means, caller: Caller, call: calls.Decide) -> dict[str, Any]:
    """Carry out what was decided.

    ``outcome`` is what became of ending it, ``power`` how the camera is then, ``rule`` the new one. ``not_off`` says
    why the camera was not switched off where that was asked for. Raises NothingMatched where there is no such use,
    Refused where the caller may not decide about it.
    """
    case = means.case(call.activation)
    subject = Subject(case, None if case is not None else await means.logged(call.activation))
    if not may(caller, Deed.DECIDE, subject.activation.process.uid):
        raise Refused("only the user whose use it is, root and the group camguard may answer this alert")
    told: dict[str, Any] = {
        "activation": subject.activation.id,
        "decision": call.decision.value,
        "outcome": None,
        "power": None,
        "not_off": None,
        "rule": None,
    }
    if call.decision is Decision.ALLOW:  # where no rule may be made, nothing was decided
        told["rule"] = (await means.make_rule(caller, subject.rule()))["rule"]
    await means.guard.record(subject.report(call.decision, means.by(caller), means.guard))
    if call.decision in ENDS:
        told["outcome"] = await _end(means, caller, subject)
    if call.decision is Decision.OFF:
        told |= await _off(means, caller, subject.camera)
    return told


async def _end(means: Means, caller: Caller, subject: Subject) -> Record:
    own = {process for process in subject.targets if may(caller, Deed.END_USE, process.uid)}
    if not own:
        return means.outcome(Outcome(Result.GONE, why="It holds the camera no longer."))
    outcome: Record = (await means.end_case(caller, subject.activation.number, own))["outcome"]
    return outcome


async def _off(means: Means, caller: Caller, camera: Camera | None) -> dict[str, Any]:
    if camera is None:
        return {"not_off": "It is not known which camera it was."}
    try:
        switched = await means.switch(caller, calls.Switch(power=Power.OFF, camera=camera.id))
    except CamguardError as error:
        return {"not_off": str(error)}
    power = next((view["power"] for view in switched["cameras"]), None)
    why = next((each["outcome"]["why"] for each in switched["results"]), None)
    return {"power": power, "not_off": None if power == Power.OFF else why or "It is not known why."}


def decided(case: Case, decision: Decision, by: str, guard: Guard) -> Report:
    """The entry for an answer that was given another way than to the alert, by ending the use for instance."""
    return Subject(case, None).report(decision, by, guard)
