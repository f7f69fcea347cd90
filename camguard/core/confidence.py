"""How surely it is known which app a use of the camera belongs to, and whose word that is."""

from __future__ import annotations

from dataclasses import dataclass
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


def weaker(one: Confidence, other: Confidence) -> Confidence:
    """The word that counts where one thing is known on this word and another on that."""
    order = list(Confidence)
    return max(one, other, key=order.index)


@dataclass(frozen=True, slots=True)
class Through:
    """How a process has a camera that another, the broker, has open for it.

    `broker` is the broker's executable and `pid` its process. `app_id` is the app that the portal says it is for;
    `says` is what it calls itself, for people to read and for nothing else.
    """

    confidence: Confidence
    broker: str
    pid: int
    app_id: str | None = None
    says: str | None = None

    @property
    def by_portal(self) -> bool:
        """Whether the process is the portal's, which has cameras for many apps, and not the app's."""
        return self.confidence in (Confidence.PORTAL, Confidence.SELF_DECLARED)

    @property
    def app(self) -> str | None:
        """What tells the apps of one portal apart; None where the process is the app's own."""
        return (self.app_id or self.says or "") if self.by_portal else None
