"""What installing and uninstalling come to, as plain data: every file, link and command, in order.

Nothing here looks at the machine or changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from camguard.install import extras
from camguard.install.extras import EXTRAS
from camguard.install.model import (
    Await,
    Clear,
    Data,
    Delete,
    Folder,
    HandBack,
    Interpreter,
    Link,
    Move,
    Package,
    Plan,
    Run,
    Standing,
    Step,
    Write,
)

UNIT = "camguard.service"
SOCKET_UNIT = "camguard-udev.socket"
GROUPS = ("camguard", "camguard-watch")

HOME = Path("/opt/camguard")
"""Where releases of the service are, each with a Python environment of its own; `CURRENT` is a link to one of them."""
CURRENT = HOME / "current"
UNITS = Path("/etc/systemd/system")
USER_UNITS = Path("/etc/systemd/user")
AUTOSTART = Path("/etc/xdg/autostart")
CONFIGURATION = Path("/etc/camguard")
STATE = Path("/var/lib/camguard")
SAVED = STATE / "saved-configuration"
"""Where the files of `CONFIGURATION` wait for a later install."""
COMMAND = Path("/usr/local/bin/camguard")
CATALOG = Path("/usr/local/lib/systemd/catalog")
"""One of the two places where journalctl looks; the other is for packages of the system."""

PACKAGED_UNITS = Path("usr/lib/systemd/system")
PACKAGED_USER_UNITS = Path("usr/lib/systemd/user")
PACKAGED_AUTOSTART = Path("etc/xdg/autostart")
PACKAGED_SYSUSERS = Path("usr/lib/sysusers.d/camguard.conf")
PACKAGED_CATALOG = Path("usr/lib/systemd/catalog")
PACKAGED_PYTHON = "/usr/bin/python3"
PACKAGED_COMMAND = "/usr/bin/camguard"

_EXEC = "ExecStart="
_MODULE = "-I -X no_debug_ranges -m camguard.service"
_PROOF = "import camguard.service.main, camguard.cli"
_COMPILE_CATALOG = Run(("journalctl", "--update-catalog"))
_MAKE_KEY = Run((str(CURRENT / "bin/camguard"), "log", "key", "create", "--keep"))


def install(
    data: Data,
    packages: Iterable[Package],
    python: Interpreter,
    release: Path,
    standing: Standing,
    *,
    start: bool = True,
    parts: frozenset[str] = frozenset(),
    sign: bool = False,
) -> Plan:
    """Put a release beside those there are, let the service use it from one moment to the next, and start that.

    Without `start` the release that runs stays, since it goes on reading its files. `parts` are those of `EXTRAS` that
    are to be there. `sign`: the log gets a key, unless it has one.
    """
    begin = (Run(("systemctl", "enable", UNIT)), *restart()) if start else ()
    steps = (
        Folder(HOME),
        *_environment(release, python, packages),
        Link(CURRENT, release),
        *(Write(UNITS / name, content) for name, content in data.units.items()),
        *extras.place(parts, data.extra_units, UNITS, standing),
        *_for_others(data),
        Folder(CONFIGURATION),
        *(Move(SAVED / name, CONFIGURATION / name) for name in standing.saved if name not in standing.configuration),
        *(() if standing.command is False else (Link(COMMAND, CURRENT / "bin/camguard"),)),
        Run(("systemd-sysusers", "--inline", *_lines(data.sysusers))),
        Run(("systemctl", "daemon-reload")),
        *begin,
    )
    old = (path for path in standing.releases if start or path != standing.release)
    retreat, rescue = _where_it_fails(standing, start=start)
    tidy = (
        _COMPILE_CATALOG,
        *((_MAKE_KEY,) if sign else ()),
        *(extras.start(parts) if start else ()),
        *map(Delete, old),
    )
    return Plan(steps, tidy=tidy, undone=True, retreat=retreat, rescue=rescue)


def _for_others(data: Data) -> Iterator[Step]:
    """What journalctl reads, and what starts the tray."""
    for folder, files in ((CATALOG, data.catalog), (USER_UNITS, data.user_units), (AUTOSTART, data.autostart)):
        yield Folder(folder)
        yield from (Write(folder / name, content) for name, content in files.items())


def _where_it_fails(standing: Standing, *, start: bool) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """What is run before and after everything is put back: a service that was there before runs again."""
    upgrade = UNIT in standing.units
    retreat = () if upgrade else (Run(("systemctl", "disable", "--now", UNIT)),)
    rescue = (
        Run(("systemctl", "daemon-reload")),
        *(restart() if upgrade and start else ()),
        *(Run(("groupdel", group)) for group in GROUPS if group not in standing.groups),
    )
    return retreat, rescue


def restart() -> tuple[Step, ...]:
    """Start the service anew, and see it be active.

    Not by one command: systemctl waits as long as systemd tries again, which is for ever.
    """
    return Run(("systemctl", "restart", "--no-block", UNIT)), Await(UNIT)


def package(data: Data, root: Path, command: str) -> Plan:
    """What a packager needs below `root`: the units and the group. Code and its start are the package manager's."""
    return Plan(
        (
            Folder(root / PACKAGED_UNITS),
            *(
                Write(root / PACKAGED_UNITS / name, with_command(content, command))
                for name, content in data.units.items()
            ),
            *_packaged_parts(data, root),
            *_packaged_tray(data, root),
            Folder((root / PACKAGED_SYSUSERS).parent),
            Write(root / PACKAGED_SYSUSERS, data.sysusers),
        )
    )


