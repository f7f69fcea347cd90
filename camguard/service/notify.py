"""Telling systemd how the service stands; see sd_notify(3). Without systemd nothing is told to nobody."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

_AGAIN_S = 0.2


class Notifier:
    """Sends states to the socket that systemd named in the environment, where it named one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_us = environ.get("WATCHDOG_USEC", "") if _meant(environ) else ""

    @property
    def watchdog_s(self) -> float | None:
        """How long systemd waits for a sign of life before it restarts the service; None where it does not."""
        return int(self._watchdog_us) / 1e6 if self._watchdog_us.isdecimal() else None

    def tell(self, *states: str) -> bool:
        """Send states such as ``WATCHDOG=1``; false where systemd does not read what it was told before.

        The guard never waits for that. Raises OSError where the socket cannot be had.
        """
        if not self._address:
            return True
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
            try:
                out.connect(self._address)
                out.sendall("\n".join(states).encode())
            except BlockingIOError:
                return False
        return True

    async def insist(self, *states: str) -> None:
        """Send states that systemd waits for, such as ``READY=1``: again and again until it takes them."""
        while not self.tell(*states):  # noqa: ASYNC110  # nothing tells when there is room
            await asyncio.sleep(_AGAIN_S)


def _meant(environ: Mapping[str, str]) -> bool:
    """Whether the watchdog is for this process and not for one that started it."""
    return environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
