"""Our icon on a real session bus, before somebody who takes icons as a panel does."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dbus_fast.errors import DBusError
from dbus_fast.signature import Variant
from PIL import Image

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier import watcher
from camguard.desktop.statusnotifier.address import NO_BUS
from camguard.desktop.statusnotifier.backend import Icon
from camguard.desktop.statusnotifier.rows import LONGEST_TEXT
from camguard.desktop.trayapi import Menu, MenuItem
from tests.support import privatebus, sessionbus
from tests.support.privatebus import PrivateBus, until
from tests.support.sessionbus import panel

pytestmark = pytest.mark.skipif(privatebus.missing() is not None, reason=privatebus.missing() or "")


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBus]:
    """A bus that is the session's for this process."""
    found = PrivateBus(tmp_path)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", found.address)
    monkeypatch.setattr(watcher, "SHORTEST_PAUSE_S", 0.01)
    found.start()
    yield found
    found.stop()


class Deeds:
    """What was done by clicks, and what was heard about registration."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.standing: list[tuple[bool, str | None]] = []

    def item(self, label: str, **options: Any) -> MenuItem:
        return MenuItem(label, partial(self.do, label), **options)

    def do(self, label: str, *_: object) -> None:
        self.done.append(label)


@pytest.fixture
def deeds() -> Deeds:
    return Deeds()


@asynccontextmanager
async def served(deeds: Deeds, menu: Menu | None = None, title: str = "camguard") -> AsyncIterator[Icon]:
    """An icon on the running loop."""

    def stands(registered: bool) -> None:
        deeds.standing.append((registered, icon.trouble))

    icon = Icon("camguard", draw(Look.IDLE), title, menu, on_registration=stands)
    serving = asyncio.create_task(icon.serve())
    try:
        yield icon
        assert not serving.done(), "the icon went"
    finally:
        icon.stop()
        await serving


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine."""

    def run(bus: PrivateBus, deeds: Deeds) -> None:
        asyncio.run(test(bus, deeds))

    return run


@on_loop
async def test_it_is_registered_and_read(bus: PrivateBus, deeds: Deeds) -> None:
    async with panel(bus.address) as there, served(deeds, title="Camera in use\nFirefox <b>&\x1b") as icon:
        assert (await there.told_of()).startswith(":")
        found = await there.properties()
        assert found["Status"] == "Active"
        assert (found["Id"], found["Category"], found["Menu"]) == ("camguard", "Hardware", "/MenuBar")
        assert found["Title"] == "Camera in use"
        assert found["ToolTip"] == ("", [], "Camera in use", "Firefox &lt;b&gt;&amp;\\x1b")
        assert [width for width, _, _ in found["IconPixmap"]] == [16, 22, 24, 32, 48, 64]
        assert found["ItemIsMenu"] is True
        await until("registered", lambda: icon.registered)
        assert (icon.trouble, deeds.standing) == (None, [(True, None)])


@on_loop
async def test_rows_are_read_and_clicked(bus: PrivateBus, deeds: Deeds) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0)
        deeds.do("Slowly")

    menu = Menu(
        deeds.item("End my_app"),
        MenuItem("More", Menu(deeds.item("Off", enabled=False), deeds.item("On", checked=lambda _: True))),
        MenuItem("Slowly", slowly),
        Menu.SEPARATOR,
        deeds.item("Activity…", default=True),
    )
    async with panel(bus.address) as there, served(deeds, menu):
        await there.told_of()
        rows = await there.rows()
        assert list(rows) == ["End my__app", "More", "Off", "On", "Slowly", "-", "Activity…"]
        for label in ("End my__app", "More", "Off", "-", "On", "Slowly"):
            await there.click(rows[label])
        await until("all is done", lambda: "Slowly" in deeds.done)
        assert deeds.done == ["End my_app", "On", "Slowly"]
        assert (await there.properties())["ItemIsMenu"] is False
        for member in ("Activate", "SecondaryActivate", "ContextMenu"):
            await there.ask("/StatusNotifierItem", sessionbus.ITEM, member, "ii", 0, 0)
        await until("the default action, twice", lambda: len(deeds.done) == 5)
        assert deeds.done[3:] == ["Activity…", "Activity…"]


@on_loop
async def test_properties_are_read_by_name_and_default(bus: PrivateBus, deeds: Deeds) -> None:
    menu = Menu(deeds.item("A", enabled=False), deeds.item("B", checked=lambda _: False, radio=True))
    async with panel(bus.address) as there, served(deeds, menu):
        await there.told_of()
        rows = await there.rows()
        groups = await there.menu("GetGroupProperties", "aias", [rows["A"], 999], ["enabled", "toggle-type"])
        assert [(number, {k: v.value for k, v in found.items()}) for number, found in groups] == [
            (rows["A"], {"enabled": False})
        ]
        assert len(await there.menu("GetGroupProperties", "aias", [], [])) == 3
        assert (await there.menu("GetProperty", "is", rows["B"], "toggle-type")).value == "radio"
        assert (await there.menu("GetProperty", "is", rows["B"], "enabled")).value is True
        for row, name in ((rows["B"], "no-such"), (999, "label")):
            with pytest.raises(DBusError):
                await there.menu("GetProperty", "is", row, name)
        _, (_, _, below) = await there.menu("GetLayout", "iias", 0, 0, [])
        assert below == []
        with pytest.raises(DBusError, match="the menu has changed"):
            await there.menu("GetLayout", "iias", 999, -1, [])


