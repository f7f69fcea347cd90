"""What was said about the cameras and which of them are held off, kept in one file beside the activation log.

It outlasts the guard, a crash and a restart of the machine. It is written whole or not at all.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from camguard.core.switchboard import Standing
from camguard.errors import ConfigError
from camguard.shapes import Shape
from camguard.wholefile import write_whole

log = logging.getLogger(__name__)

_LIMIT = 1 << 20
_VERSION = 1


class _Document(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    version: int
    standing: Standing


_DOCUMENT = Shape(_Document)


class StandingFile:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._saved: Standing | None = None
        self._trouble: str | None = None

    def load(self) -> Standing:
        """What was saved last; nothing where there is no file.

        Raises ConfigError where the file is damaged: it was then moved out of the way, to ``NAME.damaged``.
        """
        try:
            with open(self.path, "rb") as file:
                raw = file.read(_LIMIT + 1)
        except FileNotFoundError:
            return Standing()
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be read: {error.strerror}") from error
        try:
            document = _DOCUMENT.of_json(raw)
        except (msgspec.DecodeError, ValueError) as error:
            aside = self._set_aside()
            raise ConfigError(
                f"{self.path} is damaged ({error}); it was moved to {aside}. What people said about the cameras before "
                "is not known any more: say it again with `camguard off` or `camguard on`."
            ) from error
        self._saved = document.standing
        return document.standing

    def differs(self, standing: Standing) -> bool:
        """Whether there is something to save."""
        return standing != self._saved

    def save(self, standing: Standing) -> None:
        """Write it durably. A disk that takes nothing is told in the log, once; the next save tries again."""
        try:
            write_whole(self.path, msgspec.json.encode(_Document(_VERSION, standing)))
        except OSError as error:
            if self._trouble != error.strerror:
                self._trouble = error.strerror
                why = "a restart now would forget what was said last"
                log.error("%s cannot be written: %s; %s", self.path, error.strerror, why)  # noqa: TRY400
        else:
            self._saved, self._trouble = standing, None

    def _set_aside(self) -> Path:
        aside = self.path.with_name(f"{self.path.name}.damaged")
        with suppress(OSError):  # where even that fails, the next save takes its place
            os.replace(self.path, aside)
        return aside
