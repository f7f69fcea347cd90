"""Following what a guard tells, for programs that pass it on: from a thread, again and again, whatever comes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from camguard.access.remote import Remote
from camguard.config import SOCKET_PATH, session_socket
from camguard.core.records import Record
from camguard.errors import CamguardError, ServiceError
from camguard.ipc.client import ROOT_ONLY, connect

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class Hearer(Protocol):
    """Who is told. All is called on the follower's thread; it must not take long."""

    def begun(self, status: Record) -> None:
        """A guard answers, and stands so (``camguard status --json``); what it told before is out of date."""

    def told(self, record: Record) -> None:
        """Something happened, in the shape of ``watch --json``."""

    def gone(self) -> None:
        """No guard answers any more."""


class Follower:
    """Follows a guard until it is stopped. `connect` gives a connection, or None where no guard listens."""

    def __init__(self, connect: Callable[[], Remote | None], hearer: Hearer) -> None:
        self._connect = connect
        self._hearer = hearer
        self._stopped = threading.Event()
        self._remote: Remote | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="camguard-follower", daemon=True)
        self._trouble: str | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for that."""
        self._stopped.set()
        with self._lock:
            if self._remote is not None:
                self._remote.client.hang_up()
        self._thread.join()

    def _follow(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopped.is_set():
            try:
                answered = self._once()
            except CamguardError as error:
                answered = False
                self._complain(str(error))
            pause_s = FIRST_PAUSE_S if answered else min(pause_s * 2, LONGEST_PAUSE_S)
            self._stopped.wait(pause_s)

    def _once(self) -> bool:
        remote = self._connect()
        if remote is None:
            raise ServiceError("no guard answers; waiting for one")
        with self._lock:
            self._remote = remote
            if self._stopped.is_set():
                remote.client.hang_up()
        try:
            return self._listen(remote)
        finally:
            with self._lock:
                self._remote = None
            remote.close()

    def _listen(self, remote: Remote) -> bool:
        """Pass on what is told until the guard goes."""
        remote.subscribe()
        self._hearer.begun(remote.status())
        log.info("following the guard (camguard %s)", remote.client.version)
        self._trouble = None
        try:
            for record in remote.happenings():
                if self._stopped.is_set():
                    break
                self._hearer.told(record)
        finally:
            self._hearer.gone()
        self._complain("the guard is gone; waiting for it")
        return True

    def _complain(self, why: str) -> None:
        """Say what is in the way, once."""
        if why != self._trouble and not self._stopped.is_set():
            self._trouble = why
            log.warning("%s", why)


def find_guard(socket: Path | None = None) -> Remote | None:
    """The service, else the guard that this user's tray runs; None where neither listens."""
    client = connect(socket or SOCKET_PATH, trusted_uids=ROOT_ONLY if socket is None else frozenset({0, os.getuid()}))
    if client is None and socket is None:
        own = session_socket()
        client = None if own is None else connect(own, trusted_uids=frozenset({os.getuid()}))
    return None if client is None else Remote(client)
