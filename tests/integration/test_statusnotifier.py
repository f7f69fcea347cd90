"""Our icon on a real session bus, before somebody who takes icons as a panel does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from dbus_fast.errors import DBusError
from dbus_fast.signature import Variant
from PIL import Image

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier.rows import LONGEST_TEXT
from camguard.desktop.trayapi import Menu, MenuItem
from tests.support import privatebus, sessionbus
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
