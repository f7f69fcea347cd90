"""Our icon on a real XFCE panel: seen, changed, its menu opened and clicked, through a restart and a flood."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from tests.support import desktop as desktops
from tests.support.desktop import LEFT, RIGHT, Box, Desktop, until

pytestmark = pytest.mark.system

PLAIN = (255, 0, 255)
OTHER = (0, 255, 255)
KEPT = os.environ.get("CAMGUARD_PICTURES")
"""A folder to keep pictures of the screen in."""


@pytest.fixture(scope="module")
def place() -> Iterator[Desktop]:
    with desktops.desktop() as found:
        yield found


class Actor:
    """The program in `icon.py`, which does as it is told."""

    def __init__(self, place: Desktop) -> None:
        self.place = place
        self.process = place.python("-m", "tests.system.desktop.icon")
        self._said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, line: str) -> None:
        """Have it do something, to the end."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self.hear("done")

    def asked(self, line: str) -> str:
        """What it says when it is told to do something."""
        self._said.clear()
        self.tell(line)
        return self._said.pop(0)

    def hear(self, words: str) -> None:
        """Wait until it says this."""
        until(lambda: words in self._said, f"it says {words!r}")
        self._said.remove(words)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError):  # closed meanwhile
            for line in self.process.stdout:
                self._said.append(line.strip())

    def box(self, colour: tuple[int, int, int] = PLAIN) -> Box:
        """Where the icon is, once it is seen in that colour."""
        found = until(lambda: self.place.find(colour), f"an icon of {colour}")
        assert found is not None
        return found

    def menu(self) -> Box:
        """Open the menu, and where it is."""
        before = self.place.windows("wrapper-2.0")
        self.place.click(self.box(), RIGHT)
        opened = until(lambda: set(self.place.windows("wrapper-2.0")) - set(before), "the menu opens")
        return self.place.windows("wrapper-2.0")[opened.pop()]


@pytest.fixture
def actor(place: Desktop) -> Iterator[Actor]:
    found = Actor(place)
    yield found
    desktops.end(found.process)
    until(lambda: not place.find(PLAIN) and not place.find(OTHER), "the icon goes")


def keep(place: Desktop, name: str) -> None:
    if KEPT:
        Path(KEPT).mkdir(parents=True, exist_ok=True)
        place.picture().save(Path(KEPT) / f"icon-{name}.png")


def row(menu: Box, index: int, count: int) -> Box:
    """A row of a menu of so many plain rows; around them is a shadow, and a little room."""
    left, top, right, bottom = menu
    shadow = 10
    height = (bottom - top - 2 * shadow) / count
    return (
        left + shadow,
        round(top + shadow + index * height),
        right - shadow,
        round(top + shadow + (index + 1) * height),
    )


def test_it_is_seen_and_changes(actor: Actor) -> None:
    left, top, right, bottom = actor.box()
    assert (right - left, bottom - top) == (22, 22)
    actor.tell('icon.icon = plain("#00ffff")')
    assert actor.box(OTHER) == (left, top, right, bottom)
    actor.tell("icon.visible = False")
    until(lambda: not actor.place.find(OTHER), "it is hidden")
    actor.tell("icon.visible = True")
    assert actor.box(OTHER) == (left, top, right, bottom)


def test_each_look_is_shown(actor: Actor) -> None:
    box = actor.box()
    for look in Look:
        actor.tell(f"icon.icon = draw(Look.{look.name})")
        until(lambda: nearest(actor.place.picture().crop(box)) is look, f"{look} is shown")  # noqa: B023  # used at once
        keep(actor.place, look.value)


def nearest(seen: Image.Image) -> Look | None:
    """The look that is seen; None where it is none of them. XFCE takes the largest picture and scales it itself."""
    ground = seen.getpixel((0, 0))
    apart = {}
    for look in Look:
        drawn = Image.new("RGB", seen.size, ground)
        icon = draw(look, seen.width)
        drawn.paste(icon, (0, 0), icon)
        apart[look] = sum(ImageStat.Stat(ImageChops.difference(seen, drawn)).mean)
    best = min(apart, key=lambda look: apart[look])
    return best if apart[best] < min(other for look, other in apart.items() if look is not best) / 2 else None


