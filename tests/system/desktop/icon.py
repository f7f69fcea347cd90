"""An icon to look at: a picture of one colour and a menu; told what to do by lines, and says what happens by lines.

A line in is a Python expression over `icon`, `Menu`, `MenuItem`, `item` and `plain`; `flood` updates everything as fast
as it is told to for some seconds.
"""

from __future__ import annotations

import sys
import time
from functools import partial

from PIL import Image

from camguard.desktop.backends import choose
from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier.backend import Icon
from camguard.desktop.trayapi import Menu, MenuItem


def say(*words: object) -> None:
    print(*words, flush=True)


def say_click(label: str, *_: object) -> None:
    say("clicked", label)


def plain(colour: str) -> Image.Image:
    """A picture that is easy to find on a screen."""
    return Image.new("RGBA", (64, 64), colour)


def item(label: str, *, default: bool = False) -> MenuItem:
    """A row that says when it is clicked."""
    return MenuItem(label, partial(say_click, label), default=default)


def flood(a_second: int, seconds: float) -> None:
    """Change the icon, its title and its menu that often, then back to what the test knows."""
    looks, icons = list(Look), [draw(look) for look in Look]
    began = time.monotonic()
    for number in range(round(a_second * seconds)):
        icon.icon = icons[number % len(looks)]
        icon.title = f"update {number}"
        icon.menu = Menu(item(f"row {number}"), item("Quit"))
        time.sleep(max(0.0, began + number / a_second - time.monotonic()))
    icon.icon, icon.menu = plain("#ff00ff"), Menu(item("last"))
    say("flooded")


icon = choose()("camguard", plain("#ff00ff"), "camguard", Menu(item("first"), item("second"), item("third")))
assert isinstance(icon, Icon)


def main() -> None:
    """Be there until there is nothing more to do."""
    icon.run_detached()
    for line in sys.stdin:
        exec(line)  # the test's own words
        say("done")
    icon.stop()


if __name__ == "__main__":
    main()
