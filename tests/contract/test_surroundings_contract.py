"""What every teller of circumstances does, whichever platform it is of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.circumstance import Circumstance
from camguard.core.context import Context, Origin
from camguard.core.model import Process, ProcessIdentity
from camguard.platform.linux.surroundings import LinuxSurroundings
from camguard.platform.simulated.context import SimulatedSurroundings, pretend_context
from camguard.ports import Surroundings
from tests.support import privatebus
from tests.support.core_data import START
from tests.support.logind import About, Session, running
from tests.support.privatebus import PrivateBus

ANNA = 1000
PROCESS = Process(ProcessIdentity(100, 100, "boot-1"), "x", "/usr/bin/x", ANNA)
OF_THE_SESSION = (
    Circumstance.LOCKED, Circumstance.IDLE, Circumstance.INACTIVE, Circumstance.REMOTE, Circumstance.NO_SESSION,
)  # fmt: skip

Ask = Callable[[Surroundings], None]


class Simulated:
    """A folder that says what is to be pretended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def play(self, held: Circumstance | None, ask: Ask) -> None:
        if held is not None:
            pretend_context(self._folder, **{each.key: each is held for each in OF_THE_SESSION})
        ask(SimulatedSurroundings(self._folder))

    def close(self) -> None:
        """Nothing is held."""


class Linux:
    """logind on a bus of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bus = PrivateBus(folder)
        self._bus.start()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", self._bus.address)

    def play(self, held: Circumstance | None, ask: Ask) -> None:
        if held is None:
            return ask(LinuxSurroundings())
        about = About(ANNA, active=held is not Circumstance.INACTIVE, remote=held is Circumstance.REMOTE, desktop="KDE")
        session = Session("1", locked=held is Circumstance.LOCKED, idle=held is Circumstance.IDLE, about=about)
        sessions = () if held is Circumstance.NO_SESSION else (session,)

        async def played() -> None:
            async with running(self._bus.address, *sessions):
                await asyncio.to_thread(ask, LinuxSurroundings())

        return asyncio.run(played())

    def close(self) -> None:
        self._bus.stop()


@pytest.fixture(params=["linux", "simulated"])
def stage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Linux | Simulated]:
    if request.param == "linux" and privatebus.missing() is not None:
        pytest.skip(str(privatebus.missing()))
    made = Linux(tmp_path, monkeypatch) if request.param == "linux" else Simulated(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("held", OF_THE_SESSION)
def test_each_circumstance_of_a_session_is_told(stage: Linux | Simulated, held: Circumstance) -> None:
    heard: list[Context] = []
    stage.play(held, lambda surroundings: heard.append(surroundings.context(PROCESS, Origin())))
    assert heard[0].holds(held, START) is True
    others = [each for each in OF_THE_SESSION if each is not held]
    assert True not in [heard[0].holds(each, START) for each in others]


def test_where_nobody_tells_nothing_is_known_of_the_session(stage: Linux | Simulated) -> None:
    heard: list[Context] = []
    asked = (PROCESS, Process(None), Process(None, uid=ANNA))
    stage.play(None, lambda surroundings: heard.extend(surroundings.context(each, Origin()) for each in asked))
    assert len(heard) == len(asked)
    for context in heard:
        assert [context.holds(each, START) for each in OF_THE_SESSION] == [None] * len(OF_THE_SESSION)


def test_several_threads_may_ask_at_once(stage: Linux | Simulated) -> None:
    heard: list[Context] = []

    def ask(surroundings: Surroundings) -> None:
        with ThreadPoolExecutor(4) as threads:
            heard.extend(threads.map(lambda _: surroundings.context(PROCESS, Origin()), range(12)))

    stage.play(Circumstance.LOCKED, ask)
    assert [context.session.locked for context in heard] == [True] * 12


def test_pretended_circumstances_of_a_program_are_told(tmp_path: Path) -> None:
    surroundings = SimulatedSurroundings(tmp_path)
    for circumstance in Circumstance:
        for holds in (True, False):
            pretend_context(tmp_path, **{circumstance.key: holds})
            now = replace(START, utc_ns=time.time_ns())
            found = surroundings.context(PROCESS, Origin())
            assert found.holds(circumstance, now) is holds
            others = frozenset(Circumstance) - {circumstance}
            assert {found.holds(each, now) for each in others} == {None}


def test_a_pretence_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "context.toml").write_text("locked = perhaps")
    assert SimulatedSurroundings(tmp_path).context(PROCESS, Origin()) == Context()
