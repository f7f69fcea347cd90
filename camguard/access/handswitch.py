"""Switching cameras by hand, where no guard runs: said, journalled, carried out, checked, kept for the next guard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from camguard.compose import may_switch, open_switching, platform, write_journal
from camguard.config import Config
from camguard.core.events import CamerasSeen, Report
from camguard.core.model import Camera, CameraId, Moment
from camguard.core.power import Power
from camguard.core.records import Record
from camguard.core.switchboard import EVERY
from camguard.errors import Refused
from camguard.journal.lock import GuardLock, guard_pid
from camguard.ports import JournalWriter, Platform
from camguard.rulebook import RuleBook
from camguard.subject import outcome_record
from camguard.switching import Switched, Switching
from camguard.uses import camera_meant
from camguard.views import camera_view


def switch_by_hand(
    config: Config, power: Power, camera: str | None, for_s: float | None, by: str, *, whole: bool
) -> Record:
    """Switch a camera, or all; see `camguard.access.Access.switch`.

    Raises Refused where this user has not the rights, where a guard without a socket runs, and where it would have
    to end by itself, for which somebody has to stay.
    """
    if not may_switch(config):
        raise Refused(
            "no service answers, and only root can switch a camera: install the service with "
            "`sudo camguard service install`, or use sudo"
        )
    if for_s is not None or (power is Power.ON and config.power.locked):
        raise Refused(
            "only the service can end it when the time is over, and none answers: `sudo camguard service install`"
        )
    running = guard_pid(config.journal_path)
    if running is not None:
        raise Refused(f"a guard (pid {running}) keeps the cameras, and it cannot be asked: stop it first")
    with GuardLock(config.journal_path):
        edges = platform(config)
        with write_journal(config, edges.clock) as journal:
            return asyncio.run(_switch(config, edges, journal, (power, camera, by, whole)))


async def _switch(
    config: Config, edges: Platform, journal: JournalWriter, said: tuple[Power, str | None, str, bool]
) -> Record:
    power, name, by, whole = said
    switching, trouble = open_switching(config, edges)
    await switching.reconcile()
    cameras = _cameras(edges)
    camera = EVERY if name is None else _named(name, cameras, switching).id

    async def ask(act: Callable[[Moment], Sequence[Report]]) -> tuple[Report, ...]:
        written = await asyncio.to_thread(journal.append, act(edges.clock.now()))
        await asyncio.to_thread(switching.save)
        return written

    await asyncio.to_thread(journal.append, trouble)
    await ask(lambda now: [switching.board.say(power, camera, None, by, now, whole=whole)])
    rules = RuleBook(config.rules_path).current()
    _, turns = switching.review(cameras, rules, (), edges.clock.now())
    results = [Switched(turn.cameras[0], turn.power, await switching.turn(turn, ask)) for turn in turns]
    for turn in turns:
        if turn.power is Power.OFF:
            await switching.confirm(turn, ask)
    return _told(power, results, switching, (camera, _cameras(edges)))


def _told(
    power: Power, results: list[Switched], switching: Switching, found: tuple[CameraId, tuple[Camera, ...]]
) -> Record:
    asked, cameras = found
    known = {camera.id: camera_view(camera, Power.ON) for camera in cameras}
    for held in switching.board.off.values():
        known |= {camera.id: camera_view(camera, Power.OFF) for camera in held.plan.cameras}
    outcomes: list[Any] = [
        {
            "camera": camera_view(each.camera, each.power),
            "outcome": outcome_record(each.outcome),
        }
        for each in results
    ]
    views: list[Any] = [view for camera, view in known.items() if asked in {EVERY, camera}]
    return {"power": power.value, "results": outcomes, "cameras": views}


def _cameras(edges: Platform) -> tuple[Camera, ...]:
    return next((seen.cameras for seen in edges.sensor.look() if isinstance(seen, CamerasSeen)), ())


def _named(name: str, cameras: tuple[Camera, ...], switching: Switching) -> Camera:
    off = [camera for held in switching.board.off.values() for camera in held.plan.cameras]
    known = {camera.id: camera for camera in (*cameras, *off)}
    return camera_meant(name, tuple(known.values()))
