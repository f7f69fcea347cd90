"""Memory that was used for a while and is used no more is given back: the service lives for months."""

from __future__ import annotations

import ctypes
import gc

# Of mallopt(3).
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
_LARGE = 64 * 1024

_libc = ctypes.CDLL(None)


def begin_frugally() -> None:
    """Have all threads share one arena, since each would keep what its largest answer took; and large blocks apart.

    See mallopt(3): without a threshold of our own, large blocks come to lie among the small ones that stay. A C
    library that has no such thing is left as it is.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_ARENA_MAX, 1)
        _libc.mallopt(_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Return to the system what is free; see malloc_trim(3)."""
    gc.collect()
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
