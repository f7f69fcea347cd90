"""The composition root: the one place that chooses which edges stand behind the ports."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from camguard.config import Backend, Config, OnStop
from camguard.core.activations import Timing
from camguard.core.casebook import Casebook
from camguard.core.events import Kind, Report
from camguard.core.model import Moment
from camguard.core.switchboard import Standing, Switchboard
from camguard.errors import AccessDenied, ConfigError, JournalError
from camguard.guard import Guard
from camguard.journal.aftermath import aftermath
from camguard.journal.lock import GuardLock, last_beat
from camguard.journal.patient import PatientHistory, PatientJournal
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from camguard.platform.keepsake import Keepsakes
from camguard.ports import CameraSource, Clock, Finding, Gate, Platform, Rules, Surroundings, Switch
from camguard.rulebook import RuleBook
from camguard.shipped import WithShipped
from camguard.standing import StandingFile
from camguard.switching import Switching
from camguard.upkeep import Announcer, Upkeep


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
        edges = platform(config)
        rules = rules_in_force(config, edges)
        rules.current()
        beat = last_beat(config.journal_path)
        lock = resources.enter_context(GuardLock(config.journal_path))
        journal = PatientJournal(lambda: Journal.open(config.journal_path, edges.clock), edges.clock)
        resources.callback(journal.close)
        reader = resources.enter_context(history(config))
        past = PatientHistory(reader, journal)
        casebook = Casebook(Timing(config.dwell_ns, config.linger_ns), past.next_number(), config.context)
        recovered = _recovered(reader, beat, edges.clock)
        switching = None
        if may_switch(config):
            switching, said = open_switching(config, edges)
            recovered += said

        def leave_sign() -> None:
            lock.beat(edges.clock.now())

        announcer = Announcer(config.journal_path, edges.clock)
        resources.callback(announcer.announce)  # of the guard's last entry
        upkeep = Upkeep(config.journal_path, edges.clock, announcer, config.log)
        kept = resources.pop_all()
        return Guard(edges, journal, past, rules, casebook, kept, switching, recovered, leave_sign, upkeep)
    raise AssertionError("unreachable: the stack above swallows nothing")


def rules_in_force(config: Config, edges: Platform) -> Rules:
    """The rules of the file and, unless the configuration leaves them out, those that camguard brings along."""
    return WithShipped(RuleBook(config.rules_path), edges.shipped if config.shipped_rules else ())


def may_switch(config: Config) -> bool:
    """Whether a guard with this configuration, run by this user, has the rights to switch cameras."""
    return config.backend is Backend.SIMULATED or os.geteuid() == 0


def _recovered(reader: Reader, beat: Moment | None, clock: Clock) -> tuple[Report, ...]:
    try:
        return aftermath(reader, beat, clock.now())
    except (JournalError, AccessDenied) as error:
        why = f"what became of the guard before is not known: {error}"
        return (Report(Kind.GUARD_BLIND, clock.now(), extra={"what": "log", "why": why}),)


def open_switching(config: Config, edges: Platform) -> tuple[Switching, tuple[Report, ...]]:
    """What switches the cameras, and what there is to report where it was forgotten what people said."""
    file = StandingFile(config.standing_path)
    said: tuple[Report, ...] = ()
    try:
        standing = file.load()
    except ConfigError as error:
        standing = Standing()
        said = (Report(Kind.GUARD_BLIND, edges.clock.now(), extra={"what": "cameras", "why": str(error)}),)
    restore = config.on_stop is OnStop.RESTORE
    return Switching(edges, Switchboard(config.power, standing), file, restore_on_stop=restore), said


def gate(config: Config, clock: Clock) -> Gate | None:
    """What refuses opens of a camera in the kernel; None where this platform has no such thing."""
    system: str = sys.platform
    if system != "linux" or config.backend is Backend.SIMULATED:
        return None
    from camguard.platform.linux.gate.keeper import LinuxGate

    return LinuxGate(clock)


def hand_back(config: Config) -> tuple[Report, ...]:
    """Switch on, and log, every camera that a guard which runs no more holds off; what came of each.

    Raises JournalError where it cannot be logged.
    """
    edges = platform(config)
    switching, _ = open_switching(config, edges)
    reports = tuple(switching.restore())
    if reports:
        with write_journal(config, edges.clock) as journal:
            journal.append(reports)
    return reports


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
    from camguard.platform.simulated.cameras import make_camera

    return make_camera(folder, name)


def pretend_locked(folder: Path) -> None:
    """Let the screen be locked for whoever uses a pretend camera of this folder."""
    from camguard.platform.simulated.context import pretend_context

    pretend_context(folder, locked=True)


def _linux(config: Config) -> Platform:
    from camguard.platform.linux.alarm import LinuxAlarm
    from camguard.platform.linux.brokered import BrokeredControl
    from camguard.platform.linux.brokers import Brokers
    from camguard.platform.linux.clock import LinuxClock
    from camguard.platform.linux.control import LinuxControl
    from camguard.platform.linux.faceunlock import shipped_rules
    from camguard.platform.linux.identity import LinuxIdentifier
    from camguard.platform.linux.portal import PermissionStore
    from camguard.platform.linux.procfs import ProcessReader
    from camguard.platform.linux.sensor import LinuxSensor
    from camguard.platform.linux.session import at_seat
    from camguard.platform.linux.timekeeper import LinuxTimekeeper
    from camguard.platform.linux.witness import LinuxWitness

    clock = LinuxClock()
    source, switch = _linux_cameras(config)
    brokers = Brokers(ProcessReader())
    sensor = LinuxSensor(source, clock, brokers=brokers)
    # root speaks for every user of the machine, nobody else does
    control = LinuxControl(patience_s=config.patience_ns / 1e9, others=os.geteuid() == 0)
    return Platform(
        name="linux",
        method=sensor.method,
        clock=clock,
        sensor=sensor,
        identifier=LinuxIdentifier(),
        control=BrokeredControl(control, brokers),
        switch=switch,
        examine=lambda: _examine_linux(source, switch),
        alarm=LinuxAlarm,
        at_seat=at_seat,
        surroundings=_linux_surroundings(config),
        shipped=shipped_rules(),
        witness=LinuxWitness(keepsakes=_keepsakes(config)),
        timekeeper=LinuxTimekeeper(clock),
        portal=PermissionStore(),
    )


def _examine_linux(source: CameraSource, switch: Switch) -> tuple[Finding, ...]:
    from camguard.platform.linux.doctor import LinuxExaminer  # not in a service's memory: the command line alone asks

    return LinuxExaminer(source, switch).examine()


def _keepsakes(config: Config) -> Keepsakes | None:
    return Keepsakes(config.evidence_path) if config.keep_executable else None


def _linux_surroundings(config: Config) -> Surroundings:
    if config.backend is Backend.SIMULATED:
        from camguard.platform.simulated.context import SimulatedSurroundings

        return SimulatedSurroundings(_folder(config))
    from camguard.platform.linux.surroundings import LinuxSurroundings

    return LinuxSurroundings()


def _linux_cameras(config: Config) -> tuple[CameraSource, Switch]:
    """What knows the cameras, and what switches those."""
    if config.backend is Backend.SIMULATED:
        from camguard.platform.simulated.cameras import SimulatedCameras
        from camguard.platform.simulated.switch import SimulatedSwitch

        pretend = SimulatedCameras(_folder(config))
        return pretend, SimulatedSwitch(pretend)
    from camguard.platform.linux.cameras import UdevCameras
    from camguard.platform.linux.switch import LinuxSwitch
    from camguard.platform.linux.udevsocket import handed_over

    source = UdevCameras(events=handed_over())
    return source, LinuxSwitch(source)


def _simulated(config: Config) -> Platform:
    from camguard.platform.simulated.cameras import SimulatedCameras
    from camguard.platform.simulated.platform import SimulatedPlatform

    return SimulatedPlatform(SimulatedCameras(_folder(config)), _keepsakes(config))


def _folder(config: Config) -> Path:
    if config.folder is None:
        raise ConfigError('[platform] backend = "simulated" needs folder = "…", where the pretend cameras are')
    return config.folder
