"""The configuration: where the files are, and what they say.

A missing default file means the defaults; a file that was named must be there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from camguard.contextconfig import ContextSection
from camguard.core.context import AS_USUAL, ContextPolicy
from camguard.core.model import NANOSECONDS
from camguard.core.power import Power
from camguard.core.switchboard import PowerPolicy
from camguard.durations import parse_duration, spell_duration
from camguard.errors import ConfigError
from camguard.evidenceconfig import EvidenceSection
from camguard.journalentry.settings import Share, SystemJournalTable
from camguard.logconfig import FOREVER, LogChoices, LogSection
from camguard.shapes import Shape
from camguard.toml_source import Place, TomlSource

if TYPE_CHECKING:
    from camguard.hooks.settings import Hook
    from camguard.mqtt.settings import Broker

ENVIRONMENT_VARIABLE = "CAMGUARD_CONFIG"
SYSTEM_FOLDER = Path("/etc/camguard")
SYSTEM_STATE = Path("/var/lib/camguard")
SOCKET_PATH = Path("/run/camguard/camguard.sock")

_MINUTE = 60 * NANOSECONDS
NEVER = "never"
_DAY = 86400 * NANOSECONDS
LONGEST_PASS_NS = 31 * _DAY


class Backend(StrEnum):
    """Which edges the guard stands on."""

    LINUX = "linux"
    SIMULATED = "simulated"


class OnStop(StrEnum):
    """What becomes of cameras that are off when the guard stops."""

    KEEP = "keep"  # they stay off
    RESTORE = "restore"  # those that the guard switched off go on again


class Switchers(StrEnum):
    """Who may switch cameras through the service, beside administrators."""

    SEAT = "seat"  # whoever sits at the machine
    ADMINS = "admins"  # nobody else


class Rulers(StrEnum):
    """Who may make rules through the service, beside administrators."""

    USERS = "users"  # each for the own uses
    ADMINS = "admins"  # nobody else


class GateMode(StrEnum):
    """Whether the kernel refuses opens of a camera (BPF LSM), and which."""

    OFF = "off"
    BLOCK = "block"  # those by apps that a rule blocks
    ALLOW = "allow"  # all but those by apps that a rule allows


@dataclass(frozen=True, slots=True)
class Reminding:
    """Of what the tray reminds. `after_ns` is how long an expected use may last, None for as long as it likes."""

    after_ns: int | None = 3600 * NANOSECONDS
    locked: bool = True
    idle: bool = True


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be chosen, with defaults filled in. Durations are in nanoseconds.

    `dwell_ns`: an open that lasts longer counts as use. `linger_ns`: a camera reopened within it is the same
    activation. `patience_ns`: how long a process that was asked to stop may take before it is killed. `folder`
    holds the pretend cameras of the simulated backend. `source` is the file this came from, None for defaults.
    `standing_path` keeps what was said about the cameras. `keep_executable`: programs that are ended unexpectedly are
    copied. `shipped_rules`: those that camguard brings along hold too.
    """

    journal_path: Path
    rules_path: Path
    dwell_ns: int = 2_500_000_000
    linger_ns: int = NANOSECONDS
    patience_ns: int = 3 * NANOSECONDS
    backend: Backend = Backend.LINUX
    folder: Path | None = None
    source: Path | None = None
    power: PowerPolicy = field(default_factory=PowerPolicy)
    on_stop: OnStop = OnStop.KEEP
    switchers: Switchers = Switchers.SEAT
    rulers: Rulers = Rulers.USERS
    gate: GateMode = GateMode.OFF
    reminders: Reminding = Reminding()
    log: LogChoices = field(default_factory=LogChoices)
    system_journal: Share = Share.ALL
    hooks: tuple[Hook, ...] = ()
    mqtt: Broker | None = None
    keep_executable: bool = False
    context: ContextPolicy = AS_USUAL
    shipped_rules: bool = True

    @property
    def evidence_path(self) -> Path:
        """Where copies of programs that were ended are kept: beside the activation log."""
        return self.journal_path.with_name("evidence")

    @property
    def standing_path(self) -> Path:
        """Where it is kept what was said about the cameras: beside the activation log."""
        return self.journal_path.with_name("cameras.json")


