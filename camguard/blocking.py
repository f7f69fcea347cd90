"""What a block needs before and behind the commit of its pending entry: who it is, and the blow itself.

Nothing is done before that entry is on disk, and little that could have been done before is done after it: meanwhile
what would be lost with the process is read, and a thread stands ready that ends it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from camguard.core.casebook import Identify, Identity
from camguard.core.model import Outcome
from camguard.ending import Order, end_each
from camguard.ports import History, Platform, Tell

SECURE_S = 0.05
"""How long ending a blocked program may wait until what would be lost with it is in hand."""

HURRY_S = 0.02
"""How long an entry may wait until it is known who it is about, where that may be somebody who is to be ended."""

DEALT_S = 0.02
"""How long those who are told of a block wait for it to be dealt."""


class Findings:
    """Finds out who uses a camera, in threads of its own: hashing a large executable never holds up a commit."""

    def __init__(self, platform: Platform, history: History) -> None:
        self._platform = platform
        self._history = history
        self._secured: dict[int, threading.Event] = {}
        self._threads = ThreadPoolExecutor(2, "camguard-identify")

    def begin(self, wish: Identify) -> asyncio.Future[Identity]:
        """Begin to find out who it is; a process may soon be gone."""
        secured = self._secured[wish.number] = threading.Event()
        found = asyncio.get_running_loop().run_in_executor(self._threads, self._find_out, wish, secured)
        found.add_done_callback(lambda _: self._secured.pop(wish.number))
        return found

    def secured(self, number: int) -> threading.Event | None:
        """What is set once all is in hand that would be lost with the processes of a use; None where it is."""
        return self._secured.get(number)

    def close(self) -> None:
        """Begin nothing more; what is under way is left to itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _find_out(self, wish: Identify, secured: threading.Event) -> Identity:
        try:
            app, details = self._platform.identifier.identify(wish.process, secured.set)
        finally:
            secured.set()
        times, last = self._history.times_seen(app.identity) if app.known else (0, None)
        return Identity(app, details, times, last)


class Blow:
    """The end of a blocked use's processes, by a thread that waits for the word from the moment on that this is made.

    To be made on the running event loop. Either `fall` or `call_off` must be called.
    """

    def __init__(self, platform: Platform, order: Order, tell: Tell, secured: threading.Event | None) -> None:
        self._platform = platform
        self._order = order
        self._tell = tell
        self._secured = secured
        self._word = threading.Event()
        self._called_off = False
        self.dealt: asyncio.Future[Sequence[Outcome]] = asyncio.get_running_loop().run_in_executor(None, self._deal)
        """What came of it."""

    def fall(self) -> None:
        """The pending entry is on disk; from any thread."""
        self._word.set()

    def call_off(self) -> None:
        """The entry will not come to the disk: nothing is to be done. Too late after `fall`."""
        self._called_off = not self._word.is_set()
        self._word.set()

    def _deal(self) -> Sequence[Outcome]:
        self._word.wait()
        if self._called_off:
            return ()
        if self._secured is not None:
            self._secured.wait(SECURE_S)
        return end_each(self._platform, self._order.processes, self._tell, self._order.patience_s)
