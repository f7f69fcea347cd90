"""How much there is behind the name of an app."""

from __future__ import annotations

from enum import StrEnum


class Confidence(StrEnum):
    """Whose word it is that an app is this one, the strongest first."""

    KERNEL = "kernel"
    """The file that runs was compared with the one that is known by that name."""

    BROKER = "broker"
    """The broker told which process it serves, as the kernel had told it."""

    PORTAL = "portal"
    """The desktop's portal, which started or asked the app, told its id."""

    SELF_DECLARED = "self-declared"
    """The program, or its user, could have said anything else."""

    UNKNOWN = "unknown"
    """Nobody said."""

    @property
    def suffices(self) -> bool:
        """Whether a rule may allow an app on this word; to ask about it or to block it any word will do."""
        return self in (Confidence.KERNEL, Confidence.BROKER, Confidence.PORTAL)
