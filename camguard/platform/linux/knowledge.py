"""What camguard knows about programs by name, from the one file in which that stands: ``knowledge.toml``.

The file is a part of camguard and decoded strictly: a key that is not known, or has a value of another kind, is an
error.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from camguard.shapes import Shape

FILE = Path(__file__).with_name("knowledge.toml")


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all entries share: each key is known, and nothing changes."""


class Brokers(_Entry, frozen=True):
    """Programs that have a camera open for others, and `why` they are never ended, as a clause that follows a name.

    `portals` connect to a broker for apps in sandboxes.
    """

    why: str
    executables: tuple[str, ...]
    portals: tuple[str, ...]


class Protected(_Entry, frozen=True):
    """Programs that are never ended, and `why`, as a clause that follows a name."""

    about: str
    why: str
    executables: tuple[str, ...]


class Login(_Entry, frozen=True):
    """A login manager or face unlock; `name` is what people are told. The file tells what each list means."""

    key: str
    name: str
    executables: tuple[str, ...]
    scripts: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()


class Session(_Entry, frozen=True):
    """Which desktops tell of the lock of the screen, and which services begin remote sessions."""

    lock_telling: tuple[str, ...]
    remote_services: tuple[str, ...]


class Browser(_Entry, frozen=True):
    """A browser; `closes` where ending its use of the camera ends all of it."""

    name: str
    executables: tuple[str, ...]
    packages: tuple[str, ...] = ()
    flatpaks: tuple[str, ...] = ()
    snaps: tuple[str, ...] = ()
    closes: bool = False


class Wine(_Entry, frozen=True):
    """The programs that run Windows programs."""

    executables: tuple[str, ...]


class Interpreter(_Entry, frozen=True):
    """How an interpreter's command line is read; the file tells what each list means.

    `suffixes` are of files that it runs, each with the command that does.
    """

    names: tuple[str, ...]
    suffixes: dict[str, str] = {}
    flags: str = ""
    attached: str = ""
    valued: str = ""
    module: str = ""
    long_flags: tuple[str, ...] = ()
    long_valued: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    other_commands: tuple[str, ...] = ()
    words: bool = False
    script_after: str = ""
    script_suffix: str = ""


class Knowledge(_Entry, frozen=True):
    """All of it."""

    brokers: Brokers
    protected: tuple[Protected, ...]
    login: tuple[Login, ...]
    session: Session
    browser: tuple[Browser, ...]
    wine: Wine
    interpreter: tuple[Interpreter, ...]

    def protection(self, name: str) -> str | None:
        """Why an executable with this base name is never ended; None where it may be."""
        if name in self.brokers.executables or name.startswith(self.brokers.portals):
            return self.brokers.why
        for entry in self.protected:
            if any(_fits(pattern, name) for pattern in entry.executables):
                return entry.why
        return None

    def interpreter_of(self, exe: str) -> Interpreter | None:
        """The interpreter that an executable is, by its base name (``python3.11`` counts); None for another program."""
        base = os.path.basename(exe).rstrip("0123456789.")
        return next((entry for entry in self.interpreter if base in entry.names), None)

    def run_by(self, path: str) -> str | None:
        """The command that runs a file with this suffix; None where it takes none, or it is not known."""
        suffix = os.path.splitext(path)[1]
        return next((entry.suffixes[suffix] for entry in self.interpreter if suffix in entry.suffixes), None)


_KNOWLEDGE = Shape(Knowledge)


@cache
def knowledge() -> Knowledge:
    """What the file says, read once. Raises msgspec.ValidationError where it is not of this form."""
    return decode(FILE.read_text(encoding="utf-8"))


def decode(text: str) -> Knowledge:
    """What a text of that form says. Raises msgspec.ValidationError, or tomllib.TOMLDecodeError where it is no TOML."""
    return _KNOWLEDGE.of(tomllib.loads(text))


def _fits(pattern: str, name: str) -> bool:
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))
