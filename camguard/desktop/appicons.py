"""The icon of an app, as its own desktop entry names it.

An entry is believed about the program that it starts, by the program's file, and about nothing else: what a process
calls itself gets it no icon. Of a Flatpak or snap it is believed by the id that the guard has proven.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from camguard import desktopentry
from camguard.core.model import AppKind
from camguard.desktop import words
from camguard.desktop.cards import USUAL_ICON
from camguard.desktop.uses import Told

_Key = tuple[str, str]


class AppIcons:
    """Knows the icons of the programs that have an entry."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._icons: dict[_Key, str] = {}

    def icon_of(self, told: Told) -> str:
        """The icon of the app in a record, a name in the icon theme or a file's path."""
        key = _key(told)
        return USUAL_ICON if key is None else self._icons.get(key, USUAL_ICON)

    def read(self) -> None:
        """Read the entries; until then every app has the usual icon. Blocking, and for any thread."""
        icons: dict[_Key, str] = {}
        for entry in desktopentry.entries(self._folders):
            keys = (("program", entry.program), (AppKind.FLATPAK, entry.flatpak), (AppKind.SNAP, entry.snap))
            for kind, name in keys:
                if name and entry.icon:
                    icons.setdefault((kind, name), entry.icon)
        self._icons = icons


def _key(told: Told) -> _Key | None:
    """What the app's entry would be known by."""
    app, process = told.get("app") or {}, told.get("process") or {}
    if app.get("kind") in {AppKind.FLATPAK, AppKind.SNAP}:
        return (str(app["kind"]), str(app.get("id"))) if words.allowable(told) else None
    if process.get("script") or not process.get("exe"):
        return None
    return "program", os.path.realpath(str(process["exe"]))
