"""Which package owns a file, asked of dpkg's own lists or of rpm."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_RPM_DATABASES = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
_RPM_TIMEOUT_S = 5.0
_CACHED = 1024


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package. `installed_utc_ns` is when it was installed or upgraded last, None where none can say."""

    name: str
    version: str | None
    installed_utc_ns: int | None = field(default=None, compare=False)


class Database(Protocol):
    """One package manager's records."""

    name: str

    def stamp(self) -> int | None:
        """A number that changes with the database; None where there is none on this machine."""

    def owner(self, path: str) -> Package | None:
        """The package that put the file at `path`, an absolute path with no symbolic links in it."""

    def files(self, package: str) -> tuple[str, ...]:
        """The paths of everything that the package put anywhere; nothing where it is not installed."""


class Packages:
    """Asks every package manager there is; remembers answers until its database changes. Safe in several threads."""

    def __init__(self, databases: tuple[Database, ...] | None = None) -> None:
        self._databases = (Dpkg(), Rpm()) if databases is None else databases
        self._known: OrderedDict[tuple[str, str, int], Package | None] = OrderedDict()
        self._lock = threading.Lock()

    def managers(self) -> tuple[str, ...]:
        """The names of those package managers that have a database here."""
        return tuple(database.name for database in self._databases if database.stamp() is not None)

    def owner(self, path: str) -> Package | None:
        """The package that owns the file at `path`, None where none does or none can say."""
        if not path.startswith("/") or "\n" in path or "\0" in path:
            return None
        for database in self._databases:
            stamp = database.stamp()
            if stamp is None:
                continue
            found = self._ask(database, path, stamp)
            if found is not None:
                return found
        return None

    def files(self, package: str) -> tuple[str, ...]:
        """The paths of everything that a package of that name put anywhere."""
        if not package or package.startswith("-") or set(package) & set("/\n\0"):
            return ()
        there = (database for database in self._databases if database.stamp() is not None)
        return tuple(dict.fromkeys(path for database in there for path in database.files(package)))

    def _ask(self, database: Database, path: str, stamp: int) -> Package | None:
        key = (database.name, path, stamp)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = database.owner(path)
        with self._lock:
            self._known[key] = found
            while len(self._known) > _CACHED:
                self._known.popitem(last=False)
        return found


class Dpkg:
    """Reads dpkg's own lists (dpkg(1), FILES): no process to start, and no patterns to escape as for ``dpkg -S``."""

    name = "dpkg"

    def __init__(self, root: str = "/") -> None:
        self._root = root.rstrip("/")
        self._admin = f"{self._root}/var/lib/dpkg"

    def stamp(self) -> int | None:
        """When the status file changed last."""
        return _mtime(f"{self._admin}/status")

    def owner(self, path: str) -> Package | None:
        """The package whose list names the path, or its other name on a system with /usr merged."""
        names = self._names(path)
        wanted, excluded = names, None
        for original, diverted, by in self._diversions():
            if diverted in names:
                wanted, excluded = self._names(original), by
            elif original in names:
                if by == ":":  # diverted by the administrator: what lies there came from no package
                    return None
                return self._listed(names, only=by)
        return self._listed(wanted, excluded=excluded)

    def files(self, package: str) -> tuple[str, ...]:
        """What the package's lists name, there where it lies now (dpkg-divert(1))."""
        moved = {original: diverted for original, diverted, by in self._diversions() if by != package}
        lists = [file for name, _, file in self._lists() if name == package]
        lines = [os.fsdecode(line) for file in lists for line in _content(file).splitlines()]
        return tuple(moved.get(line, line) for line in lines)

    def _names(self, path: str) -> tuple[str, ...]:
        top, _, rest = path.removeprefix("/usr/").lstrip("/").partition("/")
        if top not in _MERGED or not rest or not os.path.islink(f"{self._root}/{top}"):
            return (path,)
        return (f"/usr/{top}/{rest}", f"/{top}/{rest}")

    def _listed(self, names: tuple[str, ...], only: str | None = None, excluded: str | None = None) -> Package | None:
        lines = [b"\n" + os.fsencode(name) + b"\n" for name in names]
        for package, architecture, file in self._lists():
            if package == excluded or (only is not None and package != only):
                continue
            content = b"\n" + _content(file)
            if any(line in content for line in lines):
                # dpkg writes the list anew whenever it unpacks the package
                return Package(package, self._version(package, architecture), _mtime(file))
        return None

    def _lists(self) -> Iterator[tuple[str, str, str]]:
        for file in sorted(glob.glob(f"{glob.escape(self._admin)}/info/*.list")):
            package, _, architecture = os.path.basename(file).removesuffix(".list").partition(":")
            yield package, architecture, file

    def _diversions(self) -> Iterator[tuple[str, str, str]]:
        lines = _content(f"{self._admin}/diversions").decode("utf-8", "surrogateescape").splitlines()
        return zip(lines[::3], lines[1::3], lines[2::3], strict=False)

    def _version(self, package: str, architecture: str) -> str | None:
        status = b"\n" + _content(f"{self._admin}/status")
        at = -1
        while (at := status.find(b"\nPackage: " + package.encode() + b"\n", at + 1)) >= 0:
            end = status.find(b"\n\n", at)
            fields = dict(
                line.split(": ", 1)
                for line in status[at + 1 : end if end >= 0 else None].decode("utf-8", "replace").splitlines()
                if ": " in line and not line.startswith(" ")
            )
            if not architecture or fields.get("Architecture") == architecture:
                return fields.get("Version")
        return None


class Rpm:
    """Asks rpm, whose database only rpm can read."""

    name = "rpm"

    def __init__(self, databases: tuple[str, ...] = _RPM_DATABASES) -> None:
        self._databases = databases
        self._command = shutil.which("rpm", path=_ENVIRONMENT["PATH"])

    def stamp(self) -> int | None:
        """When the newest file of the database changed last."""
        if self._command is None:
            return None
        times = [_mtime(file) for folder in self._databases for file in glob.glob(f"{folder}/*")]
        return max((time for time in times if time is not None), default=None)

    def owner(self, path: str) -> Package | None:
        """The package that ``rpm -qf`` names."""
        form = r"%{NAME}\n%{VERSION}-%{RELEASE}\n%{INSTALLTIME}\n"
        lines = self._query("-qf", "--qf", form, "--", path).decode("utf-8", "replace").splitlines()
        if len(lines) < 3:
            return None
        installed = int(lines[2]) * 1_000_000_000 if lines[2].isdecimal() else None
        return Package(lines[0], lines[1], installed)

    def files(self, package: str) -> tuple[str, ...]:
        """What ``rpm -ql`` lists."""
        return tuple(os.fsdecode(line) for line in self._query("-ql", "--", package).splitlines() if line[:1] == b"/")

    def _query(self, *arguments: str) -> bytes:
        """What rpm answers; nothing where it has no answer."""
        if self._command is None:
            return b""
        try:
            answer = subprocess.run(
                [self._command, *arguments],
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_RPM_TIMEOUT_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return b""
        return answer.stdout


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
