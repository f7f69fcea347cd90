"""The icon, drawn for five states: told apart by shape, for those who do not see red and green.

A camera seen from the side, light with a dark edge, so that it shows on light and dark panels. Each size is drawn for
itself on a grid of whole pixels, several times as large, and then scaled down.
"""

from __future__ import annotations

from functools import cache

from PIL import Image, ImageDraw

from camguard.desktop.look import Look
from camguard.desktop.statusnotifier.pixmaps import DRAWN, SIZES

_CANVAS = 256
"""Pixels a side that it is drawn at first, or nearly so: slopes are smooth then, and a larger one costs memory."""
_GRID = 16.0
"""Units a side that the shapes below are given in: one is a pixel of the smallest size."""
_EDGE = 0.8
"""Units of dark around everything that is light."""

Colour = tuple[int, int, int, int]
Point = tuple[float, float]

_LIGHT: Colour = (250, 250, 250, 255)
_DARK: Colour = (24, 26, 29, 255)
_GREEN: Colour = (30, 150, 90, 255)
_RED: Colour = (205, 30, 40, 255)
_YELLOW: Colour = (255, 206, 30, 255)
_CLEAR: Colour = (0, 0, 0, 0)

_BODY = (1.0, 4.0, 11.0, 13.0)
_LENS: tuple[Point, ...] = ((10.8, 8.5), (14.5, 5.3), (14.5, 11.7))
_STROKE = 1.5


@cache
def draw(look: Look, size: int | None = None) -> Image.Image:
    """The icon, `size` pixels a side; without a size the largest of the usual, with the others along with it.

    The picture is kept and given again: it is not to be drawn on.
    """
    if size is None:
        picture = draw(look, SIZES[-1]).copy()
        picture.info[DRAWN] = tuple(draw(look, each) for each in SIZES)
        return picture
    pen = _Pen(size)
    _SHAPES[look](pen)
    return pen.finished()


class _Pen:
    """Draws in units of the grid."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._over = max(_CANVAS // size, 1)
        self._canvas = Image.new("RGBA", (size * self._over, size * self._over), _CLEAR)
        self._draw = ImageDraw.Draw(self._canvas)

    def finished(self) -> Image.Image:
        """The picture in the size it is for."""
        return self._canvas.resize((self._size, self._size), Image.Resampling.BOX)

    def box(self, box: tuple[float, float, float, float], colour: Colour, grow: float = 0.0) -> None:
        """A box with round corners, its edges on whole pixels, larger by `grow` on each side."""
        more = self._whole(grow)
        left, top, right, bottom = (self._whole(value) for value in box)
        radius = max(self._scaled(1.5) + more, 0)
        self._draw.rounded_rectangle((left - more, top - more, right + more - 1, bottom + more - 1), radius, colour)

    def dot(self, centre: Point, radius: float, colour: Colour) -> None:
        """A disc."""
        x, y, reach = self._scaled(centre[0]), self._scaled(centre[1]), self._scaled(radius)
        self._draw.ellipse((x - reach, y - reach, x + reach, y + reach), colour)

    def line(self, points: tuple[Point, ...], width: float, colour: Colour) -> None:
        """A line with round ends and corners."""
        where = [(self._scaled(x), self._scaled(y)) for x, y in points]
        self._draw.line(where, colour, round(self._scaled(width)))
        for point in points:
            self.dot(point, width / 2, colour)

    def area(self, points: tuple[Point, ...], colour: Colour, grow: float = 0.0) -> None:
        """A polygon, larger by `grow` all around."""
        self._draw.polygon([(self._scaled(x), self._scaled(y)) for x, y in points], colour)
        if grow:
            self.line((*points, points[0], points[1]), 2 * grow, colour)

    def arc(self, centre: Point, radius: float, start: float, end: float, width: float, colour: Colour) -> None:
        """A part of a circle, from one angle clockwise to another, in degrees from three o'clock."""
        x, y, reach = self._scaled(centre[0]), self._scaled(centre[1]), self._scaled(radius + width / 2)
        self._draw.arc((x - reach, y - reach, x + reach, y + reach), start, end, colour, round(self._scaled(width)))

    def _scaled(self, value: float) -> float:
        return value * self._size / _GRID * self._over

    def _whole(self, value: float) -> float:
        """The nearest whole pixel of the finished picture; what is not nothing is one at least."""
        pixels = round(value * self._size / _GRID)
        return (pixels or (1 if value > 0 else 0)) * self._over


def _silhouette(pen: _Pen, colour: Colour, grow: float = 0.0) -> None:
    pen.area(_LENS, colour, grow + 0.4)
    pen.box(_BODY, colour, grow)


def _camera(pen: _Pen, colour: Colour = _LIGHT) -> None:
    _silhouette(pen, _DARK, _EDGE)
    _silhouette(pen, colour)


def _hollow_camera(pen: _Pen) -> None:
    _camera(pen)
    left, top, right, bottom = _BODY
    pen.box((left + _STROKE, top + _STROKE, right - _STROKE, bottom - _STROKE), _CLEAR)


def _idle(pen: _Pen) -> None:
    _hollow_camera(pen)


def _off(pen: _Pen) -> None:
    _hollow_camera(pen)
    slash = ((2.2, 14.6), (13.8, 1.9))
    pen.line(slash, 4.4, _CLEAR)
    pen.line(slash, 3.2, _DARK)
    pen.line(slash, 1.7, _LIGHT)


def _expected(pen: _Pen) -> None:
    _camera(pen)
    pen.dot((6.0, 8.5), 3.4, _DARK)
    pen.dot((6.0, 8.5), 2.5, _GREEN)


def _unexpected(pen: _Pen) -> None:
    _camera(pen, _RED)
    triangle = ((9.2, 3.2), (4.1, 13.7), (14.3, 13.7))
    pen.area(triangle, _DARK, 1.5)
    pen.area(triangle, _YELLOW, 0.6)
    pen.line(((9.2, 6.2), (9.2, 9.8)), 1.9, _DARK)
    pen.dot((9.2, 12.4), 1.15, _DARK)


def _blind(pen: _Pen) -> None:
    _hollow_camera(pen)
    _question(pen)


def _question(pen: _Pen) -> None:
    for width, colour in ((5.0, _CLEAR), (3.6, _DARK), (2.0, _LIGHT)):
        pen.arc((8.0, 5.0), 3.0, 180, 450, width, colour)
        pen.dot((5.0, 5.0), width / 2, colour)
        pen.line(((8.0, 8.0), (8.0, 9.6)), width, colour)
        pen.dot((8.0, 13.4), width / 2 + 0.2, colour)


_SHAPES = {
    Look.OFF: _off,
    Look.IDLE: _idle,
    Look.EXPECTED: _expected,
    Look.UNEXPECTED: _unexpected,
    Look.BLIND: _blind,
}
