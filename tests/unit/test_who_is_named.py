"""Who is named for what: the table of the README, each row as the code that names apps makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.confidence import Confidence, Through
from camguard.core.model import App, AppKind, Process, ProcessIdentity
from camguard.platform.linux.evidence import MISPLACED
from camguard.platform.linux.identity import LinuxIdentifier
from camguard.platform.linux.naming import Namer
from camguard.platform.linux.packages import Package, Packages
from camguard.platform.linux.resolvers import RESOLVERS, Facts, File
from camguard.ruletext import parse_app, spell_app

README = Path(__file__).parents[2] / "README.md"
SECTION = "### Who is named\n"

SHA = "5d" * 32
DIGITS = "3f4e5d6c7b8a9012" * 4
HOME = "/home/anna"
USER = "/user.slice/user-1000.slice/user@1000.service"
FLATPAK = File(
    "/app/bin/cheese", SHA, roots=True, deployed="/var/lib/flatpak/app/org.gnome.Cheese/current/active/files/x"
)
PYTHON = File("/usr/bin/python3.11", SHA, package=Package("python3.11-minimal", "3.11"), roots=True)
ENTRIES = {
    "cheese": "Name=Cheese\nExec=/usr/bin/cheese-of-the-test\n",
    "org.gnome.Cheese": "Name=Cheese\nExec=flatpak run org.gnome.Cheese\nX-Flatpak=org.gnome.Cheese\n",
    "zoom-client_zoom-client": "Name=Zoom\nExec=env zoom\nX-SnapInstanceName=zoom-client\n",
}
"""The desktop entries of a machine; the first is of the package of its name."""


def packaged(path: str, package: str) -> Facts:
    return Facts(File(path, SHA, package=Package(package, "1"), roots=True))


ROWS: dict[str, Facts] = {
    "a program of a package": packaged("/usr/bin/cheese", "cheese"),
    "a program of no package": Facts(File(f"{HOME}/bin/grab", SHA)),
    "a program that was deleted or replaced, or that only it can see": Facts(File(f"{HOME}/bin/grab", SHA, MISPLACED)),
    "a script": Facts(PYTHON, f"{HOME}/viewer.py", File(f"{HOME}/viewer.py", SHA)),
    "a module (`python3 -m`)": Facts(PYTHON, "-m viewer", File(f"{HOME}/viewer.py", SHA)),
    "code from the command line or a pipe": Facts(PYTHON),
    "Chromium's process for the camera": packaged("/usr/lib/chromium/chromium", "chromium"),
    "Firefox": packaged("/usr/lib/firefox-esr/firefox-esr", "firefox-esr"),
    "a Flatpak installed for the machine": Facts(FLATPAK, flatpak="org.gnome.Cheese"),
    "a Flatpak of one user": Facts(File("/app/bin/cheese", SHA, MISPLACED), flatpak="org.gnome.Cheese"),
    "a snap": Facts(File("/snap/zoom-client/251/zoom/zoom", SHA, roots=True)),
    "an AppImage": Facts(File("/tmp/.mount_CallXy/call", SHA), image=File(f"{HOME}/Call.AppImage", SHA)),
    "a container that root runs": Facts(
        File("/usr/bin/motion", SHA, MISPLACED), groups=(f"/system.slice/docker-{DIGITS}.scope",)
    ),
    "a container of one user": Facts(
        File("/usr/bin/motion", SHA, MISPLACED), groups=(f"{USER}/user.slice/libpod-{DIGITS}.scope",)
    ),
    "a Windows program (Wine, Proton)": Facts(
        packaged("/usr/bin/wine64-preloader", "wine64").exe, command=(r"C:\Program Files\Zoom\Zoom.exe",)
    ),
}

PIPEWIRE = ("/usr/bin/pipewire", 8)
THROUGH: dict[str, tuple[Facts | None, Through]] = {
    "a program that has the camera from PipeWire": (
        packaged("/usr/bin/cheese", "cheese"), Through(Confidence.BROKER, *PIPEWIRE, says="Firefox"),
    ),
    "an app that has it from PipeWire by the portal": (
        None, Through(Confidence.PORTAL, *PIPEWIRE, app_id="org.gnome.Cheese", says="Firefox"),
    ),
    "one of which the portal does not say which it is": (
        None, Through(Confidence.SELF_DECLARED, *PIPEWIRE, says="Firefox"),
    ),
}  # fmt: skip
"""What has the camera by PipeWire; the facts of its process, None where that is the portal's."""

EVERY: dict[str, tuple[Facts | None, Through | None]] = {
    **{what: (facts, None) for what, facts in ROWS.items()}, **THROUGH,
}  # fmt: skip


class Files:
    """A package manager in which the package cheese has its desktop entry."""

    name = "test"

    def __init__(self, folder: Path) -> None:
        self._entry = str(folder / "cheese.desktop")

    def stamp(self) -> int:
        return 1

    def owner(self, path: str) -> Package | None:
        return None

    def files(self, package: str) -> tuple[str, ...]:
        return (self._entry,) if package == "cheese" else ()


Name = Callable[[Facts | None, Through | None], App]


@pytest.fixture
def named(tmp_path: Path) -> Name:
    """Names an app as the guard does."""
    for file, text in ENTRIES.items():
        (tmp_path / f"{file}.desktop").write_text(f"[Desktop Entry]\nType=Application\n{text}")
    namer = Namer(Packages((Files(tmp_path),)), lambda: (str(tmp_path),))

    def name(facts: Facts | None, through: Through | None) -> App:
        process = Process(ProcessIdentity(7, 7, "boot"), "cheese", through=through)
        if facts is None:
            app, _ = LinuxIdentifier(namer=namer).identify(process)
            return app
        app = next(found for resolve in RESOLVERS if (found := resolve(facts)) is not None)
        return replace(app, name=namer.name(app, facts)).had_by(process)

    return name


def row(what: str, app: App) -> str:
    rule = f"`{spell_app(app.identity)}`".replace(SHA, f"{SHA[:4]}…").replace(DIGITS, f"{DIGITS[:4]}…")
    cells = (what, app.name, rule if app.known else "", app.confidence, "yes" if app.allowable else "no")
    return f"| {' | '.join(cells)} |"


def table(name: Name) -> str:
    head = [
        "| what uses the camera | is shown as | and matched as | on whose word | may be allowed |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(row(what, name(*given)) for what, given in EVERY.items())])


def test_the_documented_table_is_what_the_code_does(named: Name) -> None:
    section = README.read_text(encoding="utf-8").split(SECTION)[1].split("\n#")[0]
    assert "\n".join(line for line in section.splitlines() if line.startswith("|")) == table(named)


@pytest.mark.parametrize("what", EVERY)
def test_what_is_known_can_stand_in_a_rule_as_the_table_has_it(what: str, named: Name) -> None:
    app = named(*EVERY[what])
    if app.known:
        written = parse_app(spell_app(app.identity))
        assert (written.kind, written.id) == (app.identity.kind, app.identity.id)
    else:
        assert app.identity.kind is AppKind.UNKNOWN
        assert not app.allowable
