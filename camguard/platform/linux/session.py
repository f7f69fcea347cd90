"""Who sits at this machine, from systemd-logind; see sd_uid_get_seats(3)."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_ACTIVE = 1


def at_seat(uid: int) -> bool:
    """Whether a user has the session that is active at a seat of this machine; False where logind does not say."""
    library = _library()
    return library is not None and library.sd_uid_get_seats(uid, _ACTIVE, None) > 0


@cache
def _library() -> Any:
    try:
        library = ctypes.CDLL("libsystemd.so.0")
    except OSError:
        return None
    library.sd_uid_get_seats.argtypes = [ctypes.c_uint32, ctypes.c_int, ctypes.c_void_p]
    return library
