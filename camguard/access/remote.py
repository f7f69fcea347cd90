"""What a command asks of the service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from camguard.access import CHANGES, Found
from camguard.core.circumstance import Circumstance
from camguard.core.coverage import KINDS, Sign, sign_of
from camguard.core.decisions import Decision
from camguard.core.model import (
    App,
    AppIdentity,
    AppKind,
    CameraKind,
    Effect,
    Hours,
    Judgement,
    Lasting,
    Moment,
    Outcome,
    Reason,
    Result,
    Rule,
    Step,
    Verdict,
)
from camguard.core.power import Power
from camguard.core.reasons import reason_code
from camguard.core.records import Record
from camguard.ipc import calls
from camguard.ipc.client import Client
from camguard.ipc.protocol import Event, Resync
from camguard.journal.filter import Filter, to_utc_ns
from camguard.journal.fold import ActivationRecord
from camguard.journal.known import Known
from camguard.ports import Tell
from camguard.ruletext import spell_app, spell_hours
from camguard.shapes import Shape

_USE, _RECORD, _KNOWN = Shape(calls.UseRef), Shape(ActivationRecord), Shape(Known)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SWITCH_S = 60.0
"""How long a switch may take before the service is called silent: a device has seconds, and there may be several."""
_RULE_S = 30.0
"""The same of a rule, of which a user's desktop may have to be told."""


