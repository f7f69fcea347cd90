"""Who may answer an alert, and in which order what the answer asks for is done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.authority import Caller
from camguard.core.casebook import Case, Identity
from camguard.core.confidence import Confidence
from camguard.core.decisions import ENDS, Decision
from camguard.core.details import Details
from camguard.core.events import Kind, Report
from camguard.core.model import UNKNOWN_APP, App, AppIdentity, AppKind, Outcome, Process, Result, Rule
from camguard.core.power import Power
from camguard.core.records import Record, describe, of_rule
from camguard.errors import CamguardError, NothingMatched, Refused, SwitchError
from camguard.guard import Guard
from camguard.ipc import calls
from camguard.journal.fold import ActivationRecord
from camguard.service.deciding import decide
from tests.support.journal_data import CAMERA, FIREFOX, FixedClock, life, moment, verdict

OWNER = Caller(1000, 10)
STRANGER = Caller(1001, 20)
ROOT = Caller(0, 30, admin=True)


def case(*, app: App | None = FIREFOX, uid: int | None = 1000) -> Case:
    activation = life(7, 0)[2].activation
    assert activation is not None
    who = replace(activation.process, uid=uid)
    identity = None if app is None else Identity(app, Details(user="anna"))
    held = replace(activation, process=who, holders=frozenset({who}), held_since=moment(0))
    return Case(held, CAMERA, identity=identity, verdict=verdict(), alerted=True)


@dataclass
class Desk:
    """Means that write down what is asked of them, in order."""

    going_on: Case | None = field(default_factory=case)
    in_log: ActivationRecord | None = None
    rule_fails: CamguardError | None = None
    switch_fails: CamguardError | None = None
    power: Power = Power.OFF
    done: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    rules: tuple[Rule, ...] = ()

    @property
    def guard(self) -> Guard:
        return cast("Guard", self)

    @property
    def platform(self) -> Any:
        return self

    @property
    def clock(self) -> FixedClock:
        return FixedClock()

    async def record(self, report: Report) -> Report:
        self.done.append(report.kind.value)
        self.reports.append(report)
        return report

    def case(self, number: int) -> Case | None:
        return self.going_on if number == 7 else None

    async def logged(self, number: int) -> ActivationRecord | None:
        return self.in_log

    def by(self, caller: Caller) -> str:
        return f"user {caller.uid}"

    async def end_case(self, caller: Caller, number: int, processes: set[Process]) -> dict[str, Any]:
        assert processes
        self.done.append("end")
        return {"uses": [], "outcome": self.outcome(Outcome(Result.ENDED))}

    async def switch(self, caller: Caller, call: calls.Switch) -> dict[str, Any]:
        assert (call.power, call.camera) == (Power.OFF, CAMERA.id)
        self.done.append("switch")
        if self.switch_fails is not None:
            raise self.switch_fails
        outcome = self.outcome(Outcome(Result.FAILED, why="A driver holds it."))
        return {"cameras": [{"power": self.power.value}], "results": [{"outcome": outcome}]}

    async def make_rule(self, caller: Caller, rule: Rule) -> dict[str, Any]:
        if self.rule_fails is not None:
            raise self.rule_fails
        self.done.append("rule")
        return {"rule": of_rule(rule)}

    def outcome(self, outcome: Outcome) -> Record:
        told = describe(Report(Kind.ACTION_COMPLETED, moment(0), outcome=outcome))["outcome"]
        assert isinstance(told, dict)
        return told

    def ask(self, decision: Decision, caller: Caller = OWNER, number: int = 7) -> dict[str, Any]:
        return asyncio.run(decide(self, caller, calls.Decide(activation=number, decision=decision)))


@pytest.mark.parametrize(
    ("decision", "done"),
    [
        (Decision.OFF, ["decided", "end", "switch"]),
        (Decision.END, ["decided", "end"]),
        (Decision.KEEP, ["decided"]),
        (Decision.ALLOW, ["rule", "decided"]),
        (Decision.SEEN, ["decided"]),
    ],
)
def test_what_is_decided_is_in_the_log_before_it_is_done(decision: Decision, done: list[str]) -> None:
    desk = Desk()
    told = desk.ask(decision)
    assert desk.done == done
    assert told["activation"] == "a7"
    assert told["decision"] == decision
    assert (told["outcome"] is not None) == (decision in ENDS)
    assert (told["rule"] is not None) == (decision is Decision.ALLOW)
    assert told["power"] == ("off" if decision is Decision.OFF else None)
    [report] = desk.reports
    assert report.extra == {"decision": decision.value, "by": "user 1000"}
    assert (report.camera, report.app, report.verdict) == (CAMERA, FIREFOX, verdict())


def test_a_program_that_has_closed_the_camera_meanwhile_is_not_ended() -> None:
    released = case()
    desk = Desk(replace(released, activation=replace(released.activation, held_since=None, holders=frozenset())))
    told = desk.ask(Decision.OFF)
    assert desk.done == ["decided", "switch"]
    assert told["outcome"]["result"] == "already gone"


@pytest.mark.parametrize("decision", Decision)
def test_whom_it_does_not_concern_decides_nothing(decision: Decision) -> None:
    desk = Desk()
    with pytest.raises(Refused, match="only the user whose use it is"):
        desk.ask(decision, STRANGER)
    assert not desk.done
    desk.ask(decision, ROOT)
    assert desk.done


@pytest.mark.parametrize("decision", Decision)
def test_of_nobodys_in_particular_only_administrators_decide(decision: Decision) -> None:
    desk = Desk(case(uid=None))
    with pytest.raises(Refused):
        desk.ask(decision, OWNER)
    assert not desk.done


@given(st.integers(min_value=8), st.sampled_from(Decision))
def test_about_what_there_is_not_nothing_is_decided(number: int, decision: Decision) -> None:
    desk = Desk()
    with pytest.raises(NothingMatched, match="camguard alerts list"):
        desk.ask(decision, ROOT, number)
    assert not desk.done


@pytest.mark.parametrize("app", [None, App(UNKNOWN_APP, "python3")])
def test_an_app_that_is_not_known_cannot_be_allowed_and_nothing_was_decided(app: App | None) -> None:
    desk = Desk(case(app=app))
    with pytest.raises(Refused, match="could not be told which app"):
        desk.ask(Decision.ALLOW)
    assert not desk.done


def test_an_app_on_its_own_word_cannot_be_allowed_either() -> None:
    identity = AppIdentity(AppKind.FLATPAK, "org.gnome.Cheese")
    desk = Desk(case(app=App(identity, "Cheese", confidence=Confidence.SELF_DECLARED)))
    with pytest.raises(Refused, match="only the program itself says"):
        desk.ask(Decision.ALLOW)
    assert not desk.done


def test_where_no_rule_may_be_made_nothing_was_decided() -> None:
    desk = Desk(rule_fails=Refused("here only root may make rules"))
    with pytest.raises(Refused, match="here only root"):
        desk.ask(Decision.ALLOW)
    assert not desk.done


def test_the_rule_is_about_the_app_and_no_more() -> None:
    rule = Desk().ask(Decision.ALLOW)["rule"]
    assert rule["effect"] == "allow"
    assert rule["lasting"] == "always"
    assert rule["app"]["id"] == FIREFOX.identity.id
    assert rule["app"]["sha256"] == FIREFOX.identity.sha256
    assert not {"camera", "user", "hours", "turns_on"} & rule.keys()


@pytest.mark.parametrize("error", [Refused("only root may switch"), SwitchError("a driver holds it")])
def test_a_switch_that_is_refused_leaves_the_use_ended_and_says_why(error: CamguardError) -> None:
    desk = Desk(switch_fails=error)
    told = desk.ask(Decision.OFF)
    assert told["outcome"]["result"] == "ended"
    assert (told["power"], told["not_off"]) == (None, str(error))


def test_a_camera_that_is_still_on_afterwards_is_not_called_off() -> None:
    told = Desk(power=Power.ON).ask(Decision.OFF)
    assert (told["power"], told["not_off"]) == ("on", "A driver holds it.")


def test_the_words_are_those_that_programs_know() -> None:
    assert [decision.value for decision in Decision] == ["off", "end", "keep", "allow", "seen"]
