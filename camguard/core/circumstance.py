"""The words for what makes a use unexpected although a rule allows the app."""

from __future__ import annotations

from enum import StrEnum


class Circumstance(StrEnum):
    """One thing about a use that a person would want to hear of; stable words, also as codes of reasons."""

    LOCKED = "locked"
    IDLE = "idle"
    INACTIVE = "inactive"
    REMOTE = "remote"
    NO_SESSION = "no-session"
    DELETED = "deleted"
    TEMPORARY = "temporary"
    NEW = "new"
    UNKNOWN_PARENT = "unknown-parent"

    @property
    def key(self) -> str:
        """The word as the configuration and JSON have it."""
        return self.value.replace("-", "_")