def unpackage(data: Data, root: Path) -> Plan:
    """The reverse of `package`."""
    units = (Delete(root / PACKAGED_UNITS / name) for name in (*data.units, *data.extra_units))
    tray = (
        *(Delete(root / PACKAGED_USER_UNITS / name) for name in data.user_units),
        *(Delete(root / PACKAGED_AUTOSTART / name) for name in data.autostart),
    )
    catalog = (Delete(root / PACKAGED_CATALOG / name) for name in data.catalog)
    return Plan((*units, *catalog, *tray, Delete(root / PACKAGED_SYSUSERS)))


def uninstall(data: Data, standing: Standing, *, purge: bool) -> Plan:
    """Take everything away but the journal, and with `purge` that too; what people wrote is kept beside the journal."""
    there = [unit for unit in (*EXTRAS.values(), UNIT, SOCKET_UNIT) if unit in standing.units]
    keep = () if purge else tuple(_save(standing))
    return Plan(
        (
            *(Run(("systemctl", "disable", "--now", unit)) for unit in there),
            HandBack(),
            *keep,
            *(Delete(UNITS / name) for name in (*data.units, *data.extra_units)),
            *(Delete(CATALOG / name) for name in data.catalog),
            *(Clear(folder) for folder in (CATALOG, CATALOG.parent)),
            *(Delete(USER_UNITS / name) for name in data.user_units),
            *(Delete(AUTOSTART / name) for name in data.autostart),
            *(Clear(folder) for folder in (AUTOSTART, AUTOSTART.parent)),
            *((Delete(COMMAND),) if standing.command else ()),
            Delete(HOME),
            Delete(CONFIGURATION),
            *((Delete(STATE),) if purge else ()),
            Run(("systemctl", "daemon-reload")),
        ),
        tidy=(
            _COMPILE_CATALOG,
            Run(("systemctl", "reset-failed", "camguard*")),
            *(Run(("groupdel", group)) for group in standing.groups),
        ),
    )


def _packaged_parts(data: Data, root: Path) -> Iterator[Step]:
    """The units of the parts, which whoever wants them enables, and the catalog."""
    ours = str(CURRENT / "bin/python").encode()
    for name, content in data.extra_units.items():
        yield Write(root / PACKAGED_UNITS / name, content.replace(ours, PACKAGED_PYTHON.encode()))
    yield Folder(root / PACKAGED_CATALOG)
    for name, content in data.catalog.items():
        yield Write(root / PACKAGED_CATALOG / name, content)


def _packaged_tray(data: Data, root: Path) -> Iterator[Step]:
    """What starts the tray, with the command where a package puts it."""
    ours = str(CURRENT / "bin/camguard").encode()
    for folder, files in ((PACKAGED_USER_UNITS, data.user_units), (PACKAGED_AUTOSTART, data.autostart)):
        yield Folder(root / folder)
        for name, content in files.items():
            yield Write(root / folder / name, content.replace(ours, PACKAGED_COMMAND.encode()))


def with_command(unit: bytes, command: str) -> bytes:
    """A unit that runs `command` instead; one that runs nothing stays as it is."""
    lines = unit.decode().splitlines(keepends=True)
    return "".join(f"{_EXEC}{command}\n" if line.startswith(_EXEC) else line for line in lines).encode()


def packaged_command(python: str = PACKAGED_PYTHON) -> str:
    """How the service is started where camguard is among a system Python's own packages."""
    return f"{python} {_MODULE}"


def launcher(python: Path) -> bytes:
    """The command ``camguard`` of an environment. Isolated: no variable and no folder of the caller's adds code."""
    return f"#!{python} -I\nfrom camguard.cli import main\n\nmain()\n".encode()


def _environment(release: Path, python: Interpreter, packages: Iterable[Package]) -> Iterator[Step]:
    """A Python environment that needs no network to come about: made without pip, filled with files that are here."""
    own = release / "bin/python"
    yield Folder(release)
    yield Run((str(python.executable), "-I", "-m", "venv", "--without-pip", "--symlinks", str(release)))
    site = release / "lib" / python.library / "site-packages"
    folders: set[Path] = set()
    for one in packages:
        for file in one.files:
            path = site / file.path
            for folder in reversed(path.relative_to(site).parents):
                if folder != Path() and folder not in folders:
                    folders.add(folder)
                    yield Folder(site / folder)
            yield Write(path, file.content)
    yield Write(release / "bin/camguard", launcher(CURRENT / "bin/python"), 0o755)
    yield Run((str(own), "-I", "-m", "compileall", "-q", str(site)))
    yield Run((str(own), "-I", "-c", _PROOF))


def _lines(sysusers: bytes) -> Iterator[str]:
    """What a file of sysusers.d(5) says; handed over as words, it leaves no file behind."""
    return (line for line in sysusers.decode().splitlines() if line.strip() and not line.startswith("#"))


def _save(standing: Standing) -> Iterator[Step]:
    if standing.configuration:
        yield Folder(STATE, 0o700)
        yield Folder(SAVED, 0o700)
        yield from (Move(CONFIGURATION / name, SAVED / name) for name in standing.configuration)
