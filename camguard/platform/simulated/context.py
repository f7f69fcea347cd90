"""Pretend circumstances: what ``context.toml`` in the folder of the pretend cameras says, and nothing else.

Each key is a circumstance (``locked = true``, ``no_session = false``); what is not there is not known.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import msgspec

from camguard.core.circumstance import Circumstance
from camguard.core.context import Context, Origin, SessionState
from camguard.core.model import Process
from camguard.errors import ConfigError
from camguard.shapes import Shape
from camguard.toml_source import TomlSource

log = logging.getLogger(__name__)

NAME = "context.toml"
_MINUTE_NS = 60 * 1_000_000_000
_LONG_AGO_NS = 366 * 24 * 60 * _MINUTE_NS


class _Content(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    locked: bool | None = None
    idle: bool | None = None
    inactive: bool | None = None
    remote: bool | None = None
    no_session: bool | None = None
    deleted: bool | None = None
    temporary: bool | None = None
    new: bool | None = None
    unknown_parent: bool | None = None


_CONTENT = Shape(_Content)


def pretend_context(folder: Path, **circumstances: bool) -> None:
    """Let circumstances, named by their keys, hold or not for whoever uses a pretend camera from now on."""
    known = {each.key for each in Circumstance}
    lines = [f"{key} = {str(value).lower()}" for key, value in circumstances.items() if key in known]
    (folder / NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


class SimulatedSurroundings:
    """Reads the file anew each time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def context(self, process: Process, origin: Origin) -> Context:  # noqa: ARG002 - here both count for nothing
        """See `camguard.ports.Surroundings`."""
        try:
            said = TomlSource.read(self._path).decode(_CONTENT)
        except FileNotFoundError:
            return Context()
        except ConfigError as error:
            log.warning("%s", error)
            return Context()
        installed = None if said.new is None else time.time_ns() - (_MINUTE_NS if said.new else _LONG_AGO_NS)
        return Context(
            SessionState(
                locked=said.locked,
                idle=said.idle,
                inactive=said.inactive,
                remote=said.remote,
                missing=said.no_session,
            ),
            Origin(
                deleted=said.deleted,
                temporary=said.temporary,
                installed_utc_ns=installed,
                unknown_parent=said.unknown_parent,
            ),
        )
