"""The section [context] of the configuration: what of a use's circumstances speaks against it."""

from __future__ import annotations

import msgspec

from camguard.core.circumstance import Circumstance
from camguard.core.context import ContextPolicy


class ContextSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Each circumstance by its key; `idle_after` is a duration."""

    locked: bool = True
    idle: bool = False
    idle_after: str | int | float = "5m"
    inactive: bool = True
    remote: bool = True
    no_session: bool = True
    deleted: bool = True
    temporary: bool = True
    new: bool = False
    unknown_parent: bool = True

    def policy(self, idle_after_ns: int) -> ContextPolicy:
        """What it says, with `idle_after` in nanoseconds."""
        wanted = frozenset(each for each in Circumstance if getattr(self, each.key))
        return ContextPolicy(wanted, idle_after_ns)
