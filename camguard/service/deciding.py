"""What a person answers to an alert, carried out: logged, then the use ended, the camera off, a rule made."""

from __future__ import annotations

from typing import Any, Protocol

from camguard.core.authority import Caller, Deed, may
from camguard.core.casebook import Case
from camguard.core.decisions import ENDS, Decision
from camguard.core.model import Camera, Outcome, Process, Result, Rule
from camguard.core.power import Power
from camguard.core.records import Record
from camguard.errors import CamguardError, NothingMatched, Refused
from camguard.guard import Guard
from camguard.ipc import calls
from camguard.journal.fold import ActivationRecord
from camguard.subject import Subject, outcome_record, switched_off


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


async def decide(means: Means, caller: Caller, call: calls.Decide) -> dict[str, Any]:
    """Carry out what was decided.

    ``outcome`` is what became of ending it, ``power`` how the camera is then, ``rule`` the new one. ``not_off`` says
    why the camera was not switched off where that was asked for. Raises NothingMatched where there is no such use,
    Refused where the caller may not decide about it.
    """
    subject = await _subject(means, call.activation)
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
        told["rule"] = (await means.make_rule(caller, subject.rule(means.guard.rules)))["rule"]
    now = means.guard.platform.clock.now()
    await means.guard.record(subject.decided(call.decision, means.by(caller), now))
    if call.decision in ENDS:
        told["outcome"] = await _end(means, caller, subject)
    if call.decision is Decision.OFF:
        told |= await _off(means, caller, subject.camera)
    return told


async def _subject(means: Means, number: int) -> Subject:
    case = means.case(number)
    if case is not None:
        return Subject.of_case(case)
    record = await means.logged(number)
    if record is None:
        raise NothingMatched("there is no such use in the log; `camguard alerts list` shows those to be answered")
    return Subject.of_log(record)


async def _end(means: Means, caller: Caller, subject: Subject) -> Record:
    own = {process for process in subject.targets if may(caller, Deed.END_USE, process.uid)}
    if not own:
        return outcome_record(Outcome(Result.GONE, why="It holds the camera no longer."))
    outcome: Record = (await means.end_case(caller, subject.activation.number, own))["outcome"]
    return outcome


async def _off(means: Means, caller: Caller, camera: Camera | None) -> dict[str, Any]:
    if camera is None:
        return {"not_off": "It is not known which camera it was."}
    try:
        return switched_off(await means.switch(caller, calls.Switch(power=Power.OFF, camera=camera.id)))
    except CamguardError as error:
        return {"not_off": str(error)}
