"""What is kept about a process for whoever reads the log later, and decides nothing; but for its origin."""

from __future__ import annotations

from dataclasses import dataclass

from camguard.core.context import NO_ORIGIN, Origin


@dataclass(frozen=True, slots=True)
class Parent:
    """One link of a parent chain, nearest first."""

    pid: int
    name: str
    exe: str | None


@dataclass(frozen=True, slots=True)
class Details:
    """What takes longer to find out about a process, kept for whoever reads the log later.

    `command` has its secrets redacted. `exe_sha256` is the executable's own hash, also where the app is a
    script. `exe_note` says what is odd about the executable ("deleted", "not the file at its path"). `hints` are
    what the process or its user says it is, in words, and prove nothing. `warning` is a sentence to be told before
    the process is ended, where that does more than a person may expect. `origin` becomes a part of the use's context.
    """

    command: tuple[str, ...] = ()
    user: str | None = None
    parents: tuple[Parent, ...] = ()
    unit: str | None = None
    exe_sha256: str | None = None
    exe_note: str | None = None
    package: str | None = None
    package_version: str | None = None
    hints: tuple[str, ...] = ()
    warning: str | None = None
    origin: Origin = NO_ORIGIN