def test_rows_of_its_menu_are_clicked(actor: Actor) -> None:
    menu = actor.menu()
    keep(actor.place, "menu")
    actor.place.click(row(menu, 1, 3), LEFT)
    actor.hear("clicked second")
    actor.place.click(row(actor.menu(), 2, 3), LEFT)
    actor.hear("clicked third")


def test_a_plain_click_does_the_default_action(actor: Actor) -> None:
    actor.tell('icon.menu = Menu(item("open", default=True), item("other"))')
    until(lambda: actor.place.run(*is_menu(actor.place)).strip() == "(<false>,)", "it is known")
    actor.place.end_panel()
    actor.place.start_panel()  # for a panel asks but once what a plain click is for
    actor.place.click(actor.box(), LEFT)
    actor.hear("clicked open")


def is_menu(place: Desktop) -> tuple[str, ...]:
    """The command that asks the icon whether a plain click opens its menu."""
    names = place.run(
        *("gdbus", "call", "--session", "--dest", "org.kde.StatusNotifierWatcher"),
        *("--object-path", "/StatusNotifierWatcher", "--method", "org.freedesktop.DBus.Properties.Get"),
        *("org.kde.StatusNotifierWatcher", "RegisteredStatusNotifierItems"),
    )
    [name] = names.split("'")[1:2]
    return (
        *("gdbus", "call", "--session", "--dest", name.split("/")[0], "--object-path", "/StatusNotifierItem"),
        *("--method", "org.freedesktop.DBus.Properties.Get", "org.kde.StatusNotifierItem", "ItemIsMenu"),
    )


def test_a_row_clicked_after_the_menu_has_changed_does_what_it_says(actor: Actor) -> None:
    """The menu stays open while another row comes in the place of the first, under the pointer."""
    menu = actor.menu()
    actor.tell('icon.menu = Menu(item("new"), item("second"), item("third"))')
    actor.place.click(row(menu, 1, 3), LEFT)
    actor.hear("clicked second")


def test_hostile_names_are_shown_as_they_are(actor: Actor) -> None:
    actor.tell('icon.menu = Menu(*map(item, ["<b>--help_me</b>", "-A x", "a\\u202eb", "\\x1b[31m\\n", "n" * 10_000]))')
    menu = actor.menu()
    keep(actor.place, "hostile")
    actor.place.click(row(menu, 1, 5), LEFT)
    actor.hear("clicked -A x")


def test_it_is_back_after_the_panel(actor: Actor) -> None:
    where = actor.box()
    actor.place.end_panel()
    assert actor.place.find(PLAIN) is None
    actor.place.start_panel()
    assert actor.box() == where
    actor.place.click(row(actor.menu(), 0, 3), LEFT)
    actor.hear("clicked first")


def test_a_thousand_updates_a_second_do_the_panel_no_harm(actor: Actor) -> None:
    actor.box()
    before = actor.place.panel()
    assert len(before) == 2
    actor.tell("flood(1000, 2)")
    actor.box()
    actor.place.click(row(actor.menu(), 0, 1), LEFT)
    actor.hear("clicked last")
    assert actor.place.panel() == before


def test_a_notification_is_shown_and_taken_away(actor: Actor) -> None:
    actor.box()
    actor.tell('icon.notify("Firefox <b>is</b> using the camera", "camguard")')
    until(lambda: actor.place.windows("xfce4-notifyd"), "it is shown")
    keep(actor.place, "notification")
    actor.tell("icon.remove_notification()")
    until(lambda: not actor.place.windows("xfce4-notifyd"), "it is taken away")


def test_without_a_panel_it_says_what_to_install() -> None:
    with desktops.desktop("--no-panel", "--notify", "none") as place:
        actor = Actor(place)
        until(lambda: actor.asked("say(icon.trouble)") != "None", "it is known")
        assert "gnome-shell-extension-appindicator" in actor.asked("say(icon.trouble)")
        desktops.end(actor.process)
