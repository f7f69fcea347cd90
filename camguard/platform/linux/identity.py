"""Finds out which app a process is, by evidence from /proc, file content and the package manager.

What a process says of itself (its name, its command line) it can forge; of these only a script's path enters an
identity, and only where there is such a file. A path enters one only where the file that runs is the file there:
anybody may show other files at any path in a mount namespace of his own.
"""

from __future__ import annotations

import os
import pwd
import shutil
from contextlib import ExitStack
from dataclasses import replace

from camguard.core.confidence import Confidence, Through
from camguard.core.details import Details
from camguard.core.model import UNKNOWN_APP, App, AppIdentity, AppKind, Process
from camguard.core.redaction import redact
from camguard.errors import AccessDenied, NothingMatched, ProcessGone
from camguard.platform.linux import groups, procfs, sandbox
from camguard.platform.linux.evidence import (
    DELETED,
    UNREADABLE,
    UPGRADED,
    Evidence,
    OpenFile,
    gather,
    open_file,
)
from camguard.platform.linux.hashing import Hasher
from camguard.platform.linux.knowledge import knowledge
from camguard.platform.linux.naming import Namer
from camguard.platform.linux.origins import origin_of
from camguard.platform.linux.packages import Packages
from camguard.platform.linux.protected import is_systems_own
from camguard.platform.linux.resolvers import RESOLVERS, Facts, File, Resolver
from camguard.platform.linux.sandbox import FlatpakClaim
from camguard.ports import Onlooker
from camguard.wording import ending_closes

_FIRST_LINE = 256  # BINPRM_BUF_SIZE: the kernel reads no more of it
_EXECUTABLE = 0o111


