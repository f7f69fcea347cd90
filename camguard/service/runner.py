"""The service's life: the guard, the socket, systemd's watchdog, and a configuration that may change meanwhile."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from camguard.compose import gate, history, open_guard
from camguard.config import Config, GateMode, OnStop
from camguard.core.authority import Caller, owner_of
from camguard.core.events import Kind, Report
from camguard.core.model import Moment
from camguard.core.records import line
from camguard.errors import ConfigError
from camguard.heartbeat import BEAT_S, Heart
from camguard.ipc.calls import Call
from camguard.ipc.server import Server
from camguard.journalentry.settings import Share
from camguard.service.answers import Answers, Means
from camguard.service.gating import Gating
from camguard.service.logs import to_systemd
from camguard.service.memory import give_back
from camguard.service.notify import Notifier
from camguard.service.people import People
from camguard.service.reading import Reading
from camguard.service.refusals import Refusals
from camguard.service.settings import ConfigFile, Settings
from camguard.service.systemjournal import SystemJournal

log = logging.getLogger(__name__)

_AT_ONCE = frozenset({"power", "on_stop", "switchers", "rulers", "source", "system_journal", "context"})
"""What of a changed configuration holds without a restart."""


_OF_A_RULE = frozenset({Kind.RULE_ADDED, Kind.RULE_REMOVED})


class Front:
    """What the socket's server sees of the service; a `camguard.ipc.connection.Handler`."""

    def __init__(self, answers: Answers, people: People, refusals: Refusals) -> None:
        self._answers = answers
        self._people = people
        self._refusals = refusals
        self.asked = False
        """Whether anything was asked since somebody set this to False."""

    def caller(self, uid: int, pid: int, gids: frozenset[int]) -> Caller:
        """Who this is."""
        return self._people.caller(uid, pid, gids)

    async def answer(self, caller: Caller, call: Call) -> Mapping[str, Any]:
        """Carry a call out."""
        self.asked = True
        return await self._answers.answer(caller, call)

    def refused(self, caller: Caller, call: str, why: str) -> None:
        """Take note of a call that was refused."""
        self._refusals.note(caller, call, why)


