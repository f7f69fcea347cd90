"""What the engine has others do while it goes on: begun at any time, and never forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

Work = Coroutine[Any, Any, object]


class Errands:
    """Tasks of two sorts: actions, which are finished before all ends, and others, which are then left.

    A task that fails is the failure of the whole: `failed` raises it.
    """

    def __init__(self) -> None:
        """To be made on the running event loop."""
        self._actions: set[asyncio.Task[object]] = set()
        self._others: set[asyncio.Task[object]] = set()
        self._failed: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self._over = False

    def begin(self, work: Work) -> None:
        """Do something that may be left undone."""
        self._begin(work, self._others)

    def act(self, work: Work) -> None:
        """Do something that has to come to its end: a process asked to stop, a device half switched off."""
        self._begin(work, self._actions)

    async def failed(self) -> NoReturn:
        """Wait until a task fails, and raise what it raised."""
        await self._failed

    async def finish(self, patience_s: float) -> None:
        """Let the actions end, for so long at most; cancel whatever is left, and begin nothing any more."""
        end = asyncio.get_running_loop().time() + patience_s
        while self._actions and (left_s := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._actions, timeout=left_s)
        self._over = True
        tasks = self._actions | self._others
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._failed.cancel()

    def _begin(self, work: Work, among: set[asyncio.Task[object]]) -> None:
        if self._over:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(self._note)

    def _note(self, task: asyncio.Task[object]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is None:
            return
        if self._failed.done():  # all ends already, for another reason
            log.error("what was under way failed", exc_info=failure)
        else:
            self._failed.set_exception(failure)


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """Have something done whole: whoever is cancelled meanwhile is cancelled afterwards."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
