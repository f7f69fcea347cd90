"""The tray on a real desktop, with the real service over pretend cameras behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from camguard.core.events import Kind
from camguard.desktop.look import Look
from camguard.journal.filter import Filter
from camguard.journal.fold import ActivationRecord
from camguard.journal.queries import Reader
from tests.support.desktop import Box, Desktop, desktop, end, until
from tests.support.service_stage import ServiceStage

COLOURS = {Look.UNEXPECTED: (205, 30, 40), Look.EXPECTED: (30, 150, 90)}
"""What no other icon has; see `camguard.desktop.icons`."""

NOTIFYD = "Xfce4-notifyd"
MENU = "wrapper-2.0"
PANEL_HEIGHT = 32
_BUTTON_HEIGHT = 31
_EDGE = 14
_NARROW = 40

PICTURES = "CAMGUARD_PICTURES"
"""Names the folder in which the tests leave pictures of what they saw."""


class TrayStage:
    """A desktop, a service, and a tray that asks it; `service` makes programs that use the camera."""

    def __init__(self, screen: Desktop, service: ServiceStage, folder: Path, cleanup: ExitStack) -> None:
        self.screen = screen
        self.service = service
        self.own = folder / "own"
        self._cleanup = cleanup
        self.tray: subprocess.Popen[str] | None = None
        self._configure_own_guard()
        self.greeted = Path(screen.environment["XDG_STATE_HOME"]) / "camguard" / "greeted"
        self.greeted.parent.mkdir(parents=True)
        self.greeted.touch()

    @property
    def environment(self) -> dict[str, str]:
        """What the tray, and a person's commands, are started with."""
        named = {"CAMGUARD_SOCKET": str(self.service.socket), "CAMGUARD_CONFIG": str(self.own / "config.toml")}
        return {**self.screen.environment, **named}

    def start_tray(self, python: str | Path = sys.executable) -> subprocess.Popen[str]:
        """Start the tray and wait until its icon is there."""
        log = (self.own / "tray.log").open("w")
        self._cleanup.enter_context(log)
        self.tray = subprocess.Popen(
            [python, "-m", "camguard", "tray"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
        self._cleanup.callback(self.end_tray)
        until(self.icon, "the icon")
        return self.tray

    def end_tray(self) -> None:
        """End it, where it runs."""
        if self.tray is not None:
            end(self.tray)
            self.tray = None

    @property
    def tray_log(self) -> str:
        """What the tray said."""
        return (self.own / "tray.log").read_text()

    def icon(self) -> Box | None:
        """Where the icon is in the panel; None where there is none: all else there is of one colour."""
        panel = self.screen.picture().crop((600, 2, 1000, PANEL_HEIGHT - 2))
        ground = panel.getpixel((2, 2))
        columns = [x for x in range(panel.width) if _differs(panel, x, ground)]
        return (600 + columns[0], 2, 600 + columns[-1] + 1, PANEL_HEIGHT - 2) if columns else None

    def wait_look(self, look: Look) -> None:
        """Wait until the icon in the panel says so."""
        until(lambda: self._in_panel(COLOURS[look]), f"the icon says {look}")

    def wait_not(self, look: Look) -> None:
        """Wait until the icon in the panel says so no longer."""
        until(lambda: not self._in_panel(COLOURS[look]), f"the icon says {look} no longer")

    def notifications(self) -> list[Box]:
        """The notifications on the screen, the topmost first."""
        return sorted(self.screen.windows(NOTIFYD).values(), key=lambda box: box[1])

    def wait_notifications(self, number: int) -> list[Box]:
        """Wait until so many are on the screen."""
        until(lambda: len(self.notifications()) == number, f"{number} notifications")
        return self.notifications()

    def press_button(self, notification: Box, which: int, of: int) -> None:
        """Click a button of a notification, counted from the left: several share its width, one is at the right."""
        left, _, right, bottom = notification
        width = (right - left - 2 * _EDGE) / of
        x = round(left + _EDGE + (which + 0.5) * width) if of > 1 else right - _EDGE - _NARROW
        self.screen.click((x, bottom - _BUTTON_HEIGHT - 1, x + 1, bottom - _BUTTON_HEIGHT))

    def open_menu(self) -> Box:
        """Open the icon's menu; returns where it is."""
        icon = until(self.icon, "the icon")
        before = set(self.screen.windows(MENU))
        self.screen.click(icon, button=3)
        until(lambda: set(self.screen.windows(MENU)) - before, "the menu")
        return next(box for window, box in self.screen.windows(MENU).items() if window not in before)

    def close_menu(self) -> None:
        """Close it again."""
        self.screen.press("Escape", "Escape")

    def picture(self, name: str) -> None:
        """Keep what is on the screen, where somebody wants it: the corner with something in it."""
        folder = os.environ.get(PICTURES)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            seen = self.screen.picture()
            left, _, _, bottom = seen.crop((0, PANEL_HEIGHT + 2, *seen.size)).getbbox() or (seen.width - 300, 0, 0, 60)
            seen.crop((max(0, left - 16), 0, seen.width, bottom + PANEL_HEIGHT + 18)).save(Path(folder) / f"{name}.png")

    # What the log says.

    def record(self, number: int = 1) -> ActivationRecord:
        """An activation of the service's log, once it is there."""

        def look() -> ActivationRecord | None:
            with Reader(self.service.journal) as past:
                return past.activation(number)

        return until(look, f"activation a{number}")

    def decided(self, number: int = 1) -> dict[str, Any]:
        """What was answered to its alert, once it is in the log."""
        until(lambda: self.record(number).decision is not None, f"an answer about a{number}")
        decision = self.record(number).decision
        assert decision is not None
        return decision

    def unanswered(self) -> list[int]:
        """The alerts that wait for an answer."""
        with Reader(self.service.journal) as past:
            return [record.number for record in past.activations(Filter(unanswered=True))]

    def kinds(self) -> list[str]:
        """The kinds of all entries."""
        with Reader(self.service.journal) as past:
            return [entry.kind for entry in past.entries()]

    def wait_alert(self, number: int = 1) -> None:
        """Wait until an alert is in the log."""
        until(lambda: Kind.ALERT in self.kinds() and self.record(number).alerted, f"an alert about a{number}")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A person's command in this session."""
        return subprocess.run(
            [sys.executable, "-m", "camguard", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def _configure_own_guard(self) -> None:
        """Where no service answers the tray guards the same cameras, with a log of its own."""
        self.own.mkdir()
        (self.own / "config.toml").write_text(
            f'[journal]\npath = "journal.db"\n[rules]\nfile = "rules.toml"\n'
            f'[platform]\nbackend = "simulated"\nfolder = "{self.service.cameras}"\n'
        )

    def _in_panel(self, colour: tuple[int, int, int]) -> bool:
        box = self.screen.find(colour)
        return box is not None and box[1] < PANEL_HEIGHT


@contextmanager
def tray_stage(
    folder: Path, *options: str, config: str = "", environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[TrayStage]:
    """A desktop, a service on `folder`, and a tray.

    `options` are the desktop's, `config` is more for the service's, `environment` more for the tray's.
    """
    with ExitStack() as cleanup:
        screen = cleanup.enter_context(desktop(*options))
        base = folder / "service"
        base.mkdir()
        service = ServiceStage(base, config=config)
        cleanup.callback(service.close)
        service.start()
        screen.environment.update(environment)
        stage = TrayStage(screen, service, folder, cleanup)
        stage.start_tray()
        yield stage


def _differs(picture: Any, x: int, ground: object) -> bool:
    return any(picture.getpixel((x, y)) != ground for y in range(picture.height))
