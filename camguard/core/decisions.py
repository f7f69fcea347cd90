"""What a person may answer to an alert."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """A person's answer about one use of a camera; stable words."""

    OFF = "off"  # end it, and switch the camera off
    END = "end"  # end it
    KEEP = "keep"  # let it go on, this time
    ALLOW = "allow"  # expect this app from now on
    SEEN = "seen"  # it is known; nothing is to be done


ENDS = frozenset({Decision.OFF, Decision.END})
"""The answers that end the use."""
