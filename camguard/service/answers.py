"""What the service answers to each call: who may is looked up in `core.authority`, and nowhere else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from camguard import __version__
from camguard.config import Config, Rulers, Switchers
from camguard.core.authority import Caller, Deed, may, reduced, sees_whole
from camguard.core.casebook import Case
from camguard.core.context import supposed
from camguard.core.decisions import Decision
from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, Camera, CameraId, Moment, Outcome, Process, Result, Rule
from camguard.core.policy import Circumstances, judge
from camguard.core.power import Power
from camguard.core.records import SCHEMA, Record, describe, of_rule, safe
from camguard.core.switchboard import EVERY
from camguard.ending import Order, end_use
from camguard.errors import NothingMatched, Refused, UsageError
from camguard.guard import Guard
from camguard.ipc import calls
from camguard.journal.fold import ActivationRecord
from camguard.portalrule import PortalTeller
from camguard.rulebook import RuleBook
from camguard.service.deciding import decide
from camguard.service.people import People
from camguard.service.reading import Reading
from camguard.service.ruling import rule_of
from camguard.shipped import keep
from camguard.subject import Subject, outcome_record
from camguard.uses import activation_number, camera_meant
from camguard.views import camera_view, case_view, reference


@dataclass(frozen=True, slots=True)
class Means:
    """What the answers are made of. `config` is the configuration in force, `trouble` what is wrong with its file."""

    guard: Guard
    past: Reading
    people: People
    config: Config
    trouble: str | None = None


class Answers:
    """Answers calls; a `camguard.ipc.server.Handler` in all but the refusals."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self._portals = PortalTeller()
        self._by_call: dict[type, Callable[[Caller, Any], Awaitable[dict[str, Any]]]] = {
            calls.Status: self._status,
            calls.Info: self._info,
            calls.Uses: self._uses,
            calls.End: self._end,
            calls.Decide: partial(decide, self),
            calls.Switch: self.switch,
            calls.Rules: self._rules,
            calls.AddRule: self._add_rule,
            calls.RemoveRule: self._remove_rule,
            calls.Explain: self._explain,
            calls.Log: means.past.log,
            calls.Entries: means.past.entries,
            calls.WasOn: means.past.was_on,
            calls.Subscribe: self._subscribe,
        }

    async def answer(self, caller: Caller, call: calls.Call) -> dict[str, Any]:
        """The result of a call. Raises a CamguardError, Refused where the caller may not."""
        return await self._by_call[type(call)](caller, call)

    # How things stand

    async def _status(self, caller: Caller, _: calls.Status) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "method": self.guard.platform.method,
            "guard_pid": os.getpid(),
            "journal": safe(str(self.means.config.journal_path)),
            "locked": self.means.config.power.locked,
            "switches": self.guard.switching is not None,
            "trouble": self.means.trouble,
            "log_trouble": None if self.guard.upkeep is None else self.guard.upkeep.trouble,
            "blind": [{"what": safe(what), "why": safe(why)} for what, why in self.guard.blind.items()],
            "cameras": self._camera_views(),
            "uses": [self._seen_by(caller, case, process) for case, process in self._holdings()],
        }

    async def _info(self, _: Caller, __: calls.Info) -> dict[str, Any]:
        config = self.means.config
        return {
            "version": __version__,
            "pid": os.getpid(),
            "method": self.guard.platform.method,
            "config": None if config.source is None else safe(str(config.source)),
            "rules": safe(str(config.rules_path)),
            "journal": safe(str(config.journal_path)),
        }

    async def _subscribe(self, _: Caller, __: calls.Subscribe) -> dict[str, Any]:
        # What is missed before the first event comes after this entry, and not from the log's beginning.
        last = await self.means.past.last_seq()
        return {"method": self.guard.platform.method, "cameras": self._camera_views(), "last_seq": last}

    def _camera_views(self) -> list[Record]:
        switching, now = self.guard.switching, self._now()
        if switching is None:
            return [camera_view(camera, Power.ON) for camera in self.guard.cameras]
        board, off = switching.board, switching.board.off
        there = {camera.id: (camera, Power.ON) for camera in (*board.back.values(), *self.guard.cameras)}
        for held in off.values():
            there |= {camera.id: (camera, Power.OFF) for camera in held.plan.cameras}
        return [
            camera_view(camera, power, board.wanted(camera, self.guard.rules, now)) for camera, power in there.values()
        ]

    def _holdings(self) -> list[tuple[Case, Process]]:
        """Each process that holds a camera, with the use that it is a part of."""
        held = [case for case in self.guard.cases if case.activation.held_since is not None]
        return [(case, process) for case in held for process in sorted(case.targets, key=lambda process: process.age)]

    def _seen_by(self, caller: Caller, case: Case, process: Process) -> Record:
        began = case.activation.capturing_at or case.activation.opened_at
        lasted_ns = self._now().since(began)
        view = {**case_view(case, process), "for_s": None if lasted_ns is None else lasted_ns / NANOSECONDS}
        if sees_whole(caller, process.uid):
            return view
        less = reduced({"event": Kind.PRESENT.value, **view}) or {}
        return {**{key: value for key, value in less.items() if key != "event"}, "for_s": view["for_s"]}

    # Ending and switching

    async def _uses(self, caller: Caller, call: calls.Uses) -> dict[str, Any]:
        matching = self._matching(call.target)
        found = [
            (case, process)
            for case, process in matching
            if may(caller, Deed.SEE_USE, process.uid) and process.identity is not None
        ]
        if not found:
            # That there is a use of that number everybody is told; of which process and app it is, nobody.
            if matching and activation_number(call.target) is not None:
                raise Refused("only the user whose use it is, root and the group camguard may end it")
            raise NothingMatched(f'no use of a camera that you may end is called "{call.target}"')
        return {
            "uses": [
                {"ref": reference(case.camera, process.identity), **case_view(case, process)}
                for case, process in found
                if process.identity is not None
            ]
        }

    def _matching(self, target: str) -> list[tuple[Case, Process]]:
        number = activation_number(target)
        if number is not None:
            return [(case, process) for case, process in self._holdings() if case.activation.number == number]
        if target.isdecimal() and target.isascii():
            return [(case, process) for case, process in self._holdings() if process.pid == int(target)]
        return _named(self._holdings(), target)

    async def _end(self, caller: Caller, call: calls.End) -> dict[str, Any]:
        wanted: dict[int, set[Process]] = {}
        gone = []
        for ref in call.uses:
            found = self._referred(ref)
            if found is None:
                gone.append(ref)
                continue
            case, process = found
            self._permit(caller, Deed.END_USE, process)
            wanted.setdefault(case.activation.number, set()).add(process)
        for number in wanted:
            answered = self.case(number)
            if answered is not None and answered.alerted:
                decided = Subject.of_case(answered).decided(Decision.END, self.by(caller), self._now())
                await self.guard.record(decided)
        results = [await self.end_case(caller, number, processes) for number, processes in wanted.items()]
        if gone and not results:
            already = Outcome(Result.GONE, why="It holds the camera no longer.")
            results.append({"uses": [], "outcome": outcome_record(already)})
        return {"results": results}

    def _referred(self, ref: calls.UseRef) -> tuple[Case, Process] | None:
        for case, process in self._holdings():
            identity = process.identity
            if identity is not None and reference(case.camera, identity) == msgspec.to_builtins(ref):
                return case, process
        return None

    def _permit(self, caller: Caller, deed: Deed, process: Process) -> None:
        if not may(caller, deed, process.uid):
            whose = "another user" if process.uid is None else self.means.people.name(process.uid)
            raise Refused(f"this is a use by {whose}: only that user, root and the group camguard may end it")

    def case(self, number: int) -> Case | None:
        """A use that goes on, by the number of its activation."""
        return next((case for case in self.guard.cases if case.activation.number == number), None)

    async def logged(self, number: int) -> ActivationRecord | None:
        """An activation of the log."""
        return await self.means.past.activation(number)

    async def end_case(self, caller: Caller, number: int, processes: set[Process]) -> dict[str, Any]:
        """End processes of a use that the caller may end; ``uses`` and the checked ``outcome``."""
        case = self.case(number)
        if case is None:
            return {"uses": [], "outcome": outcome_record(Outcome(Result.GONE, why="It ended meanwhile."))}
        identity = case.identity
        order = Order(
            case.camera,
            frozenset(processes),
            by=self.by(caller),
            activation=case.activation,
            app=None if identity is None else identity.app,
            details=None if identity is None else identity.details,
            verdict=case.verdict,
        )
        outcome = await end_use(self.guard.platform, self.guard.record, order, lambda _: None)
        views = [case_view(case, process) for process in sorted(processes, key=lambda process: process.age)]
        return {"uses": views, "outcome": outcome_record(outcome)}

    async def switch(self, caller: Caller, call: calls.Switch) -> dict[str, Any]:
        """Switch a camera, or all. Raises Refused where the caller may not, or this guard cannot."""
        caller = self.means.people.caller(caller.uid, caller.pid, caller.groups)  # who sits there changes
        configured = self._configured()
        if not may(caller, Deed.SWITCH, configured=configured):
            seat = "whoever sits at this machine, " if Deed.SWITCH in configured else ""
            raise Refused(f"only {seat}root and the group camguard may switch cameras")
        if self.guard.switching is None:
            raise Refused("this guard does not run as root and cannot switch cameras")
        if call.power is Power.OFF and call.for_s is not None:
            raise UsageError("a camera is switched off until somebody turns it on; a time is for turning it on")
        camera = EVERY if call.camera is None else self._camera_named(call.camera).id
        for_ns = None if call.for_s is None else round(call.for_s * 1e9)
        done = await self.guard.switch(call.power, camera, for_ns, self.by(caller), whole=call.whole)
        return {
            "power": call.power.value,
            "results": [
                {"camera": camera_view(each.camera, each.power), "outcome": outcome_record(each.outcome)}
                for each in done
            ],
            "cameras": [view for view in self._camera_views() if camera in {EVERY, view["id"]}],
        }

    def _camera_named(self, name: str) -> Camera:
        """The camera, on or off, that a person means. Raises as `camera_meant` does."""
        known = {camera.id: camera for camera in self.guard.cameras}
        if self.guard.switching is not None:
            board = self.guard.switching.board
            known = {**board.back, **known}
            known |= {camera.id: camera for held in board.off.values() for camera in held.plan.cameras}
        return camera_meant(name, tuple(known.values()))

    # Rules

    async def _rules(self, caller: Caller, _: calls.Rules) -> dict[str, Any]:
        rules = [rule for rule in self.guard.rules if self._sees(caller, rule)]
        return {"file": safe(str(self.means.config.rules_path)), "rules": [of_rule(rule) for rule in rules]}

    async def _add_rule(self, caller: Caller, call: calls.AddRule) -> dict[str, Any]:
        return await self.make_rule(caller, rule_of(call.rule))

    async def make_rule(self, caller: Caller, rule: Rule) -> dict[str, Any]:
        """Store a rule, for the caller alone unless that is an administrator. Raises Refused where he may not."""
        if not may(caller, Deed.CHANGE_COMMON_RULES):
            name = self.means.people.name(caller.uid)
            self._permit_own_rules(caller)
            if rule.user not in {None, name, str(caller.uid)}:
                raise Refused("you may make rules for yourself; for others root and the group camguard may")
            if rule.turns_on:
                raise Refused("only root and the group camguard may make a rule that turns a camera on")
            rule = replace(rule, user=name, by=name)
        stored, replaced = await asyncio.to_thread(RuleBook(self.means.config.rules_path).add, rule)
        await self._record(Kind.RULE_ADDED, {**of_rule(stored), "on_word_of": self.by(caller)})
        portal = await self._tell_portal(stored, replaced)
        return {
            "file": safe(str(self.means.config.rules_path)),
            "rule": of_rule(stored),
            "replaced": None if replaced is None else of_rule(replaced),
            "portal": portal,
        }

    async def _tell_portal(self, now: Rule | None, before: Rule | None) -> str | None:
        rule = now or before
        uid = None if rule is None or rule.user is None else self.means.people.uid(rule.user)
        return await self._portals.tell(self.guard.platform.portal, uid, now, before)

    async def _remove_rule(self, caller: Caller, call: calls.RemoveRule) -> dict[str, Any]:
        rule = next((rule for rule in self.guard.rules if rule.id == call.rule), None)
        if rule is None or not self._sees(caller, rule):
            raise NothingMatched(f'there is no rule "{call.rule}"; `camguard rules list` shows those there are')
        keep(rule.id, self.guard.rules)
        own = rule.by is not None and rule.by == self.means.people.name(caller.uid)
        if own:
            self._permit_own_rules(caller)
        elif not may(caller, Deed.CHANGE_COMMON_RULES):
            raise Refused(f"rule {rule.id} was not made by you; root and the group camguard may remove it")
        removed = await asyncio.to_thread(RuleBook(self.means.config.rules_path).remove, call.rule)
        if removed is None:
            raise NothingMatched(f'there is no rule "{call.rule}" any more')
        await self._record(Kind.RULE_REMOVED, {**of_rule(removed), "on_word_of": self.by(caller)})
        portal = await self._tell_portal(None, removed)
        return {"file": safe(str(self.means.config.rules_path)), "rule": of_rule(removed), "portal": portal}

    def _permit_own_rules(self, caller: Caller) -> None:
        if not may(caller, Deed.CHANGE_RULES, caller.uid, self._configured()):
            raise Refused("here only root and the group camguard may make and remove rules")

    def _sees(self, caller: Caller, rule: Rule) -> bool:
        if rule.user is None or rule.shipped:
            return may(caller, Deed.SEE_COMMON_RULES)
        return may(caller, Deed.SEE_RULES, self.means.people.uid(rule.user))

    async def _explain(self, caller: Caller, call: calls.Explain) -> dict[str, Any]:
        user = call.user
        if user is None and not caller.admin:
            user = self.means.people.name(caller.uid)
        concerned = None if user is None else self.means.people.uid(user)
        if not may(caller, Deed.EXPLAIN, concerned):
            raise Refused("you may ask about your own uses; about others' root and the group camguard may")
        app = call.app.app
        times, last = await self.means.past.times_seen(caller, app)
        at = self._now()
        if call.at_utc_ns is not None:
            at = replace(at, utc_ns=call.at_utc_ns)
        case = Circumstances(
            app=app,
            camera=self._any_camera() if call.camera is None else self._camera_named(call.camera),
            at=at,
            user=user,
            uid=concerned,
            times_seen=times,
            last_seen_utc_ns=last,
            against=supposed(call.held, self.means.config.context),
        )
        verdict = judge(case, self.guard.rules)
        told = describe(Report(Kind.JUDGED, at, verdict=verdict))
        return {"verdict": told["verdict"], "rule": verdict.rule, "reasons": told["reasons"]}

    def _any_camera(self) -> Camera:
        return next(iter(self.guard.cameras), Camera(CameraId("any"), "any camera", ()))

    # What all of them need

    def _configured(self) -> frozenset[Deed]:
        """What the configuration allows the user concerned."""
        config = self.means.config
        allowed = {Deed.SWITCH: config.switchers is Switchers.SEAT, Deed.CHANGE_RULES: config.rulers is Rulers.USERS}
        return frozenset(deed for deed, yes in allowed.items() if yes)

    @property
    def guard(self) -> Guard:
        """The guard in force."""
        return self.means.guard

    def _now(self) -> Moment:
        return self.guard.platform.clock.now()

    def by(self, caller: Caller) -> str:
        """On whose word something is done, as the log says it."""
        return f"user {self.means.people.name(caller.uid)}"

    async def _record(self, kind: Kind, extra: Record) -> None:
        await self.guard.record(Report(kind, self._now(), extra=dict(extra)))


def _named(holdings: list[tuple[Case, Process]], name: str) -> list[tuple[Case, Process]]:
    wanted = name.casefold()
    named = [
        (case, process, (case.identity.app.name if case.identity else process.label).casefold())
        for case, process in holdings
    ]
    exact = [(case, process) for case, process, app in named if wanted in {app, process.name.casefold()}]
    return exact or [(case, process) for case, process, app in named if app.startswith(wanted)]
