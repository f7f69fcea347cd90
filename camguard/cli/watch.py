"""``camguard watch``: the guard in the foreground."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
from typing import TYPE_CHECKING

import click

from camguard.cli import eventlines
from camguard.cli.output import coloured, json_option, quoted
from camguard.cli.printer import Printer
from camguard.cli.settings import configuration
from camguard.core.events import CamerasSeen, Report
from camguard.core.records import ACTIVATION_KINDS, SCHEMA, line
from camguard.errors import SensorError

if TYPE_CHECKING:
    from camguard.config import Config
    from camguard.core.model import Camera
    from camguard.guard import Guard

NO_CAMERA = "No camera is plugged in. Waiting for one; `camguard demo` shows all of this without a camera."

_EPILOG = """\b
Examples:
  camguard watch
  camguard watch --only-unexpected
  camguard watch --json | jq -c 'select(.event == "alert") | .app.name'

\b
What the lines say:
  opened      an app opened a camera; it may only look it over
  capturing   it takes pictures
  looked      it closed the camera again without taking any
  ended       it is done; "present": it began before the guard did
  expected, unexpected, blocked   what your rules make of it, and why
  ALERT       an unexpected use: `camguard end a17` ends it,
              `camguard rules allow a17` expects it from now on
  BLIND       something cannot be seen, with what helps

In JSON each line is an object with schema, event, seq, at, activation, camera, state, verdict, reasons, app and
process (pid, exe, user, start); keys are only ever added while schema stays the same.
"""


@click.command(epilog=_EPILOG)
@json_option
@click.option(
    "--only-unexpected", is_flag=True, help="Of the uses of a camera, print those that nobody expected or are blocked."
)
def command(as_json: bool, only_unexpected: bool) -> None:
    """Watch the cameras and print every use, until Ctrl-C.

    Each event is in the log, on disk, before it is printed. As root every process is seen; as a user those of
    others show as an unknown process. Uses that a rule blocks are ended.
    """
    from camguard.compose import open_guard

    config = configuration()
    guard = open_guard(config)
    gc.freeze()  # what was imported stays for good: no collection needs to walk over it while an open waits
    asyncio.run(_watch(config, guard, as_json=as_json, only_unexpected=only_unexpected))


async def _watch(config: Config, guard: Guard, *, as_json: bool, only_unexpected: bool) -> None:
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(guard.run())
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, running.cancel)
    with Printer(_missed_json if as_json else _missed, lambda: loop.call_soon_threadsafe(running.cancel)) as printer:

        def show(report: Report) -> None:
            if not only_unexpected or report.kind not in ACTIVATION_KINDS or eventlines.unexpected(report):
                printer.put(_json_line(report) if as_json else _plain_line(report))

        _greet(config, guard, printer, as_json=as_json)
        guard.listen(show)
        try:
            await running
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is not None and this.cancelling():
                raise  # Ctrl-C; a signal to stop, or a reader that went away, ends the guard alone


def _greet(config: Config, guard: Guard, printer: Printer, *, as_json: bool) -> None:
    """Say how it watches, where the log is and what there is to watch."""
    cameras = _cameras(guard)
    if as_json:
        if not cameras:
            click.echo(f"camguard: {NO_CAMERA}", err=True)
        return
    printer.put(quoted(guard.platform.method, 400))
    printer.put(f"The log is {quoted(str(config.journal_path), 200)}. Ctrl-C stops.")
    if not cameras:
        printer.put(NO_CAMERA)


def _cameras(guard: Guard) -> tuple[Camera, ...]:
    try:
        looks = guard.platform.sensor.look()
    except SensorError:
        return ()  # the guard will meet the same, and say why
    return next((sighting.cameras for sighting in looks if isinstance(sighting, CamerasSeen)), ())


def _plain_line(report: Report) -> str:
    style = eventlines.style(report) if coloured() else {}
    return click.style(eventlines.line(report), **style) if style else eventlines.line(report)


def _json_line(report: Report) -> str:
    return json.dumps(line(report), separators=(",", ":"))


def _missed(number: int) -> str:
    return f"({number} lines were left out: nobody read them in time. `camguard log` has them all.)"


def _missed_json(number: int) -> str:
    return json.dumps({"schema": SCHEMA, "event": "output.left-out", "lines": number}, separators=(",", ":"))
