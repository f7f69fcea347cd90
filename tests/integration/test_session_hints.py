"""What logind says of the session, from a logind on a bus of the test's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from camguard.desktop import session as session_hints
from camguard.desktop.reminders import Hints
from camguard.desktop.session import SessionHints
from tests.support import privatebus
from tests.support.logind import Session, running
from tests.support.privatebus import PrivateBus, until

pytestmark = pytest.mark.skipif(privatebus.missing() is not None, reason=str(privatebus.missing()))

LOCKED, IDLE, NOTHING = Hints(locked=True), Hints(idle=True), Hints()


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBus]:
    started = PrivateBus(tmp_path)
    started.start()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", started.address)
    monkeypatch.setattr(session_hints, "AGAIN_S", 0.02)
    try:
        yield started
    finally:
        started.stop()


def play(scene: Callable[[list[Hints]], Awaitable[None]], environ: Mapping[str, str]) -> list[Hints]:
    """A scene in which hints are followed; everything that was heard."""
    heard: list[Hints] = []

    async def played() -> None:
        following = asyncio.create_task(SessionHints(heard.append, environ).run())
        try:
            await scene(heard)
            assert not following.done(), "it ended by itself"
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    asyncio.run(played())
    return heard


def test_the_hints_of_the_named_session_are_followed(bus: PrivateBus) -> None:
    mine, other = Session("7", locked=True), Session("8", idle=True)

    async def scene(heard: list[Hints]) -> None:
        async with running(bus.address, mine, other, display=other):
            await until("it is heard that it is locked", lambda: heard == [LOCKED])
            mine.say(IdleHint=True)
            await until("it is idle too", lambda: heard[-1] == Hints(locked=True, idle=True))
            other.say(IdleHint=False)
            mine.say(LockedHint=False)
            await until("it is open", lambda: heard[-1] == IDLE)
            mine.say(IdleHint=False)
            await until("somebody is there", lambda: heard[-1] == NOTHING)
            mine.say(LockedHint=True)
            await until("it is locked again", lambda: heard[-1] == LOCKED)

    heard = play(scene, {"XDG_SESSION_ID": "7"})
    assert heard[:5] == [LOCKED, Hints(locked=True, idle=True), IDLE, NOTHING, LOCKED]


def test_without_a_name_it_is_the_users_session_with_a_display(bus: PrivateBus) -> None:
    mine, other = Session("7", idle=True), Session("8", locked=True)

    async def scene(heard: list[Hints]) -> None:
        async with running(bus.address, mine, other, display=mine):
            await until("it is heard", lambda: heard == [IDLE])
            mine.say(LockedHint=True)
            await until("it is locked too", lambda: heard[-1] == Hints(locked=True, idle=True))

    play(scene, {})


def test_not_set_is_not_known_and_is_never_false(bus: PrivateBus) -> None:
    mine = Session("7")

    async def scene(heard: list[Hints]) -> None:
        async with running(bus.address, mine):
            mine.say(LockedHint=False, IdleHint=False)
            mine.say(LockedHint=True)
            await until("it is locked", lambda: heard)

    heard = play(scene, {"XDG_SESSION_ID": "7"})
    assert all(hints.locked in (None, True) and hints.idle is None for hints in heard)
    assert heard[0] == LOCKED


def test_where_logind_goes_nothing_is_known_and_it_is_found_again(bus: PrivateBus) -> None:
    async def scene(heard: list[Hints]) -> None:
        async with running(bus.address, Session("7", locked=True)):
            await until("it is locked", lambda: heard == [LOCKED])
            bus.stop()
        await until("nothing is known", lambda: heard[-1] == NOTHING)
        bus.start()
        async with running(bus.address, Session("7", idle=True)):
            await until("it is idle", lambda: heard[-1] == IDLE)

    assert play(scene, {"XDG_SESSION_ID": "7"})[:3] == [LOCKED, NOTHING, IDLE]


@pytest.mark.parametrize("there", ["no bus", "no logind", "no such session", "no display"])
def test_where_there_is_none_nothing_is_known_and_that_is_said_once(
    bus: PrivateBus, there: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    tries, ready = 0, asyncio.Event()
    follow = SessionHints._follow

    async def counted(self: SessionHints) -> None:
        nonlocal tries
        await ready.wait()
        tries += 1
        await follow(self)

    monkeypatch.setattr(SessionHints, "_follow", counted)

    async def tried_again() -> None:
        ready.set()
        await until("it is tried again", lambda: tries > 5)
        said = [record.getMessage() for record in caplog.records if "is not known" in record.getMessage()]
        assert len(said) == 1, said

    async def scene(heard: list[Hints]) -> None:
        if there in {"no bus", "no logind"}:
            await tried_again()
            return
        async with running(bus.address, Session("8", locked=True)):
            await tried_again()

    if there == "no bus":
        bus.stop()
    environ = {} if there == "no display" else {"XDG_SESSION_ID": "7"}
    assert play(scene, environ) == []
