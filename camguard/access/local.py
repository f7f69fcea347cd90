"""What a command does here and now, without a service to ask: look, explain, end, switch, keep rules, read the log."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from camguard.access import CHANGES, Found
from camguard.access.feeders import as_logged
from camguard.access.handdecide import answer_of, log_decision, logged_subject, off_by_hand
from camguard.access.handswitch import switch_by_hand
from camguard.compose import history, may_switch, platform, rules_in_force, write_journal
from camguard.config import Config
from camguard.core.circumstance import Circumstance
from camguard.core.context import supposed
from camguard.core.coverage import Sign
from camguard.core.decisions import ENDS, Decision
from camguard.core.events import CamerasSeen, Kind, Report, Sighting
from camguard.core.model import (
    Activation,
    App,
    Camera,
    CameraId,
    Moment,
    Outcome,
    Process,
    Rule,
    State,
    Verdict,
)
from camguard.core.policy import Circumstances, judge
from camguard.core.power import Plan, Power
from camguard.core.records import SCHEMA, Record, of_rule, safe
from camguard.ending import Order, end_use
from camguard.errors import NothingMatched
from camguard.journal.coverage import known, signs, watching_until
from camguard.journal.filter import Filter
from camguard.journal.fold import ActivationRecord
from camguard.journal.known import Known
from camguard.journal.lock import guard_pid
from camguard.journal.queries import Reader
from camguard.journal.recall import identity_of, moment_at
from camguard.portalrule import tell_portal
from camguard.ports import Finding, Platform, Tell
from camguard.rulebook import RuleBook
from camguard.standing import StandingFile
from camguard.subject import outcome_record
from camguard.uses import Snapshot, Use, activation_number, by_app, by_pid, camera_meant, look
from camguard.views import camera_view, use_view

_REMEMBERED = 1_000
"""Activations of which it is remembered what was told, so that following for a year stays small."""

_NEWEST = 500
"""How many activations back a use that goes on still is looked for in the log."""


class Local:
    """An `Access` without a service: each question composes the edges anew."""

    answered_by = "command"
    source = "No service answers: this command looked, and acts, by itself."

    def __init__(self, config: Config) -> None:
        self._config = config
        self._past: Reader | None = None

    def status(self) -> Record:
        """How things stand now, as one look finds it."""
        now = snapshot(self._config)
        cameras = [camera_view(camera, Power.ON) for camera in now.cameras]
        off = [camera_view(camera, Power.OFF) for camera in now.off]
        return {
            "schema": SCHEMA,
            "answered_by": self.answered_by,
            "method": now.method,
            "guard_pid": now.guard_pid,
            "journal": safe(str(now.journal_path)),
            "cameras": [*cameras, *off],
            "uses": [use_view(use) for use in now.uses],
        }

    def uses(self, target: str) -> tuple[Found, ...]:
        """See `Access.uses`."""
        return tuple(Found(use_view(use), use) for use in find_uses(self._config, target))

    def end(self, uses: tuple[Found, ...], tell: Tell) -> list[Record]:
        """See `Access.end`; journalled as pending, carried out, checked, journalled with the outcome."""
        chosen = tuple(found.handle for found in uses if isinstance(found.handle, Use))
        return [
            {
                "uses": [use_view(use) for use in result.uses],
                "outcome": outcome_record(result.outcome),
            }
            for result in end_uses(self._config, chosen, this_user(), tell)
        ]

    def decide(self, number: int, decision: Decision) -> Record:
        """See `Access.decide`."""
        told, by = logged_subject(self._config, number), this_user()
        rule = None
        if decision is Decision.ALLOW:
            rule = self.add_rule(told.rule(self.rules()[1]))[1]
        log_decision(self._config, told, decision, by)
        outcome = None
        if decision in ENDS:
            with suppress(NothingMatched):  # it is over by now
                uses = find_uses(self._config, told.activation.id)
                outcome = end_uses(self._config, uses, by, lambda _: None)[0].outcome
        answer: Record = answer_of(told, decision, outcome)
        if rule is not None:
            answer["rule"] = of_rule(rule)
        if decision is Decision.OFF:
            answer |= off_by_hand(self._config, told.camera, by)
        return answer

    def switch(self, power: Power, camera: str | None, for_s: float | None, *, whole: bool) -> Record:
        """See `Access.switch`."""
        return switch_by_hand(self._config, power, camera, for_s, this_user(), whole=whole)

    def rules(self) -> tuple[str, tuple[Rule, ...]]:
        """See `Access.rules`."""
        return str(self._config.rules_path), rules_in_force(self._config, platform(self._config)).current()

    def add_rule(self, rule: Rule) -> tuple[str, Rule, Rule | None, str | None]:
        """See `Access.add_rule`."""
        stored, replaced = RuleBook(self._config.rules_path).add(rule)
        _log_rule(self._config, Kind.RULE_ADDED, stored)
        portal = _tell_portal(self._config, stored, replaced)
        return str(self._config.rules_path), stored, replaced, portal

    def remove_rule(self, rule_id: str) -> tuple[str, Rule, str | None]:
        """See `Access.remove_rule`."""
        removed = rules_in_force(self._config, platform(self._config)).remove(rule_id)
        if removed is None:
            raise NothingMatched(f'there is no rule "{rule_id}"; `camguard rules list` shows those there are')
        _log_rule(self._config, Kind.RULE_REMOVED, removed)
        return str(self._config.rules_path), removed, _tell_portal(self._config, None, removed)

    def explain(
        self,
        app: App,
        camera: str | None,
        user: str | None,
        at: Moment | None,
        held: frozenset[Circumstance] = frozenset(),
    ) -> Verdict:
        """See `Access.explain`."""
        return explain(self._config, app, camera, user, at, held)

    def activation(self, number: int) -> ActivationRecord | None:
        """See `Access.activation`."""
        return self._reader().activation(number)

    def activations(self, wanted: Filter) -> Iterator[ActivationRecord]:
        """See `Access.activations`."""
        reader = self._reader()
        return iter(reader.each(wanted) if wanted.limit is None else reader.activations(wanted))

    def following(self, wanted: Filter) -> Iterator[ActivationRecord]:
        """See `Access.following`."""
        reader = self._reader()
        return _following(reader, wanted, reader.last_seq())

    def signs(self) -> Iterator[Sign]:
        """See `Access.signs`."""
        return signs(self._reader())

    def watching_until(self) -> int | None:
        """See `Access.watching_until`."""
        return watching_until(self._reader())

    def known(self, begin_utc_ns: int, end_utc_ns: int, camera: str | None) -> Known:
        """See `Access.known`; who may read the file may know all."""
        return known(self._reader(), begin_utc_ns, end_utc_ns, camera)

    def no_guard_yet(self) -> str | None:
        """See `Access.no_guard_yet`."""
        reader = self._reader()
        return str(reader.path) if reader.last_run() is None else None

    def close(self) -> None:
        """Release the log."""
        if self._past is not None:
            self._past.close()

    def _reader(self) -> Reader:
        if self._past is None:
            self._past = history(self._config)
        return self._past


def this_user() -> str:
    """On whose word something is done, as the log will say."""
    try:
        return f"user {pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"user {os.getuid()}"


def _following(reader: Reader, wanted: Filter, last: int) -> Iterator[ActivationRecord]:
    """Each activation that matches, whenever something comes of it, from its judgement on."""
    told: dict[int, int] = {}
    for entry in reader.follow(last, CHANGES):
        if entry.activation is None or entry.seq <= told.get(entry.activation, 0):
            continue
        record = reader.activation(entry.activation)
        if record is not None and (record.verdict or record.over) and wanted.matches(record):
            told[record.number] = record.last_seq
            told.pop(record.number - _REMEMBERED, None)
            yield record


@dataclass(frozen=True, slots=True)
class EndResult:
    """What the attempt to end one app's use of one camera came to."""

    uses: tuple[Use, ...]
    outcome: Outcome


