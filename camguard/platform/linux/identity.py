"""Finds out which app a process is, by evidence from /proc, file content and the package manager.

What a process says of itself (its name, its command line) it can forge; of these only a script's path enters an
identity, and only where there is such a file. A path enters one only where the file that runs is the file there:
anybody may show other files at any path in a mount namespace of his own.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from camguard.core.model import UNKNOWN_APP, App, AppIdentity, AppKind, Details, Process
from camguard.core.redaction import redact
from camguard.errors import AccessDenied, NothingMatched, ProcessGone
from camguard.platform.linux import procfs
from camguard.platform.linux.evidence import Evidence, OpenFile, gather, open_file
from camguard.platform.linux.hashing import Hasher
from camguard.platform.linux.packages import Package, Packages
from camguard.platform.linux.protected import is_systems_own

_MODULE = "-m "
_FIRST_LINE = 256  # BINPRM_BUF_SIZE: the kernel reads no more of it
_EXECUTABLE = 0o111
_RUN_BY = {".py": "python3", ".sh": "sh", ".js": "node", ".mjs": "node", ".pl": "perl", ".rb": "ruby", ".jar": "java"}


@dataclass(frozen=True, slots=True)
class File:
    """A file that a process runs. `note` says what is odd about it, None where it is the one at its path."""

    path: str
    sha256: str | None = None
    note: str | None = None
    package: Package | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What resolvers judge by. `script` is what the command line calls it, `script_file` the file found by that."""

    exe: File
    script: str | None = None
    script_file: File | None = None


Resolver = Callable[[Facts], App | None]
"""Says which app this is, None where it cannot tell; the first answer counts."""


def script_app(facts: Facts) -> App | None:
    """The script that an interpreter runs.

    Code from ``-c``, a terminal or a pipe gets no identity, nor does a script whose file is not found: a rule for
    it would be a rule for the interpreter, and let every script in.
    """
    if not procfs.is_interpreter(facts.exe.path):
        return None
    found, interpreter = facts.script_file, os.path.basename(facts.exe.path)
    if facts.script is None:
        return App(UNKNOWN_APP, f"{interpreter} (inline code)")
    name = os.path.basename(facts.script.removeprefix(_MODULE))
    if found is None:
        return App(UNKNOWN_APP, f"{name} (by {interpreter}, file not found)")
    if found.note is not None:
        return _by_content(AppKind.SCRIPT, found, name)
    id_ = facts.script if facts.script.startswith(_MODULE) else found.path
    version = found.package.version if found.package else None
    return App(AppIdentity(AppKind.SCRIPT, id_, found.path, found.sha256), name, version)


def package_app(facts: Facts) -> App | None:
    """The package that put the executable there."""
    exe, package = facts.exe, facts.exe.package
    if package is None:
        return None
    identity = AppIdentity(AppKind.PACKAGE, package.name, exe.path, exe.sha256)
    return App(identity, os.path.basename(exe.path), package.version)


def executable_app(facts: Facts) -> App | None:
    """The executable itself."""
    exe, name = facts.exe, os.path.basename(facts.exe.path)
    if exe.note is not None:
        return _by_content(AppKind.EXECUTABLE, exe, name)
    return App(AppIdentity(AppKind.EXECUTABLE, exe.path, exe.path, exe.sha256), name)


def _by_content(kind: AppKind, file: File, name: str) -> App:
    """An app known by its content alone, since its path proves nothing."""
    if file.sha256 is None:
        return App(UNKNOWN_APP, name)
    return App(AppIdentity(kind, f"sha256:{file.sha256}", None, file.sha256), name)


RESOLVERS: tuple[Resolver, ...] = (script_app, package_app, executable_app)


