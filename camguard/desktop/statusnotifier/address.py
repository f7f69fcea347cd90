"""Where the session bus is."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

NO_BUS = (
    "there is no D-Bus session to show an icon in; start it from a desktop session, "
    "or set DBUS_SESSION_BUS_ADDRESS to that of yours"
)

_VARIABLE = "DBUS_SESSION_BUS_ADDRESS"


def session_bus(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address of the person's session bus; None where there is none to be found.

    It is the one that the environment names, else the socket that systemd keeps for each person who is logged in (see
    "Well-known Message Bus Instances" in the D-Bus specification).
    """
    named = environment.get(_VARIABLE)
    if named:
        return named
    path = os.path.join(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "bus")
    try:
        found = os.stat(path)
    except OSError:
        return None
    return f"unix:path={path}" if stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid() else None
