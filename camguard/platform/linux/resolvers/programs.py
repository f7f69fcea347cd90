"""Apps that are known by the file that runs: scripts, packages, executables."""

from __future__ import annotations

import os

from camguard.core.confidence import Confidence
from camguard.core.model import UNKNOWN_APP, App, AppIdentity, AppKind
from camguard.platform.linux import procfs
from camguard.platform.linux.knowledge import knowledge
from camguard.platform.linux.resolvers.facts import Facts, by_content
from camguard.platform.linux.scriptline import MODULE


def script_app(facts: Facts) -> App | None:
    """The script that an interpreter runs.

    Code from ``-c``, a terminal or a pipe gets no identity, nor does a script whose file is not found: a rule for
    it would be a rule for the interpreter, and let every script in.
    """
    if not procfs.is_interpreter(facts.exe.path):
        return None
    found, interpreter = facts.script_file, facts.exe.base
    if facts.script is None:
        return App(UNKNOWN_APP, f"{interpreter} (inline code)")
    name = os.path.basename(facts.script.removeprefix(MODULE))
    if found is None:
        return App(UNKNOWN_APP, f"{name} (by {interpreter}, file not found)")
    if found.note is not None:
        return by_content(AppKind.SCRIPT, found, name)
    id_ = facts.script if facts.script.startswith(MODULE) else found.path
    version = found.package.version if found.package else None
    return App(AppIdentity(AppKind.SCRIPT, id_, found.path, found.sha256), name, version)


def windows_app(facts: Facts) -> App | None:
    """The Windows program that Wine or Proton runs: its name, by its own word, and no identity.

    The file of it is not what the kernel runs, so a rule for it would be one for Wine, and let all of them in.
    """
    if facts.exe.base not in knowledge().wine.executables:
        return None
    words = (word.replace("\\", "/").rpartition("/")[2] for word in facts.command)
    name = next((word for word in words if word.casefold().endswith(".exe")), None)
    return App(UNKNOWN_APP, name or facts.exe.base, confidence=Confidence.SELF_DECLARED)


def package_app(facts: Facts) -> App | None:
    """The package that put the executable there."""
    exe, package = facts.exe, facts.exe.package
    if package is None:
        return None
    return App(AppIdentity(AppKind.PACKAGE, package.name, exe.path, exe.sha256), exe.base, package.version)


def executable_app(facts: Facts) -> App | None:
    """The executable itself."""
    exe = facts.exe
    if exe.note is not None:
        return by_content(AppKind.EXECUTABLE, exe, exe.base)
    return App(AppIdentity(AppKind.EXECUTABLE, exe.path, exe.path, exe.sha256), exe.base)
