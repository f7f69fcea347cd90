"""What resolvers judge by, and what they share."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from camguard.core.model import UNKNOWN_APP, App, AppIdentity, AppKind
from camguard.platform.linux.packages import Package


@dataclass(frozen=True, slots=True)
class File:
    """A file that a process runs. `note` says what is odd about it, None where it is the one at its path.

    `roots`: only root could have put it there. `upgraded`: it was at its path until its package was upgraded.
    `deployed` is where it lies in root's installation of the Flatpak that the process says it is.
    """

    path: str
    sha256: str | None = None
    note: str | None = None
    package: Package | None = None
    roots: bool = False
    deployed: str | None = None
    upgraded: bool = False

    @property
    def base(self) -> str:
        """Its name without the folders."""
        return os.path.basename(self.path)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a process.

    `script` is what the command line calls it, `script_file` the file found by that. `groups` are its control groups.
    `flatpak` is the id and `image` the AppImage that the process says it is: claims, see `sandbox`.
    """

    exe: File
    script: str | None = None
    script_file: File | None = None
    command: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    flatpak: str | None = None
    image: File | None = None


Resolver = Callable[[Facts], App | None]
"""Says which app this is, None where it cannot tell; the first answer counts."""


def by_content(kind: AppKind, file: File, name: str) -> App:
    """An app known by its content alone, since its path proves nothing."""
    if file.sha256 is None:
        return App(UNKNOWN_APP, name)
    return App(AppIdentity(kind, f"sha256:{file.sha256}", None, file.sha256), name)
