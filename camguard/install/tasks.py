"""The plans for this very machine: what is here is looked up, then planned with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from camguard import __version__
from camguard.errors import CamguardError, Refused
from camguard.install import extras, machine, packages, plan, systemd, trust
from camguard.install.model import Plan, Standing
from camguard.install.systemd import UnitState

_ANSWER_S = 2.0
_TROUBLE = 5


@dataclass(frozen=True, slots=True)
class Status:
    """How the service stands.

    `installed` is the version in place, None where that is not ours; `asking` that of the command that asks; `serving`
    that of the service which answers at the socket, None where none does. `resident` is its memory in bytes.
    """

    unit: UnitState
    installed: str | None
    asking: str
    serving: str | None
    resident: int | None
    trouble: tuple[str, ...]

    @property
    def active(self) -> bool:
        """Whether the service guards now."""
        return self.unit.active == "active"


def install_plan(*, start: bool, wanted: Mapping[str, bool | None] = MappingProxyType({}), sign: bool = False) -> Plan:
    """What `install` comes to here; `wanted` says of a part whether it was asked for, sent away, or (None) neither.

    `sign`: the log's heads are to be signed.

    Raises Refused where nothing safe can be built.
    """
    release = plan.HOME / f"{__version__}-{secrets.token_hex(4)}"
    machine.check_home()
    standing = machine.standing()
    parts = extras.chosen(wanted, standing)
    needs = {extras.NEEDS[part] for part in parts if part in extras.NEEDS} | ({packages.SIGN} if sign else set())
    needed = packages.running(frozenset(needs))
    return plan.install(
        machine.data(), needed, trust.interpreter(), release, standing, start=start, parts=parts, sign=sign
    )


def uninstall_plan(*, purge: bool) -> Plan:
    """What `uninstall` comes to here. Raises Refused where nothing is installed."""
    standing = machine.standing()
    if standing == Standing(saved=standing.saved) and not (purge and plan.STATE.exists()):
        raise Refused("the service is not installed here")
    return plan.uninstall(machine.data(), standing, purge=purge)


def package_plan(root: Path, command: str | None) -> Plan:
    """What a packager needs below `root`."""
    return plan.package(machine.data(), root, command or plan.packaged_command())


def unpackage_plan(root: Path) -> Plan:
    """The reverse of `package_plan`."""
    return plan.unpackage(machine.data(), root)


def restart_plan() -> Plan:
    """Start the service anew. Raises Refused where it is not installed."""
    if not systemd.state(plan.UNIT).known:
        raise Refused("the service is not installed here; install it: sudo camguard service install")
    return Plan(plan.restart())


def status() -> Status:
    """How things stand. Raises CommandFailed where systemd cannot be asked."""
    machine.check_systemd()
    unit = systemd.state(plan.UNIT)
    return Status(
        unit=unit,
        installed=machine.installed_version(),
        asking=__version__,
        serving=_serving(),
        resident=None if unit.pid is None else _resident(unit.pid),
        trouble=systemd.trouble(plan.UNIT, _TROUBLE),
    )


def check_may_change() -> None:
    """Raises AccessDenied where this is not root, Refused where systemd does not run the machine."""
    machine.check_root()
    machine.check_systemd()


def _serving() -> str | None:
    """The version of the service that answers; None where none does, or not as it should."""
    from camguard.config import SOCKET_PATH
    from camguard.ipc.client import connect

    try:
        client = connect(SOCKET_PATH, _ANSWER_S)
    except CamguardError:
        return None
    if client is None:
        return None
    with client:
        return client.version


def _resident(pid: int) -> int | None:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