class Service:
    """One run of the service, with the configuration file and the socket it was given."""

    def __init__(self, file: ConfigFile, socket_path: Path, notifier: Notifier) -> None:
        self._file = file
        self._socket_path = socket_path
        self._notifier = notifier
        self._stop = asyncio.Event()
        self._busy = True
        self._reloading = asyncio.Lock()  # one after the other, so that what the file says last is what holds
        self._reloads: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises GuardRunning where another guard runs, and whatever keeps this one from guarding.
        """
        settings = self._file.load()
        with ExitStack() as resources:
            guard = open_guard(settings.config)
            self._guard = guard
            past = Reading(resources.enter_context(history(settings.config)))
            resources.callback(past.close)
            people = People(guard.platform.at_seat, os.geteuid(), private=settings.config.log.private)
            self._answers = Answers(Means(guard, past, people, settings.config, settings.trouble))
            try:
                await self._serve(people, settings)
            except BaseExceptionGroup as failures:
                raise failures.exceptions[0] from failures

    async def _serve(self, people: People, settings: Settings) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            refusals = Refusals(self._write, self._now, people.name)
            front = Front(self._answers, people, refusals)
            server = Server(front, self._socket_path)
            self._system_journal = SystemJournal(settings.config.system_journal, private=settings.config.log.private)
            self._guard.listen(lambda report: _publish(server, report, people, self._system_journal))
            self._guard.listen(self._note_busy)
            self._follow_signals()
            guarding = tasks.create_task(self._guard.run(), name="guard")
            await self._guard.ask(lambda now: _trouble(settings, now))
            await server.start()
            gc.freeze()  # what was imported stays for good: no collection needs to walk over it while an open waits
            await self._notifier.insist("READY=1", f"STATUS={_status(settings)}")
            extras = [tasks.create_task(self._beat(server, front), name="beat"), *self._keep_gate(settings.config)]
            await self._stop.wait()
            self._notifier.tell("STOPPING=1")
            for extra in (*extras, *self._reloads):
                extra.cancel()
            refusals.flush()
            await server.close()
            await self._guard.ask(lambda _: [])  # what was refused last is written before the guard's last entry
            guarding.cancel()
        self._system_journal.catch_up()

    def _keep_gate(self, config: Config) -> list[asyncio.Task[None]]:
        if config.gate is GateMode.OFF:
            return []
        kept = gate(config, self._guard.platform.clock)
        if kept is None:
            raise ConfigError("[gate] mode: there is no gate on this platform")
        return [self._tasks.create_task(Gating(self._guard, kept, config.gate).run(), name="gate")]

    def _follow_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)

    def _begin_reload(self) -> None:
        if not self._stop.is_set():
            reload = self._tasks.create_task(self._reload())
            self._reloads.add(reload)
            reload.add_done_callback(self._reloads.discard)

    async def _beat(self, server: Server, front: Front) -> None:
        """Now and then: is the engine still turning, is the socket still there? Then leave a sign of life."""
        watchdog_s = self._notifier.watchdog_s
        heart = Heart(self._guard)
        pause_s = BEAT_S if watchdog_s is None else min(BEAT_S, watchdog_s / 3)
        while True:
            await asyncio.sleep(pause_s)
            await heart.beat()
            self._system_journal.catch_up()
            if await server.rebind_if_removed():
                log.warning("%s was removed or replaced; the service listens there anew", self._socket_path)
            self._notifier.tell("WATCHDOG=1")  # where it is not heard this time, it is the next
            if self._busy or front.asked:
                self._busy = front.asked = False
                give_back()

    async def _reload(self) -> None:
        """Take in a changed configuration, or say what is wrong with it and go on as before."""
        async with self._reloading:
            await self._notifier.insist("RELOADING=1")
            settings = await asyncio.to_thread(self._file.load)
            await self._take_in(settings)
            await self._notifier.insist("READY=1", f"STATUS={_status(settings)}")

    async def _take_in(self, settings: Settings) -> None:
        means = self._answers.means
        if settings.trouble is not None:
            self._answers.means = replace(means, trouble=settings.trouble)
            await self._guard.ask(lambda now: _trouble(settings, now))
        else:
            changed = _changed(means.config, settings.config)
            config = replace(means.config, **{name: getattr(settings.config, name) for name in changed & _AT_ONCE})
            self._answers.means = replace(means, config=config, trouble=None)
            await self._guard.ask(lambda now: self._adopt(config, sorted(changed - _AT_ONCE), now))

    def _adopt(self, config: Config, later: list[str], now: Moment) -> list[Report]:
        if self._guard.switching is not None:
            self._guard.switching.board.policy = config.power
            self._guard.switching.restore_on_stop = config.on_stop is OnStop.RESTORE
        self._system_journal.share = config.system_journal
        self._guard.mind(config.context)
        file = None if config.source is None else str(config.source)
        return [Report(Kind.CONFIG_READ, now, extra={"file": file, "after_a_restart": later})]

    def _note_busy(self, _: Report) -> None:
        self._busy = True

    def _write(self, report: Report) -> None:
        self._tasks.create_task(self._guard.ask(lambda _: [report]))

    def _now(self) -> Moment:
        return self._guard.platform.clock.now()


def _publish(server: Server, report: Report, people: People, system_journal: SystemJournal) -> None:
    record = line(report)
    user = (report.extra or {}).get("user") if report.kind in _OF_A_RULE else None
    server.publish(record, owner_of(record) if user is None else people.uid(user))
    system_journal.tell(record)


def _trouble(settings: Settings, now: Moment) -> list[Report]:
    if settings.trouble is None:
        return []
    if settings.config.system_journal is Share.NONE or not to_systemd():  # else its journal has the event below
        log.error("%s; the configuration read before stays in force", settings.trouble)
    return [Report(Kind.CONFIG_KEPT, now, extra={"why": settings.trouble})]


def _status(settings: Settings) -> str:
    if settings.trouble is None:
        return "guarding"
    return f"guarding, by the configuration before: {settings.trouble}".replace("\n", " ")


def _changed(before: Config, after: Config) -> set[str]:
    return {field.name for field in fields(Config) if getattr(before, field.name) != getattr(after, field.name)}
