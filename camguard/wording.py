"""Words for people that are the same wherever they are read: at a terminal, on a page, in an alert."""

from __future__ import annotations

_SECOND = 1_000_000_000  # nanoseconds; nothing is imported here, so that `camguard --help` stays quick

ITS_OWN_WORD = "only the program itself says that it is this app, which is not enough to allow it"
"""Why an app gets no rule that allows it, where nothing but what it says of itself tells which it is."""

CUT = "cut its connection to the camera (PipeWire)"
"""What is done to a program that has the camera from PipeWire, as a step of ending its use."""

CUT_ONLY = "Its connection to the camera is cut; the program itself goes on."
"""What that leaves of it."""


def ending_closes(name: str) -> str:
    """What to tell before a program is ended that does more than use the camera, with what to do instead."""
    return f"Ending it closes {name}; switching the camera off instead (camguard off) keeps {name} running."


def visible(text: str) -> str:
    r"""`text` with everything escaped that is no visible character or plain space.

    Control characters, the escapes of terminals, line ends, marks that turn the direction of writing and lone
    surrogates all appear as ``\x1b`` or ``\u202e``.
    """
    return text if text.isprintable() else "".join(mark if mark.isprintable() else _escaped(mark) for mark in text)


def spoken(ns: int) -> str:
    """A duration as people say it, in at most two units: ``0.3 s``, ``45 s``, ``3 min 12 s``, ``1 h 5 min``."""
    if 0 < ns < _SECOND // 20:
        return "<0.1 s"
    if ns < 10 * _SECOND:
        tenths = round(ns / (_SECOND // 10))
        if tenths < 100:
            return f"{tenths // 10}.{tenths % 10} s" if tenths % 10 else f"{tenths // 10} s"
    seconds = round(ns / _SECOND)
    units = (("d", seconds // 86400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60))
    first = next(index for index, (unit, amount) in enumerate(units) if amount or unit == "s")
    return " ".join(
        f"{amount} {unit}" for unit, amount in units[first : first + 2] if amount or unit == units[first][0]
    )


def _escaped(mark: str) -> str:
    number = ord(mark)
    plain = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(mark)
    if plain is not None:
        return plain
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
