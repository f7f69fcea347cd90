"""Whether something keeps the machine's clock right (NTP)."""

from __future__ import annotations

import ctypes
import os

_TOLD_BY_SYSTEMD = "/run/systemd/timesync/synchronized"  # systemd-timesyncd.service(8)
_STA_UNSYNC, _TIME_ERROR = 0x0040, 5  # include/uapi/linux/timex.h


class _Timex(ctypes.Structure):
    """What of struct timex is read; `rest` is more than any kernel has behind it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def clock_synchronised() -> bool | None:
    """Whether the clock is kept right, as the kernel was told; None where it cannot be asked.

    See adjtimex(2): it is called with nothing to change, which everybody may.
    """
    told = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return None
    if state < 0:  # the service may not ask: its sandbox lets nothing near the clock
        return True if os.path.exists(_TOLD_BY_SYSTEMD) else None
    return state != _TIME_ERROR and not told.status & _STA_UNSYNC
