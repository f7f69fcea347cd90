"""Our icon through its life: panels and buses that come and go, what fails in it, and how it is run and stopped."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier import watcher
from camguard.desktop.statusnotifier.address import NO_BUS
from camguard.desktop.statusnotifier.backend import Icon
from camguard.desktop.trayapi import Menu, MenuItem
from tests.support import privatebus
from tests.support.icon_served import Deeds, on_loop, served, session_bus
from tests.support.privatebus import PrivateBus, until
from tests.support.sessionbus import panel

pytestmark = pytest.mark.skipif(privatebus.missing() is not None, reason=privatebus.missing() or "")


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[PrivateBus]:
    with session_bus(tmp_path) as found:
        yield found


@pytest.fixture
def deeds() -> Deeds:
    return Deeds()


@on_loop
async def test_the_icon_is_registered_again_with_another_panel(bus: PrivateBus, deeds: Deeds) -> None:
    async with served(deeds) as icon:
        await until("it is known that there is none", lambda: deeds.standing)
        assert deeds.standing == [(False, watcher.NO_WATCHER)]
        for _ in range(2):
            async with panel(bus.address) as there:
                await there.told_of()
                await until("registered", lambda: icon.registered)
            await until("gone", lambda: not icon.registered)
        assert [registered for registered, _ in deeds.standing] == [False, True, False, True, False]
        assert icon.trouble == watcher.NO_WATCHER


@on_loop
async def test_a_panel_that_does_not_take_it_is_asked_again(bus: PrivateBus, deeds: Deeds) -> None:
    async with panel(bus.address, refusals=3) as there, served(deeds) as icon:
        await there.told_of()
        await until("registered", lambda: icon.registered)
        assert there.refusals == 0


@on_loop
async def test_a_panel_that_never_takes_it_is_named(bus: PrivateBus, deeds: Deeds) -> None:
    async with served(deeds) as icon:
        async with panel(bus.address, refusals=1000) as there:
            await until("it has given up", lambda: icon.trouble == watcher.REFUSED)
            assert there.items == []
        async with panel(bus.address) as there:
            await there.told_of()


@on_loop
async def test_the_icon_is_there_again_after_the_bus(bus: PrivateBus, deeds: Deeds) -> None:
    async with served(deeds, Menu(deeds.item("A"))) as icon:
        for _ in range(2):
            async with panel(bus.address) as there:
                await there.told_of()
                await until("registered", lambda: icon.registered)
                bus.stop()
                await until("the loss is told", lambda: icon.trouble == NO_BUS)
                icon.title = "changed meanwhile"
            bus.start()
        async with panel(bus.address) as there:
            await there.told_of()
            assert (await there.properties())["Title"] == "changed meanwhile"
            await there.click((await there.rows())["A"])
            await until("the click is done", lambda: deeds.done)


@on_loop
async def test_what_a_callable_raises_is_logged_and_the_icon_goes_on(bus: PrivateBus, deeds: Deeds) -> None:
    def fail(*_: object) -> Any:
        raise ValueError("on purpose")

    async def fail_later() -> None:
        raise ValueError("on purpose, later")

    menu = Menu(MenuItem("Fail 100%", fail), MenuItem("Later", fail_later), deeds.item("Fine"))
    with logged() as records:
        async with panel(bus.address) as there, served(deeds, menu) as icon:
            await there.told_of()
            rows = await there.rows()
            for row in rows.values():
                await there.click(row)
            await until("all were tried", lambda: deeds.done and len(records) == 2)
            icon.menu = Menu(MenuItem(fail, None))
            await until("the menu was tried", lambda: len(records) == 3)
            assert await there.rows() == rows
    assert [record.getMessage() for record in records] == [
        "the menu's row 'Fail 100%' failed",
        "the menu's row 'Later' failed",
        "the icon or its menu cannot be made; it stays as it was",
    ]
    assert all(record.exc_info is not None for record in records)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class logged:  # noqa: N801  # a context manager
    """What the icon logs of errors."""

    def __enter__(self) -> list[logging.LogRecord]:
        self._kept = _Kept()
        self._kept.setLevel(logging.ERROR)
        logging.getLogger("camguard.desktop").addHandler(self._kept)
        return self._kept.records

    def __exit__(self, *_: object) -> None:
        logging.getLogger("camguard.desktop").removeHandler(self._kept)


@on_loop
async def test_what_should_not_happen_ends_it_loudly(bus: PrivateBus, deeds: Deeds) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError("on purpose")

    icon = Icon("camguard", draw(Look.IDLE))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(watcher, "session_bus", fail)
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            await icon.serve()
    assert not icon.visible


# As pystray's own are used.


@on_loop
async def test_it_runs_detached_is_hidden_shown_and_stopped(bus: PrivateBus, deeds: Deeds) -> None:
    async with panel(bus.address) as there:
        icon = Icon("camguard", draw(Look.IDLE), "camguard", Menu(deeds.item("A"), MenuItem("Quit", Icon.stop)))
        await asyncio.to_thread(icon.run_detached)
        first = await there.told_of()
        await there.click((await there.rows())["A"])
        await until("the click", lambda: deeds.done == ["A"])
        icon.visible = False
        await there.loses(first)
        icon.visible = True
        second = await there.told_of(2)
        assert second != first
        await there.click((await there.rows())["Quit"])
        await there.loses(second)
        await until("its thread ends", lambda: not [t for t in threading.enumerate() if t.name == "camguard icon"])
        assert not icon.visible


@on_loop
async def test_it_runs_with_a_set_up_of_ones_own(bus: PrivateBus, deeds: Deeds) -> None:
    def set_up(icon: Icon) -> None:
        deeds.do("set up")
        icon.visible = True

    async with panel(bus.address) as there:
        icon = Icon("camguard", draw(Look.IDLE))
        running = asyncio.create_task(asyncio.to_thread(icon.run, set_up))
        await there.told_of()
        assert deeds.done == ["set up"]
        await asyncio.to_thread(icon.stop)
        await running


@on_loop
async def test_served_until_cancelled(bus: PrivateBus, deeds: Deeds) -> None:
    async with panel(bus.address) as there:
        icon = Icon("camguard", draw(Look.IDLE))
        serving = asyncio.create_task(icon.serve())
        name = await there.told_of()
        with pytest.raises(RuntimeError, match="already"):
            await icon.serve()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        await there.loses(name)
        icon.title, icon.menu = "nobody hears", Menu(deeds.item("A"))
        with pytest.raises(ValueError, match="without icon data"):
            await Icon("camguard").serve()