class Remote:
    """An `Access` through the service."""

    def __init__(self, client: Client, answered_by: str = "service") -> None:
        """`answered_by` is ``tray`` where it is the guard that a tray runs for itself."""
        self.client = client
        self._heard = 0
        self.answered_by = answered_by
        guard = "service" if answered_by == "service" else "guard of the tray"
        self.source = f"The {guard} (camguard {client.version}) answers."

    def status(self) -> Record:
        """How things stand now, as the service follows it."""
        told: Record = self.client.call(calls.Status())
        return {**told, "answered_by": self.answered_by}

    def uses(self, target: str) -> tuple[Found, ...]:
        """See `Access.uses`."""
        told = self.client.call(calls.Uses(target=target))["uses"]
        return tuple(Found(view, _USE.of(view["ref"])) for view in told)

    def end(self, uses: tuple[Found, ...], tell: Tell) -> list[Record]:
        """See `Access.end`; the steps are told when all is over."""
        refs = tuple(found.handle for found in uses if isinstance(found.handle, calls.UseRef))
        results: list[Record] = self.client.call(calls.End(uses=refs), _SWITCH_S)["results"]
        for result in results:
            for step in _outcome(result).steps:
                tell(step)
        return results

    def decide(self, number: int, decision: Decision) -> Record:
        """See `Access.decide`."""
        return self.client.call(calls.Decide(activation=number, decision=decision), _SWITCH_S)

    def switch(self, power: Power, camera: str | None, for_s: float | None, *, whole: bool) -> Record:
        """See `Access.switch`."""
        return self.client.call(calls.Switch(power=power, camera=camera, for_s=for_s, whole=whole), _SWITCH_S)

    def rules(self) -> tuple[str, tuple[Rule, ...]]:
        """See `Access.rules`."""
        told = self.client.call(calls.Rules())
        return told["file"], tuple(rule_of_record(record) for record in told["rules"])

    def add_rule(self, rule: Rule) -> tuple[str, Rule, Rule | None, str | None]:
        """See `Access.add_rule`."""
        told = self.client.call(calls.AddRule(rule=_new_rule(rule)), _RULE_S)
        replaced = None if told["replaced"] is None else rule_of_record(told["replaced"])
        return told["file"], rule_of_record(told["rule"]), replaced, told["portal"]

    def remove_rule(self, rule_id: str) -> tuple[str, Rule, str | None]:
        """See `Access.remove_rule`."""
        told = self.client.call(calls.RemoveRule(rule=rule_id), _RULE_S)
        return told["file"], rule_of_record(told["rule"]), told["portal"]

    def explain(
        self,
        app: App,
        camera: str | None,
        user: str | None,
        at: Moment | None,
        held: frozenset[Circumstance] = frozenset(),
    ) -> Verdict:
        """See `Access.explain`."""
        identity = app.identity
        asked = calls.AskedApp(
            kind=identity.kind,
            id=identity.id,
            path=identity.path,
            sha256=identity.sha256,
            name=app.name or None,
            confidence=app.confidence,
        )
        at_utc_ns = None if at is None else at.utc_ns
        asking = calls.Explain(app=asked, camera=camera, user=user, at_utc_ns=at_utc_ns, held=_in_order(held))
        told = self.client.call(asking)
        reasons = tuple(
            Reason(reason_code(each["code"]), each["sentence"], each.get("rule")) for each in told["reasons"]
        )
        return Verdict(Judgement(told["verdict"]), reasons, told["rule"])

    def activation(self, number: int) -> ActivationRecord | None:
        """See `Access.activation`."""
        told = self.client.call(calls.Log(number=number))["activations"]
        return _record(told[0]) if told else None

    def activations(self, wanted: Filter) -> Iterator[ActivationRecord]:
        """See `Access.activations`; they come from the newest backwards, and are turned round here."""
        found = list(self._newest_first(wanted))
        found.reverse()
        return iter(found)

    def oldest_first(self, wanted: Filter) -> Iterator[ActivationRecord]:
        """The same, whatever limit is wanted, by memory that does not grow with the log: a page at a time.

        Where the pages begin is asked for first, then each of them again from the oldest on. What comes meanwhile is
        not among them.
        """
        begins: list[int] = []
        before, more = wanted.before, True
        while more:
            page, more = self._page(wanted, calls.MAX_LIMIT, before)
            if page:
                begins.append(page[0].number + 1)
                before = page[-1].number
        for begin in reversed(begins):
            page, _ = self._page(wanted, calls.MAX_LIMIT, begin)
            yield from reversed(page)

    def _newest_first(self, wanted: Filter) -> Iterator[ActivationRecord]:
        left, before, more = wanted.limit, wanted.before, True
        while more and (left is None or left > 0):
            limit = calls.MAX_LIMIT if left is None else min(left, calls.MAX_LIMIT)
            page, more = self._page(wanted, limit, before)
            yield from page
            if more:
                before = page[-1].number
                left = None if left is None else left - len(page)

    def _page(self, wanted: Filter, limit: int, before: int | None) -> tuple[list[ActivationRecord], bool]:
        """The newest so many before that number, and whether there are more behind them."""
        told = self.client.call(_log_call(wanted, limit, before))
        page = [_record(record) for record in told["activations"]]
        return page, bool(page) and bool(told["more"])

    def following(self, wanted: Filter) -> Iterator[ActivationRecord]:
        """See `Access.following`."""
        self.client.call(calls.Subscribe(kinds=tuple(kind.value for kind in CHANGES)))
        for happened in self.client.events():
            number = _number(happened)
            record = None if number is None else self.activation(number)
            if record is not None and (record.verdict or record.over) and wanted.matches(record):
                yield record

    def signs(self) -> Iterator[Sign]:
        """See `Access.signs`."""
        found = map(sign_of, self.entries(0, tuple(kind.value for kind in KINDS)))
        return (sign for sign in found if sign is not None)

    def watching_until(self) -> int | None:
        """See `Access.watching_until`; the service is a guard that runs now."""
        return time.time_ns()

    def known(self, begin_utc_ns: int, end_utc_ns: int, camera: str | None) -> Known:
        """See `Access.known`."""
        told = self.client.call(calls.WasOn(begin=begin_utc_ns, end=end_utc_ns, camera=camera))
        return _KNOWN.of(told)

    def no_guard_yet(self) -> str | None:
        """See `Access.no_guard_yet`; the service is a guard."""
        return None

    def subscribe(self) -> Record:
        """Have everything told that happens from now on; returns how cameras are watched, and which there are."""
        told = self.client.call(calls.Subscribe())
        self._heard = told.get("last_seq") or 0
        return told

    def happenings(self) -> Iterator[Record]:
        """What happens, after `subscribe`, in the shape of ``watch --json``; what was missed comes from the log."""
        last = 0
        for happened in self.client.events():
            missed = self.entries(max(last, self._heard)) if isinstance(happened, Resync) else [happened.event]
            for record in missed:
                seq = record.get("seq")
                if isinstance(seq, int):
                    if seq <= last:
                        continue
                    last = seq
                yield record

    def close(self) -> None:
        """Leave."""
        self.client.close()

    def entries(self, last: int, kinds: tuple[str, ...] | None = None) -> Iterator[Record]:
        """Entries of the log behind number `last`, page by page, as much of each as this user may see."""
        while True:
            told = self.client.call(calls.Entries(after=last, kinds=kinds))
            yield from told["entries"]
            if told["last_seq"] <= last:
                return
            last = told["last_seq"]


