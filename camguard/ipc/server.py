"""The service's side of the socket: takes clients in, has their calls answered, and tells them what happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

from camguard import __version__
from camguard.core.records import Record
from camguard.ipc.connection import Connection, Handler, Shared
from camguard.ipc.limits import USUAL, Accounts, Limits
from camguard.ipc.listening import BACKLOG, Listening, listen
from camguard.ipc.news import News


class Server:
    """Listens at a path, for one handler. All of it belongs to one event loop."""

    def __init__(self, handler: Handler, path: Path, limits: Limits = USUAL) -> None:
        """Nothing happens before `start`."""
        self.path = path
        self._shared = Shared(handler, limits, __version__, Accounts(limits))
        self._listening: Listening | None = None
        self._listener: asyncio.Server | None = None
        self._news: list[News] = []

    @property
    def connections(self) -> int:
        """How many clients there are."""
        return len(self._shared.connections)

    @property
    def subscribers(self) -> int:
        """How many of them are told what happens."""
        return len(self._shared.subscribers)

    async def start(self) -> None:
        """Listen from now on.

        Raises Refused where another service listens there, ServiceError where no socket can be made.
        """
        listening = listen(self.path)
        shared = self._shared
        self._listener = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(shared), sock=listening.socket, backlog=BACKLOG
        )
        self._listening = listening

    async def rebind_if_removed(self) -> bool:
        """Listen anew where the socket's file was removed or replaced; whoever is connected stays so.

        Returns whether that was needed. Raises as `start` does.
        """
        if self._listening is None or self._listening.in_place:
            return False
        old = self._listener
        await self.start()
        if old is not None:
            old.close()
        return True

    def publish(self, line: Record, owner_uid: int | None) -> None:
        """Send a record to all who subscribed to its kind, to each as much of it as its user may see.

        Done in the loop's next turn, for all that was published in this one: whoever publishes goes on at once, and
        many records are sent in one go. What a client does not read in time it is told that it missed. `owner_uid`
        is the user whose the record is, None where it is nobody's in particular.
        """
        if not self._news:
            asyncio.get_running_loop().call_soon(self._tell)
        self._news.append(News(line, owner_uid))

    async def close(self) -> None:
        """Tell what was published, listen no more, let calls under way end, then leave all clients.

        That is how they hear of it.
        """
        self._tell()
        self._shared.closing = True
        if self._listener is not None and self._listening is not None:
            self._listening.remove()
            self._listener.close()
        for client in tuple(self._shared.connections):
            client.part()
        if self._shared.work:
            _, late = await asyncio.wait(self._shared.work, timeout=self._shared.limits.parting_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for client in tuple(self._shared.connections):
            client.abort()
        await asyncio.sleep(0)  # aborting takes one turn of the loop

    def _tell(self) -> None:
        news, self._news = self._news, []
        for each in news:
            if each.seq is not None:
                self._shared.last_seq = each.seq
        for client in self._shared.subscribers:
            client.deliver(news)
