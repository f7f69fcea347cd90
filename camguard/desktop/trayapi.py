"""pystray's `Icon`, `Menu` and `MenuItem`, without the backend that pystray would choose at import.

``import pystray`` looks for a desktop there and then: it loads GTK where it finds it, else opens the X display, and
raises where there is none of either. That is not for an import to do; `camguard.desktop.backends` chooses. So pystray
is imported here with its dummy backend, which needs nothing, and everything else of camguard takes its names from here.
The person's own ``PYSTRAY_BACKEND`` is put back at once: it is for `backends` to read, and for the programs that are
started from here.
"""

from __future__ import annotations

import os

_CHOICE = "PYSTRAY_BACKEND"
_chosen = os.environ.get(_CHOICE)
os.environ[_CHOICE] = "dummy"
try:
    from pystray._base import Icon, Menu, MenuItem
finally:
    del os.environ[_CHOICE]
    if _chosen is not None:
        os.environ[_CHOICE] = _chosen

__all__ = ["Icon", "Menu", "MenuItem"]
