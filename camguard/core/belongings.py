"""What a process has, looked at before it is ended: nobody can ask it afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from camguard.core.details import Parent
from camguard.core.model import Process
from camguard.core.records import JSON, Record, safe
from camguard.core.redaction import redact

MAX_FILES = 256
MAX_SOCKETS = 64
"""So many of each are written down; how many more there were is said."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A socket: ``tcp`` or ``udp``, its own address, the other's (None where there is none), and the state it is in."""

    protocol: str
    local: str
    remote: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Belongings:
    """What one process has. `why` says why that is not all of it, None where it is.

    `files` are the names of what it has open, as the kernel tells them: files, devices, memory with a name. Secrets in
    them are taken out when they are written down.
    """

    process: Process
    files: tuple[str, ...] = ()
    more_files: int = 0
    sockets: tuple[Endpoint, ...] = ()
    more_sockets: int = 0
    parents: tuple[Parent, ...] = ()
    exe: str | None = None
    cwd: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The copy of a program: its content's SHA-256, by which the copy is called; or `why` there is none."""

    path: str
    sha256: str | None = None
    bytes: int | None = None
    file: str | None = None
    why: str | None = None


def preserved(found: Iterable[Belongings], by: str, exe_sha256: str | None) -> Record:
    """The `extra` of a report of what was found; `exe_sha256` is the executable's hash where it is known by now."""
    return {"by": by, "processes": [_process(each, exe_sha256) for each in found]}


def kept(found: Iterable[Kept], by: str) -> Record:
    """The `extra` of a report of copies."""
    copies: list[JSON] = [
        {
            "path": safe(_clean(each.path)),
            "sha256": each.sha256,
            "bytes": each.bytes,
            "file": each.file,
            "why": each.why,
        }
        for each in found
    ]
    return {"by": by, "copies": copies}


def _process(found: Belongings, exe_sha256: str | None) -> Record:
    identity = found.process.identity
    sockets: list[JSON] = [
        {"protocol": each.protocol, "local": each.local, "remote": each.remote, "state": each.state}
        for each in found.sockets
    ]
    parents: list[JSON] = [
        {"pid": parent.pid, "name": safe(parent.name), "exe": safe(parent.exe)} for parent in found.parents
    ]
    return {
        "pid": found.process.pid,
        "start_ticks": None if identity is None else identity.start_ticks,
        "exe": safe(found.exe),
        "exe_sha256": exe_sha256,
        "cwd": None if found.cwd is None else safe(_clean(found.cwd)),
        "files": [safe(_clean(name)) for name in found.files],
        "more_files": found.more_files,
        "sockets": sockets,
        "more_sockets": found.more_sockets,
        "parents": parents,
        "why": found.why,
    }


def _clean(name: str) -> str:
    """A file's name without what looks like a secret."""
    return " ".join(redact((name,)))