class LinuxIdentifier:
    """Identifies processes; blocking, and safe in several threads."""

    def __init__(
        self,
        proc: str = "/proc",
        packages: Packages | None = None,
        hasher: Hasher | None = None,
        resolvers: tuple[Resolver, ...] = RESOLVERS,
    ) -> None:
        self._proc = proc
        self._boot_id = procfs.boot_id(proc)
        self._packages = packages or Packages()
        self._hasher = hasher or Hasher()
        self._resolvers = resolvers

    def identify(self, process: Process, secured: Callable[[], object] | None = None) -> tuple[App, Details]:
        """The app behind a process; of one that is gone, closed to us or replaced, what its quick facts say."""
        user = None if process.uid is None else user_name(process.uid)
        unknown = App(UNKNOWN_APP, _quick_name(process))
        if process.identity is None or process.identity.boot_id != self._boot_id:
            return unknown, Details(user=user)
        with ExitStack() as stack:
            try:
                evidence = gather(self._proc, process.identity, process.uid, stack)
            except ProcessGone:
                return unknown, Details(user=user)
            if secured is not None:
                secured()
            facts = self._facts(evidence)
        app = unknown if facts is None else self._resolve(facts) or unknown
        return app, _details(user, evidence, facts)

    def identify_file(self, path: str) -> App:
        """The app that a file would be if it were run.

        Raises NothingMatched where there is no such file or it cannot be run, AccessDenied where it may not be read.
        """
        real = os.path.realpath(path)
        with ExitStack() as stack:
            opened = _named_file(path, real, stack)
            file = self._file(opened)
            started_by = _interpreter(opened)
            if started_by is None and not os.fstat(opened.fd).st_mode & _EXECUTABLE:
                raise NothingMatched(f"{path} is neither executable nor a script that says which program runs it")
            if started_by is None:
                facts = Facts(file)
            elif procfs.is_interpreter(started_by):
                facts = Facts(File(started_by), real, file)
            else:  # as for awk: what runs then is known as that program, whatever it is told to do
                facts = Facts(self._file(_named_file(started_by, started_by, stack)))
        return self._resolve(facts) or App(UNKNOWN_APP, os.path.basename(real))

    def _resolve(self, facts: Facts) -> App | None:
        return next((app for resolve in self._resolvers if (app := resolve(facts)) is not None), None)

    def _facts(self, evidence: Evidence) -> Facts | None:
        if evidence.exe is None:
            return None
        script_file = None if evidence.script_file is None else self._file(evidence.script_file)
        return Facts(self._file(evidence.exe), evidence.script, script_file)

    def _file(self, file: OpenFile) -> File:
        owned = file.note is None and is_systems_own(file.path, os.fstat(file.fd))
        package = self._packages.owner(file.path) if owned else None
        return File(file.path, self._hasher.sha256(file.fd), file.note, package)


def _interpreter(file: OpenFile) -> str | None:
    """The program that runs a script: what its first line names (execve(2)), or what its suffix is run by.

    Raises AccessDenied where the file cannot be read.
    """
    try:
        head = os.pread(file.fd, _FIRST_LINE, 0)
    except OSError as error:
        raise AccessDenied(f"{file.path} cannot be read: {error.strerror}") from error
    if head.startswith(b"#!"):
        words = head[2:].partition(b"\n")[0].decode("utf-8", "replace").split()
        if len(words) > 1 and os.path.basename(words[0]) == "env":
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        if words:
            found = words[0] if words[0].startswith("/") else shutil.which(words[0])
            return os.path.realpath(found) if found else words[0]
    return _RUN_BY.get(os.path.splitext(file.path)[1])


def _named_file(path: str, real: str, stack: ExitStack) -> OpenFile:
    """A file that a person named. Raises NothingMatched or AccessDenied."""
    opened = open_file(real, stack)
    if opened is not None:
        return opened
    if os.path.isfile(real):
        raise AccessDenied(f"{path} may not be read by this user")
    raise NothingMatched(f"{path} is not a file" if os.path.exists(real) else f"there is no file {path}")


def user_name(uid: int) -> str:
    """The name of a user, or the number where the system knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def _details(user: str | None, evidence: Evidence, facts: Facts | None) -> Details:
    exe = facts.exe if facts else None
    what_counts = facts.script_file if facts and facts.script_file else exe
    package = what_counts.package if what_counts else None
    return Details(
        command=redact(evidence.command),
        user=user,
        parents=(*evidence.parents, *evidence.further),
        unit=evidence.unit,
        exe_sha256=exe.sha256 if exe else None,
        exe_note=exe.note if exe else None,
        package=package.name if package else None,
        package_version=package.version if package else None,
    )


def _quick_name(process: Process) -> str:
    path = process.script or process.exe or ""
    return os.path.basename(path.removesuffix(procfs.DELETED)) or process.name or "unknown process"