@on_loop
async def test_a_plain_click_without_a_default_says_that_it_has_no_use(bus: PrivateBus, deeds: Deeds) -> None:
    async with panel(bus.address) as there, served(deeds, Menu(deeds.item("A"))):
        await there.told_of()
        with pytest.raises(DBusError, match="no default"):
            await there.ask("/StatusNotifierItem", sessionbus.ITEM, "Activate", "ii", 0, 0)
        assert deeds.done == []


@on_loop
async def test_a_click_on_a_row_that_has_gone_does_nothing(bus: PrivateBus, deeds: Deeds) -> None:
    async with panel(bus.address) as there, served(deeds, Menu(deeds.item("Firefox"), deeds.item("Stays"))) as icon:
        await there.told_of()
        before = await there.rows()
        icon.menu = Menu(deeds.item("Zoom"), deeds.item("Stays"))
        await until("the change is told", lambda: there.told["LayoutUpdated"])
        with pytest.raises(DBusError, match="the menu has changed"):
            await there.click(before["Firefox"])
        now = await there.rows()
        assert now["Stays"] == before["Stays"]
        events = [(number, "clicked", Variant("i", 0), 0) for number in (before["Firefox"], now["Zoom"])]
        assert await there.menu("EventGroup", "a(isvu)", events) == [before["Firefox"]]
        await until("the other is done", lambda: deeds.done)
        assert deeds.done == ["Zoom"]


@on_loop
async def test_the_menu_is_made_anew_before_it_opens(bus: PrivateBus, deeds: Deeds) -> None:
    minutes = [3]
    menu = Menu(MenuItem(lambda _: f"for {minutes[0]} min", partial(deeds.do, "end")))
    async with panel(bus.address) as there, served(deeds, menu):
        await there.told_of()
        before = await there.rows()
        assert await there.menu("AboutToShow", "i", 0) is False
        minutes[0] = 4
        assert await there.menu("AboutToShowGroup", "ai", [0, 999]) == [[0], [999]]
        assert await there.rows() == {"for 4 min": before["for 3 min"]}
        assert await there.menu("AboutToShow", "i", before["for 3 min"]) is False
        await until("others are told too", lambda: there.told["ItemsPropertiesUpdated"])


@on_loop
async def test_nothing_is_told_when_nothing_has_changed(bus: PrivateBus, deeds: Deeds) -> None:
    def menu() -> Menu:
        return Menu(deeds.item("A"), MenuItem("B", Menu(deeds.item("C"))), MenuItem("nothing", None))

    async with panel(bus.address) as there, served(deeds, menu()) as icon:
        await there.told_of()
        before = await there.rows()
        icon.menu, icon.icon, icon.title = menu(), draw(Look.IDLE).copy(), "camguard"
        icon.update_menu()
        icon.title = "another"  # so that there is something to wait for
        await until("the title", lambda: there.told["NewTitle"])
        await there.synchronise()
        assert set(there.told) == {"NewTitle", "NewToolTip"}
        assert await there.rows() == before


@on_loop
async def test_a_thousand_updates_a_second_are_few_signals_and_the_last_is_out(bus: PrivateBus, deeds: Deeds) -> None:
    looks = list(Look)
    async with panel(bus.address) as there, served(deeds) as icon:
        await there.told_of()

        def flood() -> float:
            began = time.monotonic()
            for number in range(1000):
                icon.icon = draw(looks[number % len(looks)])
                icon.title = f"update {number}"
                icon.menu = Menu(deeds.item(f"row {number}"), deeds.item("stays"))
                time.sleep(0.001)
            return time.monotonic() - began

        took = await asyncio.to_thread(flood)
        rounds = took / 0.2 + 3

        async def is_last() -> bool:
            return bool((await there.properties())["Title"] == "update 999")

        await until("the last update", is_last)
        assert (await there.properties())["IconPixmap"][0][2] == _pixels(draw(looks[999 % len(looks)], 16))
        assert set(await there.rows()) == {"row 999", "stays"}
        for name in ("NewIcon", "NewTitle", "NewToolTip", "LayoutUpdated"):
            assert 0 < there.told[name] <= rounds, there.told


def _pixels(image: Image.Image) -> bytes:
    red, green, blue, alpha = image.split()
    return Image.merge("RGBA", (alpha, red, green, blue)).tobytes()


@on_loop
async def test_names_from_processes_are_harmless(bus: PrivateBus, deeds: Deeds) -> None:
    names = [
        "--help",
        "-A x",
        "<b>",
        "<a href='x'>",
        "a\u202eb",
        "n" * 10_000,
        "\x1b[31m\x07\x00",
        "\ud800",
        "_\n_",
        "",
    ]
    async with panel(bus.address) as there, served(deeds, Menu(*map(deeds.item, names)), title="\n".join(names)):
        await there.told_of()
        labels = list(await there.rows())
        assert len(labels) == len(names)
        assert all(label.isprintable() and len(label) <= LONGEST_TEXT + 10 for label in labels)
        assert labels[:4] == names[:4]
        assert "\\u202e" in labels[4]
        found = await there.properties()
        assert "<" not in found["ToolTip"][3]
        assert found["Title"] == "--help"
        for number in (await there.rows()).values():
            await there.click(number)
        await until("each is clicked", lambda: len(deeds.done) == len(names))
        assert deeds.done == names


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
