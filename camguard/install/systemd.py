"""What systemd says of a unit."""

from __future__ import annotations

import datetime as dt
import json
import time
from contextlib import suppress
from dataclasses import dataclass

from camguard.install.commands import CommandFailed, run

_START_LIMIT_S = 120.0
_LOOK_S = 0.2
_PROPERTIES = ("LoadState", "UnitFileState", "ActiveState", "SubState", "Job", "MainPID", "NRestarts")
_LOOKED_THROUGH = 200
_EVENT = "CAMGUARD_EVENT"
_OF_A_USE = ("alert", "call.refused", "open.refused", "action.")
"""How the events begin, of those that are told as warnings, in which the guard did what it is for."""
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


def last_words(unit: str, lines: int) -> tuple[str, ...]:
    """The end of a unit's journal, the newest last; nothing where there is none or it may not be read."""
    return _journal(unit, f"--lines={lines}", "--output=short-iso")


def trouble(unit: str, lines: int) -> tuple[str, ...]:
    """The newest warnings in a unit's journal, the newest last, as far as they are about the unit itself.

    What a guard sees programs do is in there too, and is no trouble of the guard's.
    """
    fields = f"--output-fields=MESSAGE,{_EVENT}"
    said = _journal(unit, f"--lines={_LOOKED_THROUGH}", "--priority=warning", "--output=json", fields)
    return tuple(told for line in said if (told := of_the_unit(line)) is not None)[-lines:]


def of_the_unit(line: str) -> str | None:
    """When, and what, of an entry of ``journalctl --output=json``; None where it is about a use of a camera."""
    found = json.loads(line)
    if not isinstance(found, dict) or found.get(_EVENT, "").startswith(_OF_A_USE):
        return None
    when = dt.datetime.fromtimestamp(int(found.get("__REALTIME_TIMESTAMP", 0)) // 1_000_000, dt.UTC).astimezone()
    message = found.get("MESSAGE")
    said = message if isinstance(message, str) else "(not text)"  # journalctl writes what is no text as a list of bytes
    return f"{when:%Y-%m-%dT%H:%M:%S%z} {said}"


def _journal(unit: str, *options: str) -> tuple[str, ...]:
    try:
        return tuple(run(("journalctl", f"--unit={unit}", "--boot", "--no-pager", "--quiet", *options)).splitlines())
    except CommandFailed:
        return ()


def _told(sentence: str, unit: str) -> str:
    with suppress(CommandFailed):  # what a unit said in its last moment journald takes down a moment later
        run(("journalctl", "--sync"))
    words = "\n  ".join(last_words(unit, 12))
    return f"{sentence}. Its journal ends:\n  {words}" if words else f"{sentence}, and its journal is empty"
