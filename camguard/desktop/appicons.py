"""The icon of an app, as its own desktop entry names it; see the Desktop Entry Specification.

An entry is believed about the program that it starts, by the program's file, and about nothing else: what a process
calls itself gets it no icon.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from camguard.desktop.cards import USUAL_ICON
from camguard.desktop.uses import Told

_FOLDER = "applications"
_GROUP = "[Desktop Entry]"
_LAUNCHERS = frozenset({"env", "sh", "bash", "python", "python3", "flatpak", "snap", "java", "wine", "xdg-open"})
"""Programs that are started for what they start: an entry that names one says nothing about it."""


class AppIcons:
    """Knows the icons of the programs that have an entry."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._icons: dict[str, str] = {}

    def read(self) -> None:
        """Read the entries; until then every app has the usual icon. Blocking, and for any thread."""
        self._icons = dict(_entries(self._folders))

    def icon_of(self, told: Told) -> str:
        """The icon of the app in a record, a name in the icon theme or a file's path."""
        process = told.get("process") or {}
        if process.get("script") or not process.get("exe"):
            return USUAL_ICON
        return self._icons.get(os.path.realpath(str(process["exe"])), USUAL_ICON)


def data_folders(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The folders with desktop entries, those that count most last; by the XDG Base Directory Specification."""
    folders = (environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    return [Path(folder) / _FOLDER for folder in reversed(folders) if os.path.isabs(folder)]


def _entries(folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Programs by their real path, and the icon of each."""
    for folder in folders:
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".desktop"))
        except OSError:
            continue  # not every folder that could be there is
        for name in names:
            found = _entry(folder / name)
            if found is not None:
                yield found


def _entry(path: Path) -> tuple[str, str] | None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    values = _values(text)
    words = values.get("Exec", "").split()
    icon = values.get("Icon", "")
    if not words or not icon.isprintable() or not icon:
        return None
    program = shutil.which(words[0].strip('"'))
    if program is None or os.path.basename(program) in _LAUNCHERS:
        return None
    return os.path.realpath(program), icon


def _values(text: str) -> dict[str, str]:
    """The keys of the entry's own group, less those for one language."""
    values: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == _GROUP
        elif inside and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values.setdefault(key.strip(), value.strip())
    return values
