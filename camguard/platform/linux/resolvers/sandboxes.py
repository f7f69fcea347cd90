"""Apps in sandboxes, containers and images.

Proven is what the kernel and root's own files say: that the file that runs lies in root's installation of that
Flatpak or snap, or that the process is in a control group that only root can have made. All else (``/.flatpak-info``,
groups in a user's part of the tree, the environment) any program of that user could have arranged in the same way. It
gives the app a name, and a rule may ask about it or block it, but none allows it.
"""

from __future__ import annotations

import re

from camguard.core.confidence import Confidence
from camguard.core.model import App, AppIdentity, AppKind
from camguard.platform.linux import groups, procfs
from camguard.platform.linux.resolvers.facts import Facts, File

_SNAP_FILE = re.compile(r"(/snap|/var/lib/snapd/snap)/([a-z0-9][a-z0-9-]*(?:_[a-z0-9]{1,10})?)/(x?[0-9]+)/(.+)")
_BASES = re.compile(r"bare|core[0-9]*|snapd")
_SHOWN = 12


def flatpak_app(facts: Facts) -> App | None:
    """A Flatpak that is installed for the whole machine, by the file that runs."""
    file = _runs(facts)
    if facts.flatpak is None or file is None or file.deployed is None:
        return None
    identity = AppIdentity(AppKind.FLATPAK, facts.flatpak, file.deployed, file.sha256)
    return App(identity, _last_part(facts.flatpak))


def snap_app(facts: Facts) -> App | None:
    """A snap, by the file that runs, or by the group of a service, which only root can make.

    What every snap runs (a base such as core22) is none of them.
    """
    file, group = _runs(facts), groups.snap(facts.groups)
    found = _SNAP_FILE.fullmatch(file.path) if file is not None and file.roots else None
    if file is not None and found is not None and not _BASES.fullmatch(found[2]):
        root, name, revision, rest = found.groups()
        identity = AppIdentity(AppKind.SNAP, name, f"{root}/{name}/current/{rest}", file.sha256)
        return App(identity, name, f"revision {revision}")
    if group is None or not group.proven or facts.exe.note is None:
        return None
    return App(AppIdentity(AppKind.SNAP, group.name, None, facts.exe.sha256), group.name)


def container_app(facts: Facts) -> App | None:
    """A container that root runs. No path inside of it means anything outside."""
    group = groups.container(facts.groups)
    if group is None or not group.proven or facts.exe.note is None:
        return None
    return _contained(facts, group.name, Confidence.KERNEL)


def claimed_app(facts: Facts) -> App | None:
    """What a process says it is; only of files that prove nothing, so that none gets rid of its own name this way."""
    if facts.image is not None:
        identity = AppIdentity(AppKind.APPIMAGE, facts.image.path, facts.image.path, facts.image.sha256)
        name = facts.image.base
        shown = name[: -len(".AppImage")] if name.casefold().endswith(".appimage") else name
        return App(identity, shown or name, confidence=Confidence.SELF_DECLARED)
    if facts.exe.note is None:
        return None
    if facts.flatpak is not None:
        identity = AppIdentity(AppKind.FLATPAK, facts.flatpak, None, facts.exe.sha256)
        return App(identity, _last_part(facts.flatpak), confidence=Confidence.SELF_DECLARED)
    snap, container = groups.snap(facts.groups), groups.container(facts.groups)
    if snap is not None:
        identity = AppIdentity(AppKind.SNAP, snap.name, None, facts.exe.sha256)
        return App(identity, snap.name, confidence=Confidence.SELF_DECLARED)
    return None if container is None else _contained(facts, container.name, Confidence.SELF_DECLARED)


def _runs(facts: Facts) -> File | None:
    """The file that counts: the script's where an interpreter runs one, if that is root's as well."""
    if not procfs.is_interpreter(facts.exe.path):
        return facts.exe
    return facts.script_file if facts.exe.roots else None


def _contained(facts: Facts, digits: str, confidence: Confidence) -> App:
    identity = AppIdentity(AppKind.CONTAINER, digits, None, facts.exe.sha256)
    return App(identity, f"container {digits[:_SHOWN]}", confidence=confidence)


def _last_part(id_: str) -> str:
    return id_.rpartition(".")[2]
