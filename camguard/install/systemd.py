"""What systemd says of a unit."""

from __future__ import annotations

import time
from dataclasses import dataclass

from camguard.install.commands import CommandFailed, run

_START_LIMIT_S = 120.0
_LOOK_S = 0.2
_PROPERTIES = ("LoadState", "UnitFileState", "ActiveState", "SubState", "Job", "MainPID", "NRestarts")
_SINCE = "ActiveEnterTimestamp"


@dataclass(frozen=True, slots=True)
class UnitState:
    """How a unit stands, in systemd's own words; `since` is when it became active, in seconds since 1970."""

    known: bool
    enabled: str
    active: str
    sub: str
    busy: bool
    pid: int | None
    restarts: int
    since: int | None


def state(unit: str) -> UnitState:
    """How a unit stands now. Raises CommandFailed where systemd does not answer."""
    options = [f"--property={name}" for name in (*_PROPERTIES, _SINCE)]
    lines = run(("systemctl", "show", "--timestamp=unix", *options, unit)).splitlines()
    return parse(dict(line.partition("=")[::2] for line in lines))


def parse(said: dict[str, str]) -> UnitState:
    """The state in the properties that ``systemctl show`` printed."""
    since = said.get(_SINCE, "").removeprefix("@")
    return UnitState(
        known=said.get("LoadState") not in {"not-found", "", None},
        enabled=said.get("UnitFileState") or "disabled",
        active=said.get("ActiveState", "unknown"),
        sub=said.get("SubState", "unknown"),
        busy=said.get("Job", "") not in {"", "0"},
        pid=int(said.get("MainPID") or 0) or None,
        restarts=int(said.get("NRestarts") or 0),
        since=int(since) if since.isdecimal() else None,
    )


def wait_active(unit: str) -> None:
    """Wait until a unit that is being started is active. Raises CommandFailed, with its last words, where it fails."""
    end = time.monotonic() + _START_LIMIT_S
    while True:
        now = state(unit)
        if now.active == "active" and not now.busy:
            return
        if now.active == "failed" or now.sub == "auto-restart":
            raise CommandFailed(_told(f"{unit} does not start", unit))
        if time.monotonic() > end:
            raise CommandFailed(_told(f"{unit} was not ready within {_START_LIMIT_S:.0f} s", unit))
        time.sleep(_LOOK_S)


def last_words(unit: str, lines: int, *, only_trouble: bool = False) -> tuple[str, ...]:
    """The end of a unit's journal, the newest last; nothing where there is none or it may not be read."""
    chosen = ("--priority=warning",) if only_trouble else ()
    command = ("journalctl", f"--unit={unit}", f"--lines={lines}", "--output=short-iso", "--no-pager", "--quiet")
    try:
        return tuple(run((*command, "--boot", *chosen)).splitlines())
    except CommandFailed:
        return ()


def _told(sentence: str, unit: str) -> str:
    words = "\n  ".join(last_words(unit, 12))
    return f"{sentence}. Its journal ends:\n  {words}" if words else f"{sentence}, and its journal is empty"
