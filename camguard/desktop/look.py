"""The states that the tray's icon can be in."""

from __future__ import annotations

from enum import StrEnum


class Look(StrEnum):
    """What the icon says at a glance."""

    OFF = "off"  # every camera is switched off
    IDLE = "idle"  # nobody uses a camera
    EXPECTED = "expected"  # in use, as expected
    UNEXPECTED = "unexpected"  # in use, unexpectedly, until somebody has answered
    BLIND = "blind"  # no guard, or one that cannot see

    @property
    def words(self) -> str:
        """The same in words, for whoever does not see the icon."""
        return _WORDS[self]


_WORDS = {
    Look.OFF: "The camera is switched off",
    Look.IDLE: "The camera is not in use",
    Look.EXPECTED: "The camera is in use",
    Look.UNEXPECTED: "The camera is in use unexpectedly",
    Look.BLIND: "camguard cannot see the camera",
}
