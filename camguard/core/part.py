"""What a holder has to do with the pictures of a camera that others may feed."""

from __future__ import annotations

from enum import StrEnum


class Part(StrEnum):
    """What a holder has to do with the camera's pictures, as far as that can be told."""

    VIEWS = "views"  # takes them, or may: so it is unless something else is known
    FEEDS = "feeds"  # gives a virtual camera its pictures
    WAITS = "waits"  # there is nothing to take: nobody feeds a virtual camera, or it let go as far as is known
