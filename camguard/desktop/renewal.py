"""A tray lives for weeks, and camguard may be upgraded, or taken away, under it."""

from __future__ import annotations

import logging
import os
import sys
from enum import Enum, auto
from typing import NoReturn

log = logging.getLogger(__name__)


class Fate(Enum):
    """What became of the installation that this process began from."""

    THE_SAME = auto()
    REPLACED = auto()  # what is imported from now on is another release's
    GONE = auto()


class Installation:
    """The Python environment of this process. An upgrade leads the link ``/opt/camguard/current`` to another folder."""

    def __init__(self, prefix: str = sys.prefix) -> None:
        self._prefix = prefix
        self._began = os.path.realpath(prefix)

    @property
    def fate(self) -> Fate:
        """What is at its place now."""
        if not os.path.exists(self._prefix):
            return Fate.GONE
        return Fate.THE_SAME if os.path.realpath(self._prefix) == self._began else Fate.REPLACED


def start_anew() -> NoReturn:
    """Go on as the release that is installed now, by the command that this process was started with."""
    log.info("another release of camguard was installed: the tray starts anew")
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # no shell is what is wanted