def snapshot(config: Config) -> Snapshot:
    """How things stand now."""
    edges = platform(config)
    with history(config) as past:
        cameras, uses = look(edges, past, rules_in_force(config, edges).current(), config.context)
        uses = tuple(as_logged(use, past) for use in uses)
    on = {camera.id for camera in cameras}
    off = {camera.id: camera for plan in _off(config, edges) for camera in plan.cameras if camera.id not in on}
    return Snapshot(
        edges.method, guard_pid(config.journal_path), config.journal_path, cameras, uses, tuple(off.values())
    )


def _off(config: Config, edges: Platform) -> tuple[Plan, ...]:
    """The devices that are off: those that show it, and those of which it is only known that a guard did it."""
    known = may_switch(config) and os.path.exists(config.standing_path)
    held = StandingFile(config.standing_path).load().held if known else ()
    return (*edges.switch.dormant(), *(each.plan for each in held if edges.switch.state(each.plan) is Power.OFF))


def find_uses(config: Config, target: str) -> tuple[Use, ...]:
    """The uses that a person means by an activation (``a17``), a pid, or the name of an app.

    Raises NothingMatched where nothing of that kind goes on, with what does; UsageError where it is ambiguous.
    """
    uses = snapshot(config).uses
    number = activation_number(target)
    if number is not None:
        return _by_activation(config, uses, number)
    return by_pid(uses, int(target)) if target.isdecimal() and target.isascii() else by_app(uses, target)