class LinuxIdentifier:
    """Identifies processes; blocking, and safe in several threads."""

    def __init__(
        self,
        proc: str = "/proc",
        packages: Packages | None = None,
        hasher: Hasher | None = None,
        resolvers: tuple[Resolver, ...] = RESOLVERS,
        flatpaks: str = sandbox.INSTALLATION,
        namer: Namer | None = None,
    ) -> None:
        self._proc = proc
        self._boot_id = procfs.boot_id(proc)
        self._packages = packages or Packages()
        self._hasher = hasher or Hasher()
        self._resolvers = resolvers
        self._flatpaks = flatpaks
        self._namer = namer or Namer(self._packages)

    def identify(self, process: Process, onlooker: Onlooker | None = None) -> tuple[App, Details]:
        """The app behind a process; of one that is gone, closed to us or replaced, what its quick facts say."""
        user = None if process.uid is None else user_name(process.uid)
        if process.through is not None and process.through.by_portal:
            portals = _portal_app(process.through)
            return replace(portals, name=self._namer.name(portals, Facts(File("")))), Details(user=user)
        unknown = App(UNKNOWN_APP, _quick_name(process))
        if process.identity is None or process.identity.boot_id != self._boot_id:
            return unknown, Details(user=user)
        with ExitStack() as stack:
            try:
                evidence = gather(self._proc, process.identity, process.uid, stack)
            except ProcessGone:
                return unknown, Details(user=user)
            if onlooker is not None:
                onlooker.secured()
            facts = self._facts(evidence)
            app = None if facts is None else self._resolve(facts)
            if onlooker is not None and app is not None and facts is not None:
                onlooker.known(app.had_by(process), Details(user=user, exe_sha256=facts.exe.sha256))
            details = _details(user, evidence, facts)
            if facts is not None:
                origin = origin_of(self._proc, evidence, facts, process.started_utc_ns, details.parents)
                details = replace(details, origin=origin)
        if app is None or facts is None:
            return unknown, details
        browser = self._namer.browser(app.identity, facts.exe)
        warning = None
        if browser is not None and browser.closes and process.through is None:  # else its connection is cut
            warning = ending_closes(browser.name)
        return app.had_by(process), replace(details, warning=warning)

    def identify_file(self, path: str) -> App:
        """The app that a file would be if it were run.

        Raises NothingMatched where there is no such file or it cannot be run, AccessDenied where it may not be read.
        """
        real = os.path.realpath(path)
        with ExitStack() as stack:
            opened = _named_file(path, real, stack)
            claim = sandbox.claim_of(real, self._flatpaks)
            file = self._file(opened, claim)
            if sandbox.is_image(opened.fd):
                return self._resolve(Facts(file, image=file)) or App(UNKNOWN_APP, file.base)
            started_by = _interpreter(opened)
            if started_by is None and not os.fstat(opened.fd).st_mode & _EXECUTABLE:
                raise NothingMatched(f"{path} is neither executable nor a script that says which program runs it")
            if started_by is None:
                facts = Facts(file, flatpak=None if claim is None else claim.id)
            elif procfs.is_interpreter(started_by):
                facts = Facts(File(started_by), real, file)
            else:  # as for awk: what runs then is known as that program, whatever it is told to do
                facts = Facts(self._file(_named_file(started_by, started_by, stack)))
        return self._resolve(facts) or App(UNKNOWN_APP, os.path.basename(real))

    def _resolve(self, facts: Facts) -> App | None:
        app = next((app for resolve in self._resolvers if (app := resolve(facts)) is not None), None)
        return None if app is None else replace(app, name=self._namer.name(app, facts))

    def _facts(self, evidence: Evidence) -> Facts | None:
        if evidence.path is None:
            return None
        claim, script_file = evidence.flatpak, evidence.script_file
        unread = File(evidence.path.removesuffix(procfs.DELETED), note=UNREADABLE)
        return Facts(
            unread if evidence.exe is None else self._file(evidence.exe, claim),
            evidence.script,
            None if script_file is None else self._file(script_file, claim),
            evidence.command,
            evidence.groups,
            None if claim is None else claim.id,
            None if evidence.image is None else self._file(evidence.image),
        )

    def _file(self, file: OpenFile, claim: FlatpakClaim | None = None) -> File:
        found = os.fstat(file.fd)
        if file.note == UPGRADED:
            return self._upgraded(file)
        roots = file.note is None and is_systems_own(file.path, found)
        package, note = self._packages.owner(file.path) if roots else None, file.note
        deployed = None if claim is None else sandbox.deployed(claim, file.path, found, self._flatpaks)
        if claim is not None and not roots:
            roots = deployed is not None or sandbox.of_runtime(claim, file.path, found, self._flatpaks)
            note = None if roots else file.note  # it is the one at its path, as the sandbox has paths
        return File(file.path, self._hasher.sha256(file.fd), note, package, roots, deployed)

    def _upgraded(self, file: OpenFile) -> File:
        """A file that its package's upgrade replaced: it is still that package's; which version, is not known."""
        package, content = self._packages.owner(file.path), self._hasher.sha256(file.fd)
        if package is None:
            return File(file.path, content, DELETED)
        return File(file.path, content, package=replace(package, version=None), roots=True, upgraded=True)


def _portal_app(through: Through) -> App:
    """The app that the portal has a camera for. What only the app says of itself makes no identity."""
    if through.confidence is Confidence.PORTAL and through.app_id is not None:
        return App(AppIdentity(AppKind.PORTAL, through.app_id), through.app_id, confidence=Confidence.PORTAL)
    name = f"{through.says or 'an app'} (by the portal, which does not say which app it is)"
    return App(UNKNOWN_APP, name, confidence=through.confidence)


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
    return knowledge().run_by(file.path)


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
    launched = groups.launched(evidence.groups)
    what_counts = facts.script_file if facts and facts.script_file else exe
    package = what_counts.package if what_counts else None
    return Details(
        command=redact(evidence.command),
        user=user,
        parents=(*evidence.parents, *evidence.further),
        unit=groups.unit(evidence.groups),
        exe_sha256=exe.sha256 if exe else None,
        exe_note=None if exe is None else UPGRADED if exe.upgraded else exe.note,
        package=package.name if package else None,
        package_version=package.version if package else None,
        hints=() if launched is None else (f"its unit is named for {launched}",),
    )


def _quick_name(process: Process) -> str:
    path = process.script or process.exe or ""
    return os.path.basename(path.removesuffix(procfs.DELETED)) or process.name or "unknown process"
