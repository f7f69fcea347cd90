"""What the service says of itself, on stderr: for systemd's journal each line with how grave it is."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping

_GRAVE = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))
"""The least level of Python's for a level of syslog's."""


class GravityFormatter(logging.Formatter):
    """Begins each line with its level, as ``<4>``; see sd-daemon(3)."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, a prefix before each of its lines."""
        level = next((number for least, number in _GRAVE if record.levelno >= least), 7)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).splitlines() or [""])


def begin(environ: Mapping[str, str] = os.environ) -> None:
    """Have everything from INFO on told on stderr, with prefixes where that is systemd's journal."""
    handler = logging.StreamHandler(sys.stderr)
    if to_systemd(environ):
        handler.setFormatter(GravityFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def to_systemd(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether stderr is the very stream that systemd made: device and inode, as systemd.exec(5) has JOURNAL_STREAM."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
