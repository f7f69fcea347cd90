"""Who sits at this machine, from systemd-logind; see sd_uid_get_seats(3)."""

from __future__ import annotations

from camguard.platform.linux.logind import libsystemd

_ACTIVE = 1


def at_seat(uid: int) -> bool:
    """Whether a user has the session that is active at a seat of this machine; False where logind does not say."""
    library = libsystemd()
    return library is not None and library.sd_uid_get_seats(uid, _ACTIVE, None) > 0
