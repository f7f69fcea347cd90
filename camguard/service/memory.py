"""Memory that was used for a while and is used no more is given back: the service lives for months."""

from __future__ import annotations

import ctypes
import gc

_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)

_libc = ctypes.CDLL(None)


def begin_frugally() -> None:
    """Have all threads share one arena: each with its own would keep what its largest answer took.

    See mallopt(3). A C library that has no such thing is left as it is.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Return to the system what is free; see malloc_trim(3)."""
    gc.collect()
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
