"""The tray's way to the guard: to the service, or where none answers to a guard of its own; found again when lost."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from camguard.access.remote import Remote
from camguard.core.records import Record
from camguard.desktop.ownguard import OwnGuard
from camguard.errors import CamguardError, ServiceError
from camguard.ipc.client import ROOT_ONLY, connect

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""How long is waited before the guard is looked for again; the double each time."""

SERVICE_S = 5.0
"""How often it is looked whether a service came, while the tray has a guard of its own."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """Who guards, as a sentence; `service` where that goes on without the tray."""

    source: str
    service: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a guard listens, and whom the kernel has to say that it is."""

    path: Path
    trusted: frozenset[int] = ROOT_ONLY
    answered_by: str = "service"

    def remote(self) -> Remote | None:
        """A connection to it; None where nobody listens. Blocking; raises as `ipc.client.connect` does."""
        client = connect(self.path, trusted_uids=self.trusted)
        return None if client is None else Remote(client, self.answered_by)


class Line:
    """One connection with a thread of its own, made when it is first used and again after it broke."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._place: Place | None = None
        self._remote: Remote | None = None
        self._led = self._joined = 0

    def lead_to(self, place: Place) -> None:
        """Ask whoever listens there now, also where that is another than before at the same place."""
        self._place = place
        self._led += 1

    async def ask(self, question: Callable[[Remote], T]) -> T:
        """The answer to a question. Raises a CamguardError, ServiceError where nobody can be asked."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)

    def close(self) -> None:
        """Ask nothing more."""
        remote = self._remote
        if remote is not None:
            remote.client.hang_up()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._forget()

    def _ask(self, question: Callable[[Remote], T]) -> T:
        if self._remote is None or self._joined != self._led:
            self._forget()
            self._joined = self._led
            self._remote = None if self._place is None else self._place.remote()
        if self._remote is None:
            raise ServiceError("no guard answers now; it is looked for again")
        try:
            return question(self._remote)
        except ServiceError:
            self._forget()
            raise

    def _forget(self) -> None:
        remote, self._remote = self._remote, None
        if remote is not None:
            remote.close()


class Link:
    """Follows what happens, and asks. `happened`, `found` and `lost` are called on the event loop."""

    def __init__(
        self,
        service: Place,
        own: OwnGuard,
        happened: Callable[[Record], None],
        found: Callable[[Guarded], None],
        lost: Callable[[str], None],
    ) -> None:
        self._service = service
        self._own = own
        self._happened, self._found, self._lost = happened, found, lost
        self.guarded: Guarded | None = None
        """Who guards now; None while nobody is found."""
        self.questions = Line("camguard-questions")
        self.deeds = Line("camguard-deeds")

    async def run(self) -> None:
        """Follow until cancelled."""
        pause_s = FIRST_PAUSE_S
        try:
            while True:
                try:
                    if await self._follow():
                        pause_s = FIRST_PAUSE_S
                except CamguardError as error:
                    self._lost(str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        finally:
            await self._own.stop()
            for line in (self.questions, self.deeds):
                line.close()

    async def _follow(self) -> bool:
        """Follow one guard until it is gone, or a better one came; whether anything was followed."""
        remote = await asyncio.to_thread(self._service.remote)
        place, watch = self._service, False
        if remote is None:
            place, watch = await self._own_place(), True
            remote = await asyncio.to_thread(place.remote)
        if remote is None:
            return False
        try:
            await self._hear(remote, place, watch_for_service=watch)
        finally:
            remote.client.hang_up()
            remote.close()
            if watch:
                await self._own.stop()
        return True

    async def _own_place(self) -> Place:
        return Place(await self._own.start(), frozenset({os.getuid()}), "tray")

    async def _hear(self, remote: Remote, place: Place, *, watch_for_service: bool) -> None:
        await asyncio.to_thread(remote.subscribe)
        for line in (self.questions, self.deeds):
            line.lead_to(place)
        self.guarded = Guarded(remote.source, service=not watch_for_service)
        self._found(self.guarded)
        loop = asyncio.get_running_loop()
        hearing = loop.run_in_executor(None, self._listen, remote, loop)
        waiting: list[asyncio.Future[None]] = [asyncio.ensure_future(hearing)]
        if watch_for_service:
            waiting.append(asyncio.create_task(self._service_comes()))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            remote.client.hang_up()
            for each in waiting[1:]:
                each.cancel()
            await asyncio.wait(waiting)
        self.guarded = None
        self._lost("The guard has stopped; it is looked for again.")
        failure = waiting[0].exception()
        if failure is not None:
            raise failure

    def _listen(self, remote: Remote, loop: asyncio.AbstractEventLoop) -> None:
        """Pass everything on that happens, until the guard is gone. Runs in a thread."""
        for told in remote.happenings():
            loop.call_soon_threadsafe(self._happened, told)

    async def _service_comes(self) -> None:
        """Wait until a service listens: the guard of one's own sees less."""
        while True:
            await asyncio.sleep(SERVICE_S)
            if self._service.path.exists() and await asyncio.to_thread(self._answers):
                return

    def _answers(self) -> bool:
        try:
            remote = self._service.remote()
        except CamguardError as error:
            log.warning("a service is there, and is not to be used: %s", error)
            return False
        if remote is None:
            return False
        remote.close()
        return True
