"""Desktop entries: what the system calls an app, and with what icon. See the Desktop Entry Specification.

An entry is believed about the program that it starts, by that program's file, and about nothing else. Only the folders
of the system are looked in: an entry in a person's home any program of that person can write, and give itself a name
that way.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

LAUNCHERS = frozenset({"env", "sh", "bash", "python", "python3", "flatpak", "snap", "java", "wine", "xdg-open"})
"""Programs that are started for what they start: an entry that names one says nothing about it."""

_FOLDER = "applications"
_SUFFIX = ".desktop"
_GROUP = "Desktop Entry"
_LONGEST = 256 * 1024
_USUAL = "/usr/local/share:/usr/share"
_OF_SANDBOXES = ("/var/lib/snapd/desktop", "/var/lib/flatpak/exports/share")


@dataclass(frozen=True, slots=True)
class Entry:
    """One app's entry. `program` is the file that it starts, None where that is a launcher or is not there.

    `id` is the file's name less its suffix; `flatpak` and `snap` name the sandboxed app that it is for.
    """

    id: str
    file: str
    name: str
    icon: str
    program: str | None
    flatpak: str | None = None
    snap: str | None = None
    hidden: bool = False


def folders(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The system's folders with entries, those that count most first; see the XDG Base Directory Specification."""
    named = (environ.get("XDG_DATA_DIRS") or _USUAL).split(":")
    whole = [folder.rstrip("/") for folder in named if os.path.isabs(folder)]
    return tuple(f"{folder}/{_FOLDER}" for folder in dict.fromkeys([*whole, *_OF_SANDBOXES]))


def locales(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The person's language as keys bear it, the closest first: ``de_AT@euro``, ``de_AT``, ``de@euro``, ``de``."""
    chosen = next((value for key in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environ.get(key))), "")
    rest, _, modifier = chosen.partition("@")
    language, _, country = rest.partition(".")[0].partition("_")
    if not language or language in {"C", "POSIX"}:
        return ()
    at = f"@{modifier}" if modifier else ""
    forms = (f"{language}_{country}{at}", f"{language}_{country}") if country else ()
    return tuple(dict.fromkeys((*forms, f"{language}{at}", language)))


def values(text: str, group: str) -> dict[str, str]:
    """The keys of one group, the first of each name; the group's lines may be in several places."""
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{group}]"
        elif inside and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key.strip(), value.strip())
    return found


def parse(
    text: str,
    file: str,
    wanted: Sequence[str] = (),
    which: Callable[[str], str | None] = shutil.which,
) -> Entry | None:
    """The entry in a text, named in the first of the `wanted` languages that it has; None where it starts nothing."""
    said = values(text, _GROUP)
    try:
        words = shlex.split(said.get("Exec", ""))
    except ValueError:
        return None
    name = next((said[key] for key in (*(f"Name[{each}]" for each in wanted), "Name") if said.get(key)), "")
    if not words or said.get("Type", "Application") != "Application" or not name.isprintable():
        return None
    icon = said.get("Icon", "")
    return Entry(
        os.path.basename(file).removesuffix(_SUFFIX),
        file,
        name,
        icon if icon.isprintable() else "",
        _program(words[0], which),
        said.get("X-Flatpak"),
        said.get("X-SnapInstanceName"),
        "true" in {said.get("NoDisplay"), said.get("Hidden")},
    )


def entries(
    where: Sequence[str] | None = None, wanted: Sequence[str] | None = None, path: str | None = None
) -> Iterator[Entry]:
    """All entries in these folders (the system's), each id once; programs are looked for in `path` (PATH)."""
    wanted = locales() if wanted is None else wanted
    seen = set()
    for folder in folders() if where is None else where:
        for name in _names(folder):
            if name not in seen:
                seen.add(name)
                text = _text(f"{folder}/{name}")
                entry = parse(text, f"{folder}/{name}", wanted, lambda program: shutil.which(program, path=path))
                if entry is not None:
                    yield entry


def stamp(where: Sequence[str]) -> tuple[int | None, ...]:
    """Numbers that change when an entry comes or goes."""
    return tuple(map(_mtime, where))


def _program(word: str, which: Callable[[str], str | None]) -> str | None:
    if os.path.basename(word) in LAUNCHERS:
        return None
    found = which(word)
    real = None if found is None else os.path.realpath(found)
    return None if real is None or os.path.basename(real) in LAUNCHERS else real


def _names(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX))
    except OSError:
        return []  # not every folder that could be there is


def _text(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read(_LONGEST)
    except OSError:
        return ""


def _mtime(folder: str) -> int | None:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return None
