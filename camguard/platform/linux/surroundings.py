"""In which session a process uses a camera, and how that session is: as systemd-logind tells it.

What the desktop of a session says of it (locked, idle) any program of that user could say as well: logind believes
whoever owns the session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from camguard.core.context import Context, Origin, SessionState
from camguard.core.model import Process
from camguard.platform.linux.knowledge import knowledge
from camguard.platform.linux.logind import ROOT, Logind, NoAnswer, Nothing, connected

log = logging.getLogger(__name__)

_SEAT = ROOT + b"/seat/seat0"
_SESSION, _USER = b"Session", b"User"
_PEOPLE = (range(1000, 60_514),)
"""The uids that people have: see https://systemd.io/UIDS-GIDS."""


class LinuxSurroundings:
    """Asks logind anew each time: a camera is opened seldom."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Logind]] = connected) -> None:
        self._connect = connect
        self._silent = False
        self._locks: set[str] = set()

    def context(self, process: Process, origin: Origin) -> Context:
        """See `camguard.ports.Surroundings`."""
        return Context(self._session(process), origin)

    def _session(self, process: Process) -> SessionState:
        try:
            with self._connect() as logind:
                found = self._state(logind, process)
        except NoAnswer as error:
            if not self._silent:
                log.info("whether the screen is locked, and whose session it is, is not known: %s", error)
            self._silent = True
            return SessionState()
        self._silent = False
        return found

    def _state(self, logind: Logind, process: Process) -> SessionState:
        session, sessions = _own_session(logind, process.pid), None
        if session is None and process.uid is not None:
            session, sessions = _users_session(logind, process.uid)
        if session is not None:
            return self._of(logind, session)
        screen = _on_screen(logind)
        seen = SessionState() if screen is None else self._of(logind, screen)
        if process.uid is None:
            return SessionState(locked=seen.locked)
        # It has no session of its own: of that on the screen only whether that is locked is about this use.
        is_person = any(process.uid in people for people in _PEOPLE)
        return SessionState(locked=seen.locked, missing=is_person and sessions == 0)

    def _of(self, logind: Logind, session: bytes) -> SessionState:
        id_ = logind.text(session, _SESSION, b"Id")
        locked, idle = logind.flag(session, _SESSION, b"LockedHint"), logind.flag(session, _SESSION, b"IdleHint")
        if locked:
            self._locks.add(id_)
        told = id_ in self._locks or logind.text(session, _SESSION, b"Desktop") in knowledge().session.lock_telling
        service = logind.text(session, _SESSION, b"Service")
        remote = logind.flag(session, _SESSION, b"Remote") or service in knowledge().session.remote_services
        return SessionState(
            id=id_,
            locked=True if locked else False if told else None,
            idle=True if idle else None,
            idle_since_utc_ns=logind.number(session, _SESSION, b"IdleSinceHint") * 1000 if idle else None,
            inactive=not logind.flag(session, _SESSION, b"Active"),
            remote=remote,
            missing=False,
        )


def _own_session(logind: Logind, pid: int | None) -> bytes | None:
    """The session that a process was started in, unless that is only for a job or for the user's manager."""
    with suppress(Nothing):
        session = None if pid is None else logind.session_of(pid)
        if session is not None and not logind.text(session, _SESSION, b"Class").startswith(_NOT_SEEN):
            return session
    return None


_NOT_SEEN = ("background", "manager", "none")
"""Classes of sessions that nobody sits before, by their first letters."""


def _users_session(logind: Logind, uid: int) -> tuple[bytes | None, int]:
    """The session in which a user sees what his programs do, and how many he has.

    What a desktop starts is in none of them. It is the one with a display, else one at this machine, else any.
    """
    try:
        user = logind.user(uid)
        display = logind.one(user, _USER, b"Display")
        sessions = logind.all(user, _USER, b"Sessions")
    except Nothing:
        return None, 0
    seen = [each for each in sessions if not logind.text(each, _SESSION, b"Class").startswith(_NOT_SEEN)]
    here = [each for each in seen if not logind.flag(each, _SESSION, b"Remote")]
    return display or next(iter(here or seen), None), len(seen)


def _on_screen(logind: Logind) -> bytes | None:
    """The session that is active at the machine's first seat."""
    with suppress(Nothing, NoAnswer):  # a machine without a screen has no seat
        return logind.one(_SEAT, b"Seat", b"ActiveSession")
    return None