def end_uses(config: Config, uses: tuple[Use, ...], by: str, tell: Tell) -> tuple[EndResult, ...]:
    """End these uses, app by app: journalled as pending, carried out, checked, journalled with the outcome.

    `by` says in the log on whose word. Raises JournalError where the pending entry cannot be written; nothing is
    ended then.
    """
    return asyncio.run(_end_uses(config, uses, by, tell))


def explain(
    config: Config,
    app: App,
    camera: str | None,
    user: str | None,
    at: Moment | None,
    held: frozenset[Circumstance],
) -> Verdict:
    """What the policy would make of a use, without a camera or a process.

    Raises NothingMatched for a camera that is not there.
    """
    edges = platform(config)
    with history(config) as past:
        times, last = past.times_seen(app.identity) if app.known else (0, None)
    case = Circumstances(
        app=app,
        camera=_camera(edges.sensor.look(), camera),
        at=at or edges.clock.now(),
        user=user,
        times_seen=times,
        last_seen_utc_ns=last,
        against=supposed(held, config.context),
    )
    return judge(case, rules_in_force(config, edges).current())


def findings(config: Config) -> tuple[Finding, ...]:
    """What `doctor` finds."""
    return platform(config).examine()


def app_of_file(config: Config, path: Path) -> App:
    """The app that a file would be if it were run. Raises NothingMatched where there is no such file."""
    return platform(config).identifier.identify_file(str(path))


def _tell_portal(config: Config, now: Rule | None, before: Rule | None) -> str | None:
    """Tell the portal of the user whom a rule is for: one's own rules are for oneself."""
    rule = now or before
    uid: int | None = os.geteuid() or None
    if rule is not None and rule.user is not None:
        try:
            uid = pwd.getpwnam(rule.user).pw_uid
        except KeyError:
            uid = int(rule.user) if rule.user.isdecimal() else None
    return tell_portal(platform(config).portal, uid, now, before)


def _log_rule(config: Config, kind: Kind, rule: Rule) -> None:
    edges = platform(config)
    with write_journal(config, edges.clock) as journal:
        journal.append([Report(kind, edges.clock.now(), extra=of_rule(rule))])


async def _end_uses(config: Config, uses: tuple[Use, ...], by: str, tell: Tell) -> tuple[EndResult, ...]:
    edges = platform(config)
    groups: dict[tuple[CameraId, object], list[Use]] = defaultdict(list)
    for use in uses:
        groups[use.camera.id, use.process.kinship].append(use)
    results = []
    with write_journal(config, edges.clock) as journal:

        async def record(report: Report) -> Report:
            [written] = await asyncio.to_thread(journal.append, [report])
            return written

        for group in groups.values():
            outcome = await end_use(edges, record, _order(config, group, by), tell)
            results.append(EndResult(tuple(group), outcome))
    return tuple(results)


def _order(config: Config, group: list[Use], by: str) -> Order:
    first = group[0]
    processes = frozenset(use.process for use in group)
    activation = _logged_activation(config, first.camera, processes)
    return Order(first.camera, processes, by, activation, first.app, first.details, first.verdict)


def _logged_activation(config: Config, camera: Camera, processes: frozenset[Process]) -> Activation | None:
    """The activation under which a guard logged this use, None where none did."""
    identities = {process.identity for process in processes}
    with history(config) as past:
        newest = past.activations(Filter(limit=_NEWEST))
    record = next((each for each in reversed(newest) if not each.over and identity_of(each) in identities), None)
    if record is None or record.state is None:
        return None
    process = next(process for process in processes if process.identity == identity_of(record))
    opened = moment_at(record.opened_at)
    return Activation(record.number, camera.id, State(record.state), process, processes, opened, opens=record.opens)


def _by_activation(config: Config, uses: tuple[Use, ...], number: int) -> tuple[Use, ...]:
    with history(config) as past:
        record = past.activation(number)
    if record is None:
        raise NothingMatched(f"there is no activation a{number} in the log; `camguard log` shows those there are")
    camera = (record.camera or {}).get("id")
    process = record.process or {}
    of_portal = (process.get("through") or {}).get("app")
    kinship = (process.get("uid"), process.get("exe"), process.get("script") if of_portal is None else of_portal)
    identity = identity_of(record) if of_portal is None else None  # the portal's process has cameras for other apps too
    found = tuple(
        use
        for use in uses
        if use.camera.id == camera
        and (use.process.kinship == kinship or (identity is not None and use.process.identity == identity))
    )
    if not found:
        raise NothingMatched(f"{record.id} ({record.app_name}) does not hold {record.camera_name or 'a camera'} now")
    return found


def _camera(seen: tuple[Sighting, ...], wanted: str | None) -> Camera:
    cameras = next((sighting.cameras for sighting in seen if isinstance(sighting, CamerasSeen)), ())
    if wanted is None:
        return cameras[0] if cameras else Camera(CameraId("any"), "any camera", ())
    return camera_meant(wanted, cameras)
