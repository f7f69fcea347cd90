"""The words for why a verdict is as it is, for programs."""

from __future__ import annotations

from enum import StrEnum

from camguard.core.circumstance import Circumstance


class ReasonCode(StrEnum):
    """Why: stable words that programs may match."""

    ALLOWED = "allowed-by-rule"
    ASKED = "ask-by-rule"
    BLOCKED = "blocked-by-rule"
    FIRST_USE = "first-use"
    NO_RULE = "no-rule"
    UNKNOWN_PROCESS = "unknown-process"
    CHANGED = "app-changed"
    UNPROVEN = "app-unproven"
    OUTSIDE_HOURS = "outside-hours"
    OTHER_CAMERA = "no-rule-for-camera"
    EXPIRED = "rule-expired"
    OTHERWISE = "allowed-otherwise"
    FEEDS = "feeds-virtual-camera"


def reason_code(word: str) -> ReasonCode | Circumstance:
    """The code that is written so. Raises ValueError for any other word."""
    try:
        return ReasonCode(word)
    except ValueError:
        return Circumstance(word)
