"""Starting the tray after log-in: a desktop entry, by the Desktop Application Autostart Specification."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from camguard.errors import AccessDenied, UsageError
from camguard.wholefile import write_whole
from camguard.wording import visible

NAME = "camguard-tray.desktop"

_ENTRY = """\
[Desktop Entry]
Type=Application
Name=camguard
Comment=Shows whether the camera is in use, and tells you when that is unexpected
Exec={command} tray
Icon=camera-web
Terminal=false
Categories=Utility;Security;
X-GNOME-Autostart-enabled=true
"""

_HIDDEN = "[Desktop Entry]\nType=Application\nName=camguard\nHidden=true\n"

_RESERVED = set(" \t\n\"'\\><~|&;$*?#()`")
"""Marks for which an argument of Exec has to be quoted, by the Desktop Entry Specification."""


def command() -> tuple[str, ...]:
    """How camguard is called on this machine, whatever the folder and the environment."""
    called = Path(sys.argv[0])
    if called.name == "camguard" and called.is_absolute() and os.access(called, os.X_OK):
        return (str(called),)
    return (sys.executable, "-P", "-m", "camguard")  # -P: not what lies in the folder where it is started


def spoken_command() -> str:
    """The same, as a person types it in a terminal."""
    return shlex.join(command())


def entry(words: tuple[str, ...]) -> str:
    """The desktop entry that starts the tray with this command. Raises UsageError where it cannot be written in one."""
    # By the specification no program's path has an equals sign; GLib looks for one with a doubled percent sign.
    if not all(word.isprintable() for word in words) or set(words[0]) & set("=%"):
        raise UsageError(
            f"no desktop entry can start {visible(words[0])}: install camguard in a folder of another name"
        )
    return _ENTRY.format(command=" ".join(map(_quoted, words)))


def install(folder: Path) -> Path:
    """Have the tray started after log-in; returns the file.

    Raises AccessDenied where it cannot be written, UsageError where camguard lies where no desktop entry can point to.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, entry(command()).encode())
    except OSError as error:
        raise AccessDenied(f"{path}: cannot be written: {error.strerror}") from error
    return path


def uninstall(folder: Path, of_everybody: Sequence[Path] = ()) -> Path | None:
    """Have it started no more; returns the file that was taken away or written, None where none was needed.

    Where an entry for everybody is in one of the folders `of_everybody`, one of the same name takes its place for this
    user that says it is not to be: by the specification, with ``Hidden``.
    """
    path = folder / NAME
    try:
        if any((each / NAME).exists() for each in of_everybody):
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, _HIDDEN.encode())
            return path
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccessDenied(f"{path}: cannot be taken away: {error.strerror}") from error
    return path


def _quoted(word: str) -> str:
    """One argument of Exec: field codes doubled, and in quotes where it has to be."""
    word = word.replace("%", "%%")
    if not set(word) & _RESERVED:
        return word
    # Twice: once for the quoting of Exec, once for the string value that it is in.
    escaped = "".join("\\" + mark if mark in '"`$\\' else mark for mark in word).replace("\\", "\\\\")
    return f'"{escaped}"'