class _Detection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    dwell: str | int | float = "2.5s"
    linger: str | int | float = "1s"


class _Journal(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    path: str | None = None


class _Rules(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    file: str | None = None
    shipped: bool = True


class _Ending(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    patience: str | int | float = "3s"


class _Platform(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    backend: Backend = Backend.LINUX
    folder: str | None = None


class _Camera(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    default: Power = Power.ON
    usual_pass: str | int | float = "30m"
    warning: str | int | float = "1m"
    on_stop: OnStop = OnStop.KEEP


class _Access(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    switch: Switchers = Switchers.SEAT
    rules: Rulers = Rulers.USERS


class _Gate(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    mode: GateMode = GateMode.OFF


class _Reminders(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    after: str | int | float = "60m"
    locked: bool = True
    idle: bool = True


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The configuration file as it is written."""

    detection: _Detection = _Detection()
    journal: _Journal = _Journal()
    rules: _Rules = _Rules()
    ending: _Ending = _Ending()
    platform: _Platform = _Platform()
    camera: _Camera = _Camera()
    access: _Access = _Access()
    gate: _Gate = _Gate()
    reminders: _Reminders = _Reminders()
    context: ContextSection = ContextSection()
    evidence: EvidenceSection = EvidenceSection()
    log: LogSection = LogSection()
    system_journal: SystemJournalTable = SystemJournalTable()
    # These two are decoded by what is imported only where they are there.
    mqtt: dict[str, Any] = {}
    hooks: dict[str, Any] = {}


_FILE = Shape(_File)


def session_socket(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where the guard that a tray runs for itself listens; None where the session has no folder of its own for it.

    XDG_RUNTIME_DIR is the user's alone, by the XDG Base Directory Specification.
    """
    folder = environ.get("XDG_RUNTIME_DIR", "")
    return Path(folder) / "camguard" / "camguard.sock" if os.path.isabs(folder) else None


def load(named: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration from `named`, else from the file in CAMGUARD_CONFIG, else from the default file.

    Raises ConfigError where a named file is missing, or any file cannot be used.
    """
    from_environment = environ.get(ENVIRONMENT_VARIABLE)
    path = named or (Path(from_environment) if from_environment else None)
    try:
        return read(path or default_path())
    except FileNotFoundError as error:
        if path is None:
            return defaults()
        chosen_by = "" if named else f" (named by {ENVIRONMENT_VARIABLE})"
        raise ConfigError(f"{path}{chosen_by}: there is no such file") from error


def default_path() -> Path:
    """Where the configuration is looked for when none is named: root's for the system, else the user's own."""
    return _configuration_folder() / "config.toml"


def defaults() -> Config:
    """The configuration of somebody who wrote none."""
    return Config(journal_path=_state_folder() / "journal.db", rules_path=_configuration_folder() / "rules.toml")


def read(path: Path) -> Config:
    """The configuration in one file; raises FileNotFoundError or ConfigError."""
    return of_source(TomlSource.read(path))


def of_source(source: TomlSource) -> Config:
    """The configuration in a file that was read; raises ConfigError."""
    said = source.decode(_FILE)
    usual = defaults()
    if said.platform.backend is Backend.SIMULATED and said.platform.folder is None:
        raise source.error(("platform", "backend"), 'the simulated backend needs "folder" in [platform]')
    return Config(
        journal_path=_path(source, ("journal", "path"), said.journal.path) or usual.journal_path,
        rules_path=_path(source, ("rules", "file"), said.rules.file) or usual.rules_path,
        dwell_ns=_bounded(source, ("detection", "dwell"), said.detection.dwell, 0, _MINUTE),
        linger_ns=_bounded(source, ("detection", "linger"), said.detection.linger, 0, _MINUTE),
        patience_ns=_bounded(source, ("ending", "patience"), said.ending.patience, NANOSECONDS // 10, _MINUTE),
        backend=said.platform.backend,
        folder=_path(source, ("platform", "folder"), said.platform.folder),
        source=source.path,
        power=_power(source, said.camera),
        on_stop=said.camera.on_stop,
        switchers=said.access.switch,
        rulers=said.access.rules,
        gate=said.gate.mode,
        reminders=_reminding(source, said.reminders),
        log=_log(source, said.log),
        system_journal=said.system_journal.events,
        hooks=_hooks(source, said.hooks),
        mqtt=_mqtt(source, said.mqtt),
        keep_executable=said.evidence.keep_executable,
        context=said.context.policy(
            _bounded(source, ("context", "idle_after"), said.context.idle_after, 0, _DAY),
        ),
        shipped_rules=said.rules.shipped,
    )


def _log(source: TomlSource, said: LogSection) -> LogChoices:
    if said.keep == FOREVER:
        return LogChoices(None, FOREVER, said.private)
    keep_ns = _bounded(source, ("log", "keep"), said.keep, _DAY, 100 * 365 * _DAY)
    return LogChoices(keep_ns, spell_duration(keep_ns), said.private)


def _hooks(source: TomlSource, said: dict[str, Any]) -> tuple[Hook, ...]:
    if not said:
        return ()
    from camguard.hooks.settings import hooks_of

    return hooks_of(source, said, _bounded)


def _mqtt(source: TomlSource, said: dict[str, Any]) -> Broker | None:
    if not said:
        return None
    from camguard.mqtt.settings import broker_of

    return broker_of(source, said, _path)


def _reminding(source: TomlSource, said: _Reminders) -> Reminding:
    never = said.after == NEVER
    after = None if never else _bounded(source, ("reminders", "after"), said.after, _MINUTE, 7 * _DAY)
    return Reminding(after, said.locked, said.idle)


def _power(source: TomlSource, said: _Camera) -> PowerPolicy:
    return PowerPolicy(
        default=said.default,
        usual_pass_ns=_bounded(source, ("camera", "usual_pass"), said.usual_pass, NANOSECONDS, LONGEST_PASS_NS),
        warning_ns=_bounded(source, ("camera", "warning"), said.warning, 0, 60 * _MINUTE),
    )


def _bounded(source: TomlSource, place: Place, said: str | float, least: int, most: int) -> int:
    try:
        ns = parse_duration(said)
    except ValueError as error:
        raise source.error(place, f'"{place[-1]}": {error}') from error
    if not least <= ns <= most:
        between = f"between {spell_duration(least)} and {spell_duration(most)}"
        raise source.error(place, f'"{place[-1]}" must be {between}, not {said}')
    return ns


def _path(source: TomlSource, place: Place, said: str | None) -> Path | None:
    """A path as written: ``~`` is the home folder, a relative one is taken from the configuration's own folder."""
    if said is None:
        return None
    if not said or "\0" in said:
        raise source.error(place, f'"{place[-1]}" is not a path')
    try:
        path = Path(said).expanduser()
    except RuntimeError as error:
        raise source.error(place, f'"{place[-1]}": there is no such home folder: {said}') from error
    return path if path.is_absolute() else source.path.absolute().parent / path


def read_or_defaults(path: Path) -> Config:
    """The configuration in one file, the defaults where there is none; raises ConfigError."""
    try:
        return read(path)
    except FileNotFoundError:
        return defaults()


def _configuration_folder() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_FOLDER
    from platformdirs import user_config_path

    return _own(user_config_path) or SYSTEM_FOLDER


def _state_folder() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_STATE
    from platformdirs import user_state_path

    return _own(user_state_path) or SYSTEM_STATE


def _own(folder: Callable[[str], Path]) -> Path | None:
    """A folder in the user's home; None where no home is known, as of a user that systemd made (DynamicUser)."""
    try:
        found = folder("camguard")
    except RuntimeError:
        return None
    return found if found.is_absolute() else None  # as earlier versions of platformdirs say it
