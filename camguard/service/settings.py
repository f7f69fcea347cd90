"""The service's configuration: a mistake in the file never stops the guard, the last good one stays in force."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from camguard import config as configuration
from camguard.config import Config
from camguard.errors import ConfigError
from camguard.toml_source import TomlSource
from camguard.wholefile import write_whole

_KEPT = "config.last-good.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration, and what is wrong with the file where that is why an older one, or the default, is used."""

    config: Config
    trouble: str | None = None


class ConfigFile:
    """The configuration file at `path`, and in `folder` the copy of what it said when it last could be used."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self._kept = folder / _KEPT

    def load(self) -> Settings:
        """What the file says; where it cannot be used what it said before, and where that is not known the default."""
        try:
            source = TomlSource.read(self.path)
            config = configuration.of_source(source)
        except FileNotFoundError:
            with suppress(
                OSError
            ):  # there is none, or it cannot be changed now: it is not asked while there is no file
                self._kept.unlink()
            return Settings(configuration.defaults())
        except ConfigError as error:
            return Settings(self._before(), str(error))
        self._keep(source.text)
        return Settings(config)

    def _before(self) -> Config:
        try:
            # Under its own path, from which relative ones in it are reckoned.
            return configuration.of_source(TomlSource(self.path, TomlSource.read(self._kept).text))
        except (FileNotFoundError, ConfigError):
            return configuration.defaults()

    def _keep(self, text: str) -> None:
        """Where the copy cannot be written, on a full disk, the older one stays."""
        with suppress(FileNotFoundError, ConfigError):
            if TomlSource.read(self._kept).text == text:
                return
        with suppress(OSError):
            self._kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._kept, text.encode())
