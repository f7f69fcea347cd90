"""What `doctor` says of PipeWire: whether it can be asked who uses a camera through it."""

from __future__ import annotations

import os
from collections.abc import Callable

from camguard.errors import BrokerError
from camguard.platform.linux.asuser import installed
from camguard.platform.linux.pipewire.tools import Instance, instance_of, snapshot
from camguard.ports import Finding, Level

MOST = 8
"""Of how many users PipeWire is asked, where root looks: each may take its time."""

_TOPIC = "pipewire"
_ELSE = "what uses a camera through it shows as PipeWire"
_PACKAGES = "Install it: apt install pipewire-bin, or dnf install pipewire-utils."


def examine(run_user: str = "/run/user", find: Callable[[int], Instance | None] = instance_of) -> Finding:
    """What there is to say; of several users' PipeWire the first with which something is wrong. Blocking."""
    found = [instance for uid in _users(run_user) if (instance := find(uid)) is not None][:MOST]
    if not found:
        said = "No PipeWire runs: no program gets a camera through it."
        return Finding(Level.OK, _TOPIC, said)
    missing = [program for program in ("pw-dump", "pw-cli") if not installed(program)]
    if missing:
        said = f"PipeWire runs, but {' and '.join(missing)} is not installed: {_ELSE}."
        return Finding(Level.WARNING, _TOPIC, said, _PACKAGES)
    for instance in found:
        try:
            snapshot(instance)
        except BrokerError as error:
            return Finding(
                Level.WARNING, _TOPIC, f"{error}: {_ELSE}.", "Restart it: systemctl --user restart pipewire."
            )
    whose = "" if [each.uid for each in found] == [os.geteuid()] else f" ({_count(len(found))})"
    return Finding(Level.OK, _TOPIC, f"PipeWire tells who uses a camera through it{whose}.")


def _users(run_user: str) -> list[int]:
    """Whose PipeWire may be asked: one's own, and as root everybody's who is logged in."""
    own = os.geteuid()
    if own != 0:
        return [own]
    try:
        names = os.listdir(run_user)
    except OSError:
        names = []
    return sorted({own, *(int(name) for name in names if name.isdecimal())})


def _count(users: int) -> str:
    return "one user" if users == 1 else f"{users} users"
