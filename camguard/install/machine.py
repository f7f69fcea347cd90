"""How the machine stands: what of camguard is installed, and whether something can be installed at all."""

from __future__ import annotations

import grp
import os
from importlib import metadata
from pathlib import Path

from camguard.errors import AccessDenied, Refused
from camguard.install import packages, plan, trust
from camguard.install.extras import EXTRAS
from camguard.install.model import Data, Standing

_SYSTEMD = Path("/run/systemd/system")  # sd_booted(3)


def data() -> Data:
    """The units and what else `service/` holds: with an installed camguard inside the package, else in the checkout."""
    folder = Path(packages.__file__).with_name("data")
    if not folder.is_dir():
        folder = packages.checkout()
    try:
        return Data(
            units=_files(folder / "systemd"),
            sysusers=(folder / "sysusers.d/camguard.conf").read_bytes(),
            user_units=_files(folder / "systemd/user"),
            autostart=_files(folder / "autostart"),
            extra_units=_files(folder / "systemd/extra"),
            catalog=_files(folder / "catalog"),
        )
    except OSError as error:
        raise Refused(f"camguard's installation lacks its units ({error}); install it anew") from error


def standing() -> Standing:
    """What there is now."""
    release = plan.CURRENT.resolve() if plan.CURRENT.is_symlink() else None
    return Standing(
        release=release,
        releases=tuple(path for path in _entries(plan.HOME) if not path.is_symlink()),
        units=tuple(name for name in (plan.UNIT, plan.SOCKET_UNIT, *EXTRAS.values()) if (plan.UNITS / name).exists()),
        configuration=tuple(path.name for path in _entries(plan.CONFIGURATION)),
        saved=tuple(path.name for path in _entries(plan.SAVED)),
        command=_command(),
        groups=tuple(group for group in plan.GROUPS if _exists(group)),
    )


def check_root() -> None:
    """Raises AccessDenied where this is not root."""
    if os.geteuid() != 0:
        raise AccessDenied("this changes the system; run it as root (sudo), or add --dry-run to see what it would do")


def check_systemd() -> None:
    """Raises Refused where systemd does not run this machine."""
    if not _SYSTEMD.is_dir():
        raise Refused(
            "this machine was not started by systemd, which runs the service; `camguard watch` guards without it"
        )


def check_home() -> None:
    """Raises Refused where others than root could exchange the code of the service."""
    nearest = next(path for path in (plan.HOME, *plan.HOME.parents) if path.exists())
    reason = trust.weakness(nearest)
    if reason is not None:
        raise Refused(f"{reason}, so the service's code would not be safe there; make it root's alone")


def installed_version() -> str | None:
    """The version of what is installed; None where nothing is."""
    sites = [str(path) for path in plan.CURRENT.glob("lib/python3*/site-packages")]
    found = next(iter(metadata.distributions(name="camguard", path=sites)), None) if sites else None
    return None if found is None else found.version


def _files(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:  # in a dry run, which takes no root: it tells what it can see
        return []


def _command() -> bool | None:
    if not plan.COMMAND.is_symlink():
        return False if plan.COMMAND.exists() else None
    return Path(os.readlink(plan.COMMAND)) == plan.CURRENT / "bin/camguard"


def _exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True
