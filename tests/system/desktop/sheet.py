"""``python -m tests.system.desktop.sheet FILE``: every look of the icon at every size, on light and dark panels."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier.pixmaps import SIZES

PANELS = ((246, 245, 244), (46, 52, 54))
GAP = 8


def sheet() -> Image.Image:
    """The looks in columns, the sizes in rows, once for each panel."""
    column = SIZES[-1] + GAP
    band = sum(SIZES) + GAP * (len(SIZES) + 1)
    picture = Image.new("RGB", (column * len(Look) + GAP, band * len(PANELS)))
    for part, colour in enumerate(PANELS):
        picture.paste(colour, (0, part * band, picture.width, (part + 1) * band))
        for place, look in enumerate(Look):
            top = part * band + GAP
            for size in SIZES:
                icon = draw(look, size)
                picture.paste(icon, (GAP + place * column + (SIZES[-1] - size) // 2, top), icon)
                top += size + GAP
    return picture


if __name__ == "__main__":
    sheet().quantize(64).save(Path(sys.argv[1]), optimize=True)
