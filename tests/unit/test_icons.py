"""The icon's looks: told apart in grey, and by those who do not see red and green; there at every size."""

from __future__ import annotations

from itertools import combinations

import pytest
from PIL import Image, ImageChops, ImageStat

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier.pixmaps import DRAWN, SIZES

PANELS = ((246, 245, 244), (46, 52, 54))
PAIRS = list(combinations(Look, 2))

CLEARLY = 40
"""Of 255 steps of grey: a difference that is seen at a glance."""
PIXELS = 20
"""Of 256 in the smallest icon: how many have to differ clearly."""

# Machado, Oliveira and Fernandes (2009): colours as they are without the cones for green, whole.
DEUTERANOPIA = (
    *(0.367322, 0.860646, -0.227968, 0),
    *(0.280085, 0.672501, 0.047413, 0),
    *(-0.011820, 0.042940, 0.968881, 0),
)


def on_panel(look: Look, panel: tuple[int, int, int], size: int = SIZES[0]) -> Image.Image:
    picture = Image.new("RGB", (size, size), panel)
    icon = draw(look, size)
    picture.paste(icon, (0, 0), icon)
    return picture


def differing(one: Image.Image, other: Image.Image) -> int:
    """How many pixels differ clearly in one channel at least."""
    bands = ImageChops.difference(one, other).split()
    most = bands[0]
    for band in bands[1:]:
        most = ImageChops.lighter(most, band)
    return sum(most.histogram()[CLEARLY:])


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("panel", PANELS)
def test_looks_differ_in_grey(one: Look, other: Look, panel: tuple[int, int, int]) -> None:
    assert differing(on_panel(one, panel).convert("L"), on_panel(other, panel).convert("L")) >= PIXELS


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("panel", PANELS)
def test_looks_differ_without_red_and_green(one: Look, other: Look, panel: tuple[int, int, int]) -> None:
    seen = [on_panel(look, panel).convert("RGB", DEUTERANOPIA) for look in (one, other)]
    assert differing(*seen) >= PIXELS


@pytest.mark.parametrize("look", Look)
@pytest.mark.parametrize("panel", PANELS)
def test_a_look_stands_out_from_the_panel(look: Look, panel: tuple[int, int, int]) -> None:
    assert differing(on_panel(look, panel).convert("L"), Image.new("L", (16, 16), round(sum(panel) / 3))) >= 2 * PIXELS


@pytest.mark.parametrize("look", Look)
@pytest.mark.parametrize("size", SIZES)
def test_it_is_drawn_at_every_size_on_a_clear_ground(look: Look, size: int) -> None:
    icon = draw(look, size)
    assert (icon.mode, icon.size) == ("RGBA", (size, size))
    alpha = icon.getchannel("A")
    assert alpha.getextrema() == (0, 255)
    assert alpha.getpixel((0, 0)) == 0
    assert 0.2 < ImageStat.Stat(alpha).mean[0] / 255 < 0.8


def test_without_a_size_it_comes_in_all_of_them_and_once() -> None:
    icon = draw(Look.IDLE)
    assert icon.size == (64, 64)
    assert [picture.size for picture in icon.info[DRAWN]] == [(size, size) for size in SIZES]
    assert draw(Look.IDLE) is icon
