"""The icon's smaller parts: pictures as panels take them, the pace of updates, and which kind of icon is chosen."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path

import pytest
from PIL import Image

from camguard.desktop import backends, icons
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier import watcher
from camguard.desktop.statusnotifier.address import session_bus
from camguard.desktop.statusnotifier.backend import Icon
from camguard.desktop.statusnotifier.pacer import Pacer
from camguard.desktop.statusnotifier.pixmaps import SIZES, pixmaps
from camguard.errors import TrayError, UsageError

BUS = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}


# Pictures.


def test_pixels_are_alpha_red_green_blue() -> None:
    [(width, height, pixels)] = pixmaps(Image.new("RGBA", (2, 2), (1, 2, 3, 4)))
    assert (width, height) == (2, 2)
    assert pixels == bytes((4, 1, 2, 3)) * 4


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((64, 64), SIZES),
        ((256, 256), SIZES),
        ((64, 32), SIZES),
        ((30, 30), (16, 22, 24, 30)),
        ((22, 22), (16, 22)),
        ((8, 8), (8,)),
    ],
)
def test_a_picture_is_scaled_down_and_never_up(size: tuple[int, int], sizes: tuple[int, ...]) -> None:
    made = pixmaps(Image.new("L", size, 255))
    assert [(width, height) for width, height, _ in made] == [(each, each) for each in sizes]
    assert all(len(pixels) == 4 * width * height for width, height, pixels in made)


def test_one_that_is_not_square_gets_clear_edges() -> None:
    made = {width: pixels for width, _, pixels in pixmaps(Image.new("RGB", (64, 32), "white"))}
    assert made[64][:4] == bytes(4)
    assert made[64][4 * 64 * 32 :][:4] == b"\xff" * 4


def test_sizes_that_were_drawn_are_taken_as_they_are() -> None:
    made = {width: pixels for width, _, pixels in pixmaps(icons.draw(Look.UNEXPECTED))}
    assert tuple(made) == SIZES
    for size in SIZES:
        alpha, red, green, blue = (Image.frombytes("L", (size, size), made[size][offset::4]) for offset in range(4))
        drawn = icons.draw(Look.UNEXPECTED, size)
        assert Image.merge("RGBA", (red, green, blue, alpha)).tobytes() == drawn.tobytes()


# The pace.


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time moves by hand."""

    now = 0.0

    def time(self) -> float:
        return self.now


def paced(script: Callable[[Pacer, Clock], None]) -> list[float]:
    """When the work was done in one and a half seconds, with a pacer of 0.2 s."""
    loop, done = Clock(), []

    async def run() -> None:
        pacer = Pacer(lambda: done.append(loop.now), 0.2)
        script(pacer, loop)
        for _ in range(150):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            loop.now += 0.01
        assert not pacer.is_waiting

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run())
    return [round(when, 2) for when in done]


def test_the_first_is_done_at_once_and_many_are_one() -> None:
    def many(pacer: Pacer, _: Clock) -> None:
        for _each in range(1000):
            pacer.ask()

    assert paced(many) == [0.0]


def test_nothing_is_done_unasked_or_after_it_was_stopped() -> None:
    def stopped(pacer: Pacer, _: Clock) -> None:
        pacer.ask()
        pacer.stop()

    assert paced(lambda pacer, _: None) == []
    assert paced(stopped) == []


def test_a_thousand_a_second_are_five_and_the_last_is_among_them() -> None:
    def flood(pacer: Pacer, loop: Clock) -> None:
        def again(left: int) -> None:
            for _each in range(10):
                pacer.ask()
            if left:
                loop.call_later(0.01, again, left - 1)

        again(100)

    done = paced(flood)
    assert all(later - earlier > 0.195 for earlier, later in pairwise(done))
    assert 5 <= len(done) <= 7
    assert done[-1] >= 1.0


# The choice.


def test_ours_is_usual_on_linux() -> None:
    assert backends.choose(system="linux", environment=BUS) is Icon
    assert backends.choose("statusnotifier", system="linux", environment=BUS) is Icon


def test_without_a_session_bus_it_says_what_to_do() -> None:
    with pytest.raises(TrayError, match="DBUS_SESSION_BUS_ADDRESS"):
        backends.choose(system="linux", environment={"XDG_RUNTIME_DIR": "/nonexistent"})


@pytest.mark.parametrize("name", ["xorg", "dummy", "os", "win32"])
def test_an_icon_without_a_menu_is_never_taken(name: str) -> None:
    with pytest.raises(UsageError, match="use statusnotifier or appindicator"):
        backends.choose(system="linux", environment={**BUS, "PYSTRAY_BACKEND": name})


def test_what_gtk_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(TrayError, match="python3-gi"):
        backends.choose("appindicator", system="linux", environment=BUS)


def test_a_system_without_icons_says_so() -> None:
    with pytest.raises(TrayError, match="sunos5"):
        backends.choose(system="sunos5", environment=BUS)


def test_the_session_bus_is_found_where_systemd_keeps_it(tmp_path: Path) -> None:
    there = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert session_bus(there) is None
    (tmp_path / "bus").write_text("")
    assert session_bus(there) is None
    (tmp_path / "bus").unlink()
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        assert session_bus(there) == f"unix:path={tmp_path}/bus"
    assert session_bus({**there, **BUS}) == BUS["DBUS_SESSION_BUS_ADDRESS"]


def test_importing_it_opens_no_display_and_leaves_the_environment() -> None:
    """Where there is neither a display nor a bus, and with a backend in the environment that would open one."""
    script = (
        "import os, sys; before = dict(os.environ)\n"
        "import camguard.desktop.statusnotifier.backend, camguard.desktop.backends, camguard.desktop.icons\n"
        "assert dict(os.environ) == before\n"
        "print([name for name in ('gi', 'Xlib', 'pystray._xorg', 'tkinter') if name in sys.modules])\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYSTRAY_BACKEND": "xorg", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# Trying again.


def test_tries_grow_apart_but_not_for_ever() -> None:
    first = list(islice(watcher.pauses(), 9))
    assert first == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
