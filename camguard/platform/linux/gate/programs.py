"""Finds the executables that orders are about."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from camguard.core.gatekeeping import GateOrder, meets
from camguard.core.model import AppIdentity, AppKind
from camguard.platform.linux import procfs
from camguard.platform.linux.gate import wire
from camguard.platform.linux.gate.table import Program
from camguard.platform.linux.hashing import Hasher
from camguard.platform.linux.packages import Packages
from camguard.platform.linux.protected import is_systems_own


@dataclass(frozen=True, slots=True)
class Named:
    """An open regular file (whoever takes it owns `fd`), what the kernel calls it, and when it was last changed."""

    fd: int
    name: wire.Name
    change: wire.Change


Namer = Callable[[str], Named | None]
"""Opens the regular file at a path and has the kernel name it; None where there is none that can be opened."""


class ProgramFinder:
    """Tells which executables an order is about, and which app each is, as `LinuxIdentifier` would when it runs."""

    def __init__(self, name: Namer, packages: Packages, hasher: Hasher) -> None:
        self._name = name
        self._packages = packages
        self._hasher = hasher

    def find(self, told: Sequence[GateOrder]) -> tuple[Program, ...]:
        """All executables that these orders may be about, each once.

        Scripts are not among them: what runs there is the interpreter, whoever's script it is; nor is what runs in a
        sandbox or from an image. Content is read only of apps that an order names by it.
        """
        apps = dict.fromkeys(order.app for order in told if order.app is not None)
        by_content = {(app.kind, app.id) for app in apps if app.sha256 is not None}
        found = {}
        for app in apps:
            for path in filter(_executable, self._paths(app)):
                real = os.path.realpath(path)
                if real not in found:
                    found[real] = self._program(real, app, by_content)
        return tuple(program for program in found.values() if program is not None)

    def _paths(self, app: AppIdentity) -> Iterable[str]:
        if app.path is not None:
            return (app.path,)
        match app.kind:
            case AppKind.PACKAGE:
                return self._packages.files(app.id)
            case AppKind.EXECUTABLE:
                return (app.id,)
            case _:
                return ()

    def _program(self, real: str, wanted: AppIdentity, by_content: set[tuple[AppKind, str]]) -> Program | None:
        """The program that a file is; None where that is a script or runs scripts, or nothing can be said of it."""
        named = None if procfs.is_interpreter(real) else self._name(real)
        if named is None:
            return None
        try:
            if os.pread(named.fd, 2, 0) == b"#!":
                return None
            kind, id_ = self._app(real, wanted, os.fstat(named.fd))
            content = self._hasher.sha256(named.fd) if (kind, id_) in by_content else None
        except OSError:  # it cannot be read
            return None
        finally:
            os.close(named.fd)
        return Program(AppIdentity(kind, id_, real, content), named.name, named.change)

    def _app(self, real: str, wanted: AppIdentity, found: os.stat_result) -> tuple[AppKind, str]:
        if not is_systems_own(real, found):
            return AppKind.EXECUTABLE, real
        if wanted.kind is AppKind.PACKAGE and wanted.path is None:  # from the package's own list
            return AppKind.PACKAGE, wanted.id
        package = self._packages.owner(real)
        return (AppKind.EXECUTABLE, real) if package is None else (AppKind.PACKAGE, package.name)


def _executable(path: str) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False
    return path.startswith("/") and stat.S_ISREG(mode) and bool(mode & 0o111)


def hopeless(order: GateOrder, programs: Iterable[Program], uids: Iterable[str]) -> bool:
    """Whether an order can have no effect: no such executable, no such user, or no node that is a camera's."""
    return (
        (order.app is not None and not any(meets(order.app, program.app) for program in programs))
        or (order.user is not None and order.user not in uids)
        or (order.nodes is not None and not any(major == wire.VIDEO4LINUX for major, _ in order.nodes))
    )
