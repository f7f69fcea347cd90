"""A picture as panels take it: ARGB, 32 bits a pixel in network byte order, in several sizes."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image

SIZES = (16, 22, 24, 32, 48, 64)
"""Pixels a side: those that panels show icons at, on usual screens and on dense ones."""

DRAWN = "camguard-sizes"
"""The key in `Image.info` for the same picture drawn for other sizes, which look crisper than when it is scaled."""

Pixmap = tuple[int, int, bytes]
"""Width, height, and the pixels."""


def pixmaps(image: Image.Image) -> tuple[Pixmap, ...]:
    """The picture in every size that it has or can be scaled down to, smallest first.

    It is never scaled up: panels do that as they like it. One that is not square is given clear edges.
    """
    drawn: Iterable[Image.Image] = image.info.get(DRAWN, ())
    ready = {picture.width: picture for picture in drawn if picture.width == picture.height}
    full = _square(image.convert("RGBA"))
    sizes = sorted({*ready, *(size for size in SIZES if size < full.width), min(full.width, SIZES[-1])})
    return tuple(_pixmap(ready[size] if size in ready else _scaled(full, size)) for size in sizes)


def _square(image: Image.Image) -> Image.Image:
    side = max(image.size)
    if image.size == (side, side):
        return image
    square = Image.new("RGBA", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _scaled(image: Image.Image, size: int) -> Image.Image:
    return image if image.width == size else image.resize((size, size), Image.Resampling.LANCZOS)


def _pixmap(image: Image.Image) -> Pixmap:
    red, green, blue, alpha = image.convert("RGBA").split()
    return image.width, image.height, Image.merge("RGBA", (alpha, red, green, blue)).tobytes()
