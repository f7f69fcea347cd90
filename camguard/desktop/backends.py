"""Which kind of icon there is to be.

On Linux it is our own, `statusnotifier`: with pystray's over AppIndicator the same icon takes nearly twice the memory
(42 MB for 24), needs the distribution's Python with GTK's bindings, and a thousand updates in two seconds end the panel
it is shown by. pystray's own are there for who asks for them. Its X icon is not, for it has no menu.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping

from camguard.desktop import trayapi
from camguard.errors import TrayError, UsageError

VARIABLE = "PYSTRAY_BACKEND"
"""pystray's own variable, with our backend as one more value."""

OURS = "statusnotifier"

_MODULES = {
    "linux": {
        OURS: "camguard.desktop.statusnotifier.backend",
        "appindicator": "pystray._appindicator",
        "gtk": "pystray._gtk",
    },
    "win32": {"win32": "pystray._win32"},
    "darwin": {"darwin": "pystray._darwin"},
}
"""By system, the backends that have a menu; the first is the usual one."""

_BINDINGS = (
    "needs GTK's bindings for Python: on Debian and Ubuntu install python3-gi, gir1.2-gtk-3.0 and "
    "gir1.2-ayatanaappindicator3-0.1, and run camguard with the system's own Python"
)


def choose(
    wanted: str | None = None, *, system: str = sys.platform, environment: Mapping[str, str] = os.environ
) -> type[trayapi.Icon]:
    """The class of icon to use: the one that is `wanted`, or that the environment names, or the usual one.

    Raises UsageError for one that is not known or has no menu, TrayError where the chosen one cannot be had here; both
    say what to do.
    """
    known = _MODULES.get(system)
    if known is None:
        raise TrayError(f"there is no icon for this system ({system}); the command line works without one")
    name = wanted or environment.get(VARIABLE) or next(iter(known))
    if name not in known:
        why = "has no menu" if name == "xorg" else "is not known here"
        raise UsageError(f'the icon "{name}" {why}; use {" or ".join(known)}')
    if name == OURS:
        _demand_session_bus(environment)
    return _load(name, known[name])


def _demand_session_bus(environment: Mapping[str, str]) -> None:
    from camguard.desktop.statusnotifier.address import NO_BUS, session_bus

    if session_bus(environment) is None:
        raise TrayError(NO_BUS)


def _load(name: str, module: str) -> type[trayapi.Icon]:
    """Import a backend. GTK's raise ImportError or ValueError where a part is missing, or no display to be had."""
    try:
        found: type[trayapi.Icon] = importlib.import_module(module).Icon
    except (ImportError, ValueError) as error:
        hint = f"it {_BINDINGS}" if name in ("appindicator", "gtk") else "install camguard again"
        raise TrayError(f'the icon "{name}" cannot be used ({error}); {hint}') from error
    if not found.HAS_MENU:
        raise TrayError(f'the icon "{name}" has no menu here, without which it is of no use')
    return found
