"""In which session a process is, from a logind on a bus of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.compose import platform
from camguard.config import Config
from camguard.core.context import Origin, SessionState
from camguard.core.model import Process, ProcessIdentity
from camguard.platform.linux import logind as ours
from camguard.platform.linux.surroundings import LinuxSurroundings
from tests.support import privatebus
from tests.support.logind import About, Session, running
from tests.support.privatebus import PrivateBus

pytestmark = pytest.mark.skipif(privatebus.missing() is not None, reason=str(privatebus.missing()))

ANNA, OTTO, DAEMON = 1000, 1001, 118
ORIGIN = Origin(temporary=True)


def user(pid: int, uid: int | None) -> Process:
    return Process(ProcessIdentity(pid, pid, "boot-1"), "x", "/usr/bin/x", uid)


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBus]:
    started = PrivateBus(tmp_path)
    started.start()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", started.address)
    try:
        yield started
    finally:
        started.stop()


def asked(
    bus: PrivateBus,
    process: Process,
    *sessions: Session,
    display: Session | None = None,
    on_screen: Session | None = None,
    lingering: frozenset[int] = frozenset(),
) -> SessionState:
    """What is found out about a process while there are these sessions."""

    async def ask() -> SessionState:
        async with running(bus.address, *sessions, display=display, on_screen=on_screen, lingering=lingering):
            found = await asyncio.to_thread(LinuxSurroundings().context, process, ORIGIN)
        assert found.origin is ORIGIN
        return found.session

    return asyncio.run(ask())


def test_a_process_of_a_session_is_in_that_one(bus: PrivateBus) -> None:
    mine = Session("7", locked=True, about=About(ANNA, (100,)))
    other = Session("8", about=About(ANNA, active=False))
    found = asked(bus, user(100, ANNA), mine, other, display=other)
    assert found == SessionState("7", locked=True, inactive=False, remote=False, missing=False)


def test_what_the_desktop_started_is_in_the_session_with_the_display(bus: PrivateBus) -> None:
    desk, ssh = Session("1", about=About(ANNA, active=False)), Session("2", about=About(ANNA, (5,), remote=True))
    found = asked(bus, user(100, ANNA), ssh, desk, display=desk)
    assert found == SessionState("1", inactive=True, remote=False, missing=False)
    assert asked(bus, user(5, ANNA), ssh, desk, display=desk).remote is True


@pytest.mark.parametrize(
    ("about", "remote"),
    [
        (About(ANNA, remote=True, service="sshd"), True),
        (About(ANNA, service="xrdp-sesman"), True),
        (About(ANNA, service="sshd"), True),
        (About(ANNA, service="login"), False),
    ],
)
def test_a_remote_session_is_told_by_logind_or_by_who_began_it(bus: PrivateBus, about: About, remote: bool) -> None:
    assert asked(bus, user(100, ANNA), Session("3", about=about)).remote is remote


@pytest.mark.parametrize(("desktop", "locked"), [("ubuntu", False), ("KDE", False), ("sway", None), ("", None)])
def test_only_a_desktop_that_tells_of_locks_is_believed_to_be_open(
    bus: PrivateBus, desktop: str, locked: bool | None
) -> None:
    about = About(ANNA, (100,), desktop=desktop)
    assert asked(bus, user(100, ANNA), Session("4", about=about)).locked is locked
    assert asked(bus, user(100, ANNA), Session("4", locked=True, about=about)).locked is True


def test_a_session_that_was_seen_locked_is_believed_to_be_open_afterwards(bus: PrivateBus) -> None:
    session, surroundings = Session("5", about=About(ANNA, (100,))), LinuxSurroundings()

    async def ask() -> list[bool | None]:
        heard = []
        async with running(bus.address, session):
            for locked in (False, True, False):
                session.say(LockedHint=locked)
                found = await asyncio.to_thread(surroundings.context, user(100, ANNA), ORIGIN)
                heard.append(found.session.locked)
        return heard

    assert asyncio.run(ask()) == [None, True, False]


def test_since_when_nobody_is_there(bus: PrivateBus) -> None:
    about = About(ANNA, (100,), idle_since_us=1_790_000_000_000_000)
    found = asked(bus, user(100, ANNA), Session("6", idle=True, about=about))
    assert (found.idle, found.idle_since_utc_ns) == (True, 1_790_000_000_000_000_000)
    assert asked(bus, user(100, ANNA), Session("6", about=about)).idle is None


def test_a_person_who_is_not_logged_in_has_no_session(bus: PrivateBus) -> None:
    desk = Session("1", locked=True, about=About(OTTO))
    for lingering in (frozenset[int](), frozenset({ANNA})):
        found = asked(bus, user(100, ANNA), desk, on_screen=desk, lingering=lingering)
        assert found == SessionState(locked=True, missing=True)


def test_a_job_or_the_manager_of_a_user_is_no_session(bus: PrivateBus) -> None:
    job = Session("7", about=About(ANNA, (100,), kind="background-light"))
    manager = Session("8", about=About(ANNA, (101,), kind="manager"))
    assert asked(bus, user(100, ANNA), job, manager).missing is True
    desk = Session("9", about=About(ANNA))
    assert asked(bus, user(100, ANNA), job, manager, desk).id == "9"


def test_an_account_of_the_systems_own_needs_no_session(bus: PrivateBus) -> None:
    desk = Session("1", locked=True, about=About(ANNA))
    for uid in (0, DAEMON, 65_534, 61_184):
        assert asked(bus, user(100, uid), desk, on_screen=desk) == SessionState(locked=True, missing=False)
    assert asked(bus, user(100, DAEMON)) == SessionState(missing=False)


def test_of_a_process_that_was_not_known_only_the_screen_is(bus: PrivateBus) -> None:
    desk = Session("1", locked=True, about=About(ANNA))
    assert asked(bus, Process(None), desk, on_screen=desk) == SessionState(locked=True)


def test_a_guard_of_real_cameras_asks_logind(bus: PrivateBus, tmp_path: Path) -> None:
    edges = platform(Config(tmp_path / "journal.db", tmp_path / "rules.toml"))
    assert isinstance(edges.surroundings, LinuxSurroundings)
    assert {rule.id for rule in edges.shipped} >= {"login.gdm.1", "login.howdy.1"}


def test_the_doctor_is_told_whether_logind_answers(bus: PrivateBus) -> None:
    async def ask() -> str | None:
        async with running(bus.address, Session("1")):
            return await asyncio.to_thread(ours.answers)

    assert asyncio.run(ask()) is None
    assert str(ours.answers()).startswith("logind does not answer")


def test_a_logind_that_does_not_answer_leaves_all_unknown(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    surroundings = LinuxSurroundings()
    assert surroundings.context(user(100, ANNA), ORIGIN).session == SessionState()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    assert surroundings.context(user(100, ANNA), ORIGIN).session == SessionState()
    monkeypatch.setattr(ours, "libsystemd", lambda: None)
    assert surroundings.context(user(100, ANNA), ORIGIN).session == SessionState()
