"""The words of installing: what there is to copy, how the machine stands, and the steps of a plan, as frozen types."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    """One file of a package; `path` is relative to site-packages."""

    path: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package with all its files, less what Python makes of them itself."""

    name: str
    version: str
    files: tuple[File, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that root may build on; `library` is the name of its folder in an environment (``python3.11``)."""

    executable: Path
    library: str


@dataclass(frozen=True, slots=True)
class Folder:
    """Make a folder where there is none."""

    path: Path
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Write:
    """Put a file in place, whole or not at all; one that was there is replaced."""

    path: Path
    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Link:
    """Let a symbolic link point to `target`, from one moment to the next."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Move:
    """Put a file elsewhere."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Delete:
    """Take away a file, a link, or a folder with all that is in it; nothing where it is not there."""

    path: Path


@dataclass(frozen=True, slots=True)
class Clear:
    """Take away a folder that is nobody's in particular, where nothing is left in it."""

    path: Path


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command to its end."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until a unit that was started is active; it fails where the unit does."""

    unit: str


@dataclass(frozen=True, slots=True)
class HandBack:
    """Switch on the cameras that the service, which is stopped by now, holds off."""


Step = Folder | Write | Link | Move | Delete | Clear | Run | Await | HandBack


@dataclass(frozen=True, slots=True)
class Data:
    """The files of `service/`: the units by name, what makes the groups, and what starts the tray after log-in.

    `extra_units` are of the parts that are installed only where they are asked for; `catalog` is what explains our
    entries in the systemd journal.
    """

    units: dict[str, bytes]
    sysusers: bytes
    user_units: dict[str, bytes] = field(default_factory=dict)
    autostart: dict[str, bytes] = field(default_factory=dict)
    extra_units: dict[str, bytes] = field(default_factory=dict)
    catalog: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the machine stands before: what decides over what there is to do.

    `release` is the folder in use; `releases` are all there are; `configuration` and `saved` are the names of files in
    the folders of these names; `units` those of our units that are there; `command` is whether `COMMAND` is ours, None
    where there is nothing; `group` whether the group exists.
    """

    release: Path | None = None
    releases: tuple[Path, ...] = ()
    units: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    command: bool | None = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, of which one that fails ends the whole.

    Where `undone`, all is then put back as it was, with `retreat` before and `rescue` after. `tidy` comes last. A step
    of these three that fails is told, and that is all.
    """

    steps: tuple[Step, ...]
    tidy: tuple[Step, ...] = ()
    undone: bool = False
    retreat: tuple[Step, ...] = ()
    rescue: tuple[Step, ...] = ()
