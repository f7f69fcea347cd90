"""A guard's signs of life beside the log: should it die, or the machine, it is known until when it watched.

One wake-up in half a minute is what that costs. It must be on the disk by then: what a file system holds back for up
to 35 seconds (vm.dirty_expire_centisecs and dirty_writeback_centisecs, as they usually are) would be lost with the
power. While the machine sleeps the clock that this waits by stands still, and nothing is woken.
"""

from __future__ import annotations

import asyncio

from camguard.guard import Guard

BEAT_S = 30.0
"""How often at least. A crash leaves so much unknown, and what it takes to write: less than a minute."""


class Heart:
    """Leaves a guard's signs of life."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._writing: asyncio.Future[None] | None = None

    async def beat(self) -> None:
        """Leave one, once the engine has shown that it turns. Where it has ended this is cancelled.

        It is not waited for: a disk that hangs keeps nothing else up.
        """
        await self._guard.ask(lambda _: [])
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._guard.beat))

    async def keep_beating(self) -> None:
        """Leave signs of life until cancelled."""
        while True:
            await asyncio.sleep(BEAT_S)
            await self.beat()
