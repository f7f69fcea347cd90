"""The machine that an export comes from, and how its clock stands.

What stays as it is goes into the export; what changes by itself is told beside it, so that the same log gives the same
bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import platform
from pathlib import Path

from camguard.core.records import Record

_PURPOSE = b"camguard export: which machine it was"


def facts(root: str = "/") -> Record:
    """What the machine is; None for what it does not say.

    `machine` is a hash of /etc/machine-id for this purpose alone, as machine-id(5) asks for: it says whether two
    exports come from one machine, and nothing else.
    """
    return {
        "hostname": _first_line(f"{root}/proc/sys/kernel/hostname"),
        "machine": _hashed(_first_line(f"{root}/etc/machine-id")),
        "system": _system(root),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "time_zone": _zone(root),
    }


def boot_id() -> str | None:
    """Which boot this is (random(4))."""
    return _first_line("/proc/sys/kernel/random/boot_id")


def _hashed(machine_id: str | None) -> str | None:
    if not machine_id:
        return None
    return hmac.new(machine_id.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def _system(root: str) -> str | None:
    for place in ("etc/os-release", "usr/lib/os-release"):
        try:
            lines = Path(root, place).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition("=")
            if name == "PRETTY_NAME":
                return value.strip("\"'")
    return None


def _zone(root: str) -> str | None:
    """The zone's name in the tz database, of the machine and not of this command's environment."""
    try:
        return os.readlink(f"{root}/etc/localtime").partition("zoneinfo/")[2] or None
    except OSError:
        return _first_line(f"{root}/etc/timezone")


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip() or None
    except OSError:
        return None
