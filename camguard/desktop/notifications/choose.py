"""Which way notifications go here."""

from __future__ import annotations

import sys

from camguard.desktop.notifications import Heard, Notifications
from camguard.desktop.notifications.plain import PlainNotifications


def notifications(heard: Heard) -> Notifications:
    """With buttons where there is a session bus, without them elsewhere."""
    if sys.platform != "linux":
        return PlainNotifications()
    from camguard.desktop.statusnotifier.address import session_bus

    if session_bus() is None:
        return PlainNotifications()
    from camguard.desktop.notifications.freedesktop import FreedesktopNotifications

    return FreedesktopNotifications(heard)
