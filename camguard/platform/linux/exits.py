"""Who of some processes has ended: pidfds on the event loop (pidfd_open(2)), which need no rights."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from camguard.core.model import ProcessIdentity


class Exits:
    """Calls `ended` when one of the followed processes ends."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = ended
        self._pidfds: dict[ProcessIdentity, int] = {}

    def follow(self, identities: frozenset[ProcessIdentity]) -> None:
        """Follow these and nobody else.

        One that is gone already counts as ended. One that cannot be followed, for want of descriptors, is left to
        the scans.
        """
        for identity in self._pidfds.keys() - identities:
            self._forget(identity)
        for identity in identities - self._pidfds.keys():
            try:
                pidfd = os.pidfd_open(identity.pid)
            except ProcessLookupError:
                self._ended()
            except OSError:
                continue
            else:
                self._pidfds[identity] = pidfd
                self._loop.add_reader(pidfd, self._note, identity)

    def close(self) -> None:
        """Follow nobody any more."""
        self.follow(frozenset())

    def _note(self, identity: ProcessIdentity) -> None:
        self._loop.remove_reader(self._pidfds[identity])
        self._ended()

    def _forget(self, identity: ProcessIdentity) -> None:
        pidfd = self._pidfds.pop(identity)
        with suppress(ValueError):
            self._loop.remove_reader(pidfd)
        os.close(pidfd)
