"""What a user's desktop remembers of which app its portal gives a camera: the permission store, on the user's bus.

The interface is org.freedesktop.impl.portal.PermissionStore (xdg-desktop-portal's documentation); cameras are the entry
"camera" of the table "devices". It is asked by busctl(1), as the user whose it is.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from camguard.errors import BrokerError
from camguard.platform.linux.asuser import Launch, launch

PATIENCE_S = 5.0
"""How long a call may take; it takes some milliseconds, where the store runs already."""

_NAME = "org.freedesktop.impl.portal.PermissionStore"
_PATH = "/org/freedesktop/impl/portal/PermissionStore"
_PLACE = ("devices", "camera")
_NO = ["no"]
_NO_ENTRY = "no entry for"  # what the error NotFound says


class PermissionStore:
    """Implements `camguard.ports.PortalPermissions`."""

    def forbid(self, uid: int, app_id: str) -> None:
        """See `ports.PortalPermissions.forbid`."""
        if self._said(uid, app_id) == _NO:
            return
        table, entry = _PLACE
        self._call(uid, "SetPermission", "sbssas", table, "true", entry, app_id, "1", *_NO)
        if self._said(uid, app_id) != _NO:
            raise BrokerError(f"the permission store of user {uid} does not keep what it is told")

    def forget(self, uid: int, app_id: str) -> None:
        """See `ports.PortalPermissions.forget`."""
        if self._said(uid, app_id) != _NO:
            return
        self._call(uid, "DeletePermission", "sss", *_PLACE, app_id)
        if self._said(uid, app_id) == _NO:
            raise BrokerError(f"the permission store of user {uid} does not keep what it is told")

    def _said(self, uid: int, app_id: str) -> list[str] | None:
        """What the person said of this app before; None for nothing."""
        try:
            told = self._call(uid, "Lookup", "ss", *_PLACE)
        except _NoEntry:
            return None
        apps = told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}
        said = apps.get(app_id)
        return said if isinstance(said, list) else None

    def _call(self, uid: int, method: str, signature: str, *words: str) -> Any:
        """Call it; what it answers. Raises BrokerError where it does not, _NoEntry where there is nothing yet."""
        start = _busctl(uid, method, signature, *words)
        try:
            done = subprocess.run(
                start.command, **start.options, capture_output=True, timeout=PATIENCE_S, check=False, text=True
            )
        except subprocess.TimeoutExpired as error:
            raise BrokerError(f"the permission store of user {uid} does not answer") from error
        except OSError as error:
            raise BrokerError(f"busctl cannot be run: {error.strerror}") from error
        finally:
            start.end()
        if done.returncode != 0:
            if _NO_ENTRY in done.stderr.lower():
                raise _NoEntry(f"there is nothing about cameras in the permission store of user {uid}")
            raise BrokerError(f"user {uid} has no desktop with a permission store that answers")
        try:
            return json.loads(done.stdout or "{}").get("data")
        except (ValueError, AttributeError) as error:
            raise BrokerError(f"the permission store of user {uid} answers something that is not understood") from error


class _NoEntry(BrokerError):
    """Nobody was ever asked for a camera."""


def _busctl(uid: int, method: str, signature: str, *words: str) -> Launch:
    address = f"unix:path=/run/user/{uid}/bus"
    if uid == os.geteuid():
        address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", address)
    call = ("--json=short", f"--address={address}", "call", _NAME, _PATH, _NAME, method, signature, *words)
    return launch(uid, "busctl", call, {}, "it comes with systemd")
