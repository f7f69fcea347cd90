"""Text that others chose, made harmless for a terminal; and columns that line up."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from camguard.wording import visible

GAP = 2
"""Spaces between columns."""

_SHORTEST = 8
"""No column is made narrower than this to fit a line."""


def safe(text: str, width: int | None = None) -> str:
    r"""`text` with everything escaped that is no visible character or plain space, at most `width` columns wide.

    Control characters, the escapes of terminals, line ends, marks that turn the direction of writing and lone
    surrogates all appear as ``\x1b`` or ``\u202e``. What is too long loses its middle.
    """
    if width is not None and len(text) > 8 * width + 64:
        half = 4 * width + 32  # far more than will be shown, so that 10 kB of name cost nothing
        text = text[:half] + text[-half:]
    shown = visible(text)
    return shown if width is None else shorten(shown, width)


def safe_lines(text: str) -> str:
    """A message of ours that quotes others: its own lines stay lines, indented after the first."""
    return "\n  ".join(safe(line) for line in text.split("\n"))


def width_of(text: str) -> int:
    """How many columns of a terminal printable text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_mark_width, text))


def shorten(text: str, width: int) -> str:
    """Printable text with its middle replaced by ``…`` where it is wider than `width`."""
    if width_of(text) <= width:
        return text
    if width < 1:
        return ""
    tail = (width - 1) // 2
    return _first(text, width - 1 - tail) + "…" + _first(text[::-1], tail)[::-1]


def pad(text: str, width: int) -> str:
    """Printable text followed by spaces up to `width` columns."""
    return text + " " * (width - width_of(text))


def columns(rows: Sequence[Sequence[str]], available: int | None) -> list[str]:
    """Lines of aligned columns, made safe; the widest columns are shortened until a line fits `available`.

    Without a limit nothing is left out. Where even short columns do not fit, lines are longer than asked.
    """
    widths = fitted(rows, available)
    return [aligned(row, widths) for row in rows]


def fitted(rows: Sequence[Sequence[str]], available: int | None, elastic: Sequence[int] | None = None) -> list[int]:
    """How wide the columns of these rows are to be, so that a line fits `available`.

    The widest gives way first: of the columns whose numbers are in `elastic`, or of all.
    """
    widths = [max(width_of(safe(cell)) for cell in column) for column in zip(*rows, strict=True)]
    while available is not None and sum(widths) + GAP * (len(widths) - 1) > available:
        widest = max(range(len(widths)) if elastic is None else elastic, key=widths.__getitem__)
        if widths[widest] <= _SHORTEST:
            break
        widths[widest] -= 1
    return widths


def aligned(row: Sequence[str], widths: Sequence[int], *, cut: bool = True) -> str:
    """One line of a table, made safe; a cell that is too wide is shortened, or where not `cut` moves the others."""
    cells = [
        pad(safe(cell, width) if cut or width_of(safe(cell)) <= width else safe(cell), width)
        for cell, width in zip(row, widths, strict=True)
    ]
    return (" " * GAP).join(cells).rstrip()


def _first(text: str, width: int) -> str:
    """As much of the beginning as fits."""
    taken = 0
    for index, mark in enumerate(text):
        taken += _mark_width(mark)
        if taken > width:
            return text[:index]
    return text


def _mark_width(mark: str) -> int:
    if unicodedata.category(mark) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(mark) in {"W", "F"} else 1
