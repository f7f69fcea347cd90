"""Who a caller is: the system's users and groups, and who sits at the machine."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable

from camguard.core.authority import GROUP, ROOT, WATCHERS, Caller


class People:
    """Looks people up, anew each time: names and groups may change while the service runs."""

    def __init__(self, at_seat: Callable[[int], bool], owner: int = ROOT, *, private: bool = False) -> None:
        """`at_seat` says whether a user has the active session at this machine; `owner` is whose guard this is.

        `private`: its log is kept from everybody but the user concerned and root; a user's own guard has no other.
        """
        self._at_seat = at_seat
        self._owner = owner
        self._private = private

    def caller(self, uid: int, pid: int, gids: frozenset[int]) -> Caller:
        """The caller with these credentials, which are the kernel's word."""
        admin = uid in {ROOT, self._owner} or _group(GROUP) in gids
        watcher, private = _group(WATCHERS) in gids, self._private and uid not in {ROOT, self._owner}
        return Caller(uid, pid, gids, admin=admin, at_seat=self._at_seat(uid), watcher=watcher, private=private)

    def name(self, uid: int) -> str:
        """The name of a user, or the number where the system knows none."""
        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            return str(uid)

    def uid(self, user: str) -> int | None:
        """The number of a user by name or number; None where there is none of that name."""
        if user.isdecimal() and user.isascii():
            return int(user)
        try:
            return pwd.getpwnam(user).pw_uid
        except KeyError:
            return None


def _group(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
