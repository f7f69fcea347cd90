"""What a command does here and now, without a service to ask: look, explain, end, keep rules.

Each takes the configuration and composes the edges anew; each blocks.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from camguard.compose import history, platform, write_journal
from camguard.config import Config
from camguard.core.events import CamerasSeen, Kind, Report, Sighting
from camguard.core.model import (
    Activation,
    App,
    Camera,
    CameraId,
    Moment,
    Outcome,
    Process,
    ProcessIdentity,
    Rule,
    State,
    Verdict,
)
from camguard.core.policy import Circumstances, judge
from camguard.core.records import of_rule
from camguard.ending import Order, end_use
from camguard.errors import NothingMatched
from camguard.journal.fold import ActivationRecord
from camguard.journal.lock import guard_pid
from camguard.journal.queries import Filter
from camguard.ports import Finding, Tell
from camguard.rulebook import RuleBook
from camguard.uses import Snapshot, Use, activation_number, by_app, by_pid, look

_NO_OFFSET = timedelta(0)
_NEWEST = 500
"""How many activations back a use that goes on still is looked for in the log."""


@dataclass(frozen=True, slots=True)
class EndResult:
    """What the attempt to end one app's use of one camera came to."""

    uses: tuple[Use, ...]
    outcome: Outcome


def snapshot(config: Config) -> Snapshot:
    """How things stand now."""
    edges = platform(config)
    with history(config) as past:
        cameras, uses = look(edges, past, RuleBook(config.rules_path).current())
    return Snapshot(edges.method, guard_pid(config.journal_path), config.journal_path, cameras, uses)


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


def explain(config: Config, app: App, camera: str | None, user: str | None, at: Moment | None) -> Verdict:
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
    )
    return judge(case, RuleBook(config.rules_path).current())


def findings(config: Config) -> tuple[Finding, ...]:
    """What `doctor` finds."""
    return platform(config).examiner.examine()


def app_of_file(config: Config, path: Path) -> App:
    """The app that a file would be if it were run. Raises NothingMatched where there is no such file."""
    return platform(config).identifier.identify_file(str(path))


def add_rule(config: Config, rule: Rule) -> tuple[Rule, Rule | None]:
    """Store a rule and log it; returns it as stored, and the one it replaced."""
    stored, replaced = RuleBook(config.rules_path).add(rule)
    _log_rule(config, Kind.RULE_ADDED, stored)
    return stored, replaced


def remove_rule(config: Config, rule_id: str) -> Rule:
    """Take a rule away and log it. Raises NothingMatched where there is none of that id."""
    removed = RuleBook(config.rules_path).remove(rule_id)
    if removed is None:
        raise NothingMatched(f'there is no rule "{rule_id}"; `camguard rules list` shows those there are')
    _log_rule(config, Kind.RULE_REMOVED, removed)
    return removed


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
    record = next((each for each in reversed(newest) if not each.over and _identity(each) in identities), None)
    if record is None or record.state is None:
        return None
    process = next(process for process in processes if process.identity == _identity(record))
    opened = Moment(
        round(record.opened_at.timestamp() * 1_000_000) * 1000,
        int((record.opened_at.utcoffset() or _NO_OFFSET).total_seconds()),
        0,
        "",
    )
    return Activation(record.number, camera.id, State(record.state), process, processes, opened, opens=record.opens)


def _identity(record: ActivationRecord) -> ProcessIdentity | None:
    process = record.process or {}
    if process.get("pid") is None:
        return None
    return ProcessIdentity(process["pid"], process["start_ticks"], process["boot_id"])


def _by_activation(config: Config, uses: tuple[Use, ...], number: int) -> tuple[Use, ...]:
    with history(config) as past:
        record = past.activation(number)
    if record is None:
        raise NothingMatched(f"there is no activation a{number} in the log")
    camera = (record.camera or {}).get("id")
    process = record.process or {}
    kinship = (process.get("uid"), process.get("exe"), process.get("script"))
    found = tuple(
        use
        for use in uses
        if use.camera.id == camera and (use.process.identity == _identity(record) or use.process.kinship == kinship)
    )
    if not found:
        raise NothingMatched(f"{record.id} ({record.app_name}) does not hold {record.camera_name or 'a camera'} now")
    return found


def _camera(seen: tuple[Sighting, ...], wanted: str | None) -> Camera:
    cameras = next((sighting.cameras for sighting in seen if isinstance(sighting, CamerasSeen)), ())
    if wanted is None:
        return cameras[0] if cameras else Camera(CameraId("any"), "any camera", ())
    for camera in cameras:
        if wanted in {camera.id, camera.name} or wanted.casefold() == camera.name.casefold():
            return camera
    names = ", ".join(camera.name for camera in cameras) or "none is plugged in"
    raise NothingMatched(f'no camera is called "{wanted}"; there is: {names}')