def rule_of_record(record: dict[str, Any]) -> Rule:
    """The rule that `core.records.of_rule` made a record of."""
    app, hours, until = record.get("app"), record.get("hours"), record.get("until")
    return Rule(
        id=record["rule"],
        effect=Effect(record["effect"]),
        app=None if app is None else AppIdentity(AppKind(app["kind"]), app["id"], app.get("path"), app.get("sha256")),
        camera=record.get("camera"),
        user=record.get("user"),
        hours=None if hours is None else Hours(frozenset(hours["days"]), hours["start_minute"], hours["end_minute"]),
        lasting=Lasting(record["lasting"]),
        until_utc_ns=None if until is None else to_utc_ns(datetime.fromisoformat(until)),
        app_name=record.get("app_name"),
        note=record.get("note"),
        turns_on=record.get("turns_on", False),
        by=record.get("by"),
        even=frozenset(map(Circumstance, record.get("even", ()))),
        kind=CameraKind(record["camera_kind"]) if "camera_kind" in record else None,
        shipped=record.get("shipped", False),
    )


def _in_order(circumstances: frozenset[Circumstance]) -> tuple[Circumstance, ...]:
    return tuple(each for each in Circumstance if each in circumstances)


def _new_rule(rule: Rule) -> calls.NewRule:
    app = rule.app
    until = rule.until_utc_ns
    return calls.NewRule(
        effect=rule.effect,
        app=None if app is None else spell_app(app),
        path=None if app is None else app.path,
        sha256=None if app is None else app.sha256,
        name=rule.app_name,
        camera=rule.camera,
        user=rule.user,
        hours=None if rule.hours is None else spell_hours(rule.hours),
        lasting=rule.lasting,
        until=None if until is None else _EPOCH + timedelta(microseconds=until // 1000),
        note=rule.note,
        turns_on=rule.turns_on,
        even=_in_order(rule.even),
    )


def _log_call(wanted: Filter, limit: int, before: int | None) -> calls.Log:
    return calls.Log(
        since=wanted.since,
        until=wanted.until,
        app=wanted.app,
        camera=wanted.camera,
        unexpected=wanted.unexpected,
        unanswered=wanted.unanswered,
        limit=limit,
        before=before,
    )


def _record(told: dict[str, Any]) -> ActivationRecord:
    return _RECORD.of(told)


def _number(happened: Event | Resync) -> int | None:
    if isinstance(happened, Resync):
        return None
    name = happened.event.get("activation")
    return int(name[1:]) if isinstance(name, str) else None


def _outcome(result: dict[str, Any]) -> Outcome:
    told = result["outcome"]
    steps = tuple(Step(step["pid"], step["what"], step["result"]) for step in told["steps"])
    return Outcome(Result(told["result"]), steps, told["why"])
