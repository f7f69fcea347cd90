"""The composition root: the one place that chooses which edges stand behind the ports."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from camguard.config import Backend, Config
from camguard.core.activations import Timing
from camguard.core.casebook import Casebook
from camguard.errors import ConfigError
from camguard.guard import Guard
from camguard.journal.lock import GuardLock
from camguard.journal.patient import PatientHistory, PatientJournal
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from camguard.ports import CameraSource, Clock, Platform
from camguard.rulebook import RuleBook


def platform(config: Config) -> Platform:
    """The edges for this system and configuration.

    Raises ConfigError where the configuration names what is not there.
    """
    system: str = sys.platform
    if system == "linux":
        return _linux(config)
    if config.backend is Backend.SIMULATED:
        return _simulated(config)
    raise ConfigError(f'camguard does not watch cameras on {system} yet; backend = "simulated" works everywhere')


def open_guard(config: Config) -> Guard:
    """A guard that is ready to run, alone on its activation log.

    Raises GuardRunning where another guard keeps that log, JournalError where the log cannot be used, ConfigError
    where the rules cannot.
    """
    with ExitStack() as resources:
        rules = RuleBook(config.rules_path)
        rules.current()
        edges = platform(config)
        resources.enter_context(GuardLock(config.journal_path))
        journal = PatientJournal(lambda: Journal.open(config.journal_path, edges.clock), edges.clock)
        resources.callback(journal.close)
        past = PatientHistory(resources.enter_context(history(config)), journal)
        casebook = Casebook(Timing(config.dwell_ns, config.linger_ns), past.next_number())
        return Guard(edges, journal, past, rules, casebook, resources.pop_all())
    raise AssertionError("unreachable: the stack above swallows nothing")


def history(config: Config) -> Reader:
    """What the activation log can be asked; a context manager."""
    return Reader(config.journal_path)


@contextmanager
def write_journal(config: Config, clock: Clock) -> Iterator[PatientJournal]:
    """The activation log, to write to beside a guard that may keep it meanwhile."""
    journal = PatientJournal(lambda: Journal.open(config.journal_path, clock), clock)
    with closing(journal):
        yield journal


def pretend_camera(folder: Path, name: str) -> Path:
    """Put a pretend camera into a folder of the simulated backend; returns its node."""
    from camguard.platform.simulated import make_camera

    return make_camera(folder, name)


def _linux(config: Config) -> Platform:
    from camguard.platform.linux.clock import LinuxClock
    from camguard.platform.linux.control import LinuxControl
    from camguard.platform.linux.doctor import LinuxExaminer
    from camguard.platform.linux.identity import LinuxIdentifier
    from camguard.platform.linux.sensor import LinuxSensor

    clock = LinuxClock()
    source = _linux_cameras(config)
    sensor = LinuxSensor(source, clock)
    return Platform(
        name="linux",
        method=sensor.method,
        clock=clock,
        sensor=sensor,
        identifier=LinuxIdentifier(),
        # root speaks for every user of the machine, nobody else does
        control=LinuxControl(patience_s=config.patience_ns / 1e9, others=os.geteuid() == 0),
        examiner=LinuxExaminer(source),
    )


def _linux_cameras(config: Config) -> CameraSource:
    if config.backend is Backend.SIMULATED:
        from camguard.platform.simulated import SimulatedCameras

        return SimulatedCameras(_folder(config))
    from camguard.platform.linux.cameras import UdevCameras
    from camguard.platform.linux.udevsocket import handed_over

    return UdevCameras(events=handed_over())


def _simulated(config: Config) -> Platform:
    from camguard.platform.simulated import SimulatedCameras, SimulatedPlatform

    return SimulatedPlatform(SimulatedCameras(_folder(config)))


def _folder(config: Config) -> Path:
    if config.folder is None:
        raise ConfigError('[platform] backend = "simulated" needs folder = "…", where the pretend cameras are')
    return config.folder
