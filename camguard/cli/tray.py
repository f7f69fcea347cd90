"""``camguard tray``: the icon in the panel."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from camguard.cli.output import quoted, say
from camguard.cli.settings import SOCKET_VARIABLE, configuration, named_configuration
from camguard.config import SOCKET_PATH
from camguard.errors import TrayRunning, UsageError

_EPILOG = """\b
Examples:
  camguard tray                in a terminal, or by the desktop after log-in
  camguard tray --install      have it started after every log-in
  camguard tray --uninstall    have it started no more

\b
The icon:
  a camera crossed out       every camera is switched off
  a camera                   not in use
  a camera with a dot        in use, as expected
  a camera with a warning    in use, unexpectedly, until you have answered the alert
  a camera with a ?          no guard runs, or it cannot see

\b
Where the service runs (`camguard service install`) the tray shows what that sees, and quitting it changes nothing.
Else it runs a guard of its own, which sees the programs of this user only, cannot switch a camera off, and ends with
it. Everything in its menu can be had here too: `camguard status`, `end`, `off`, `on`, `alerts`, `log --html`.
What it reminds of is in the configuration: [reminders] after, locked, idle.

\b
Exit code: 0 when it was quit, or runs already; 1 where no icon can be shown; 2 for wrong usage.
"""


@click.command(epilog=_EPILOG)
@click.option("--install", is_flag=True, help="Have it started after each log-in of this user, and start nothing now.")
@click.option("--uninstall", is_flag=True, help="Have it started after log-in no more.")
@click.option(
    "--icon",
    metavar="KIND",
    help="The kind of icon: statusnotifier (the usual one), appindicator or gtk (these need GTK's bindings).",
)
def command(install: bool, uninstall: bool, icon: str | None) -> None:
    """Show in the panel whether the camera is in use, and ask what to do where a use is unexpected.

    An alert says who uses the camera, since when and why that is unexpected; its buttons turn it off, keep it on this
    time, or always allow that app. The menu has the same answers, the switch, what happened while you were away, and
    the log as a page.
    """
    if install or uninstall:
        if install and uninstall:
            raise UsageError("of --install and --uninstall only one can be meant")
        _autostart(install=install)
        return
    _run(icon)


def _autostart(*, install: bool) -> None:
    from camguard.desktop import autostart, folders

    folder = folders.autostart()
    if install:
        say(f"The tray starts after your next log-in: {quoted(str(autostart.install(folder)), 200)}.")
        say("To start it now: camguard tray")
        return
    gone = autostart.uninstall(folder, folders.autostart_of_everybody())
    if gone is None:
        say("It was not set to start.")
    elif gone.exists():
        say(f"It is started for everybody, and for you no more: {quoted(str(gone), 200)} says so.")
    else:
        say(f"It starts no more: {quoted(str(gone), 200)} is gone.")


def _run(icon: str | None) -> None:
    # asyncio takes OpenSSL with it, for a megabyte and a half, and nothing here speaks TLS; see camguard.service.
    sys.modules["ssl"] = None  # type: ignore[assignment]  # as documented, though not as typed
    from camguard.service import memory

    memory.begin_frugally()
    from camguard.desktop import folders
    from camguard.desktop.app import Chosen, run
    from camguard.desktop.once import only_one

    logging.basicConfig(level=logging.INFO, format="camguard: %(message)s", stream=sys.stderr)
    chosen = Chosen(configuration(), Path(os.environ.get(SOCKET_VARIABLE) or SOCKET_PATH), named_configuration(), icon)
    try:
        with only_one(folders.runtime()):
            run(chosen)
    except TrayRunning as running:
        say(f"{running}.")
