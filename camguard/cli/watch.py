"""``camguard watch``: what the service sees, or the guard in the foreground where none runs."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from camguard.cli import eventlines
from camguard.cli.output import coloured, json_option, quoted
from camguard.cli.printer import Printer
from camguard.cli.settings import configuration, service
from camguard.core.events import CamerasSeen, Report
from camguard.core.records import ACTIVATION_KINDS, SCHEMA, Record, line
from camguard.errors import SensorError, ServiceError

if TYPE_CHECKING:
    from camguard.access.remote import Remote
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
  feeding     it gives a virtual camera its pictures, and takes none; "fed": no longer
  ended       it is done; "present": it began before the guard did
  expected, unexpected, blocked   what your rules make of it, and why
  ALERT       an unexpected use: `camguard end a17` ends it,
              `camguard rules allow a17` expects it from now on
  answered    what somebody said to an alert: off, end, keep, allow or seen
  BLIND       something cannot be seen, with what helps
  slept       the machine did; "down" and "started" are about it too
  CLOCK       it was set

In JSON, where the service answers, the first line is how things stand, with event "status" and what
`camguard status --json` has. Each other line is an object with schema, event, seq and at; of a use also
activation, camera, state, verdict, reasons, app and process (pid, exe, user, start); keys are only ever added while
schema stays the same.
"""


@click.command(epilog=_EPILOG)
@json_option
@click.option(
    "--only-unexpected", is_flag=True, help="Of the uses of a camera, print those that nobody expected or are blocked."
)
def command(as_json: bool, only_unexpected: bool) -> None:
    """Watch the cameras and print every use, until Ctrl-C.

    Where the service runs this shows what it sees. Else it is the guard itself: as root every process is seen; as a
    user those of others show as an unknown process. Each event is in the log, on disk, before it is printed, and uses
    that a rule blocks are ended.
    """
    remote = service()
    if remote is not None:
        with closing(remote):
            _show_happenings(remote, as_json=as_json, only_unexpected=only_unexpected)
        return
    from camguard.compose import open_guard

    config = configuration()
    guard = open_guard(config)
    gc.freeze()  # what was imported stays for good: no collection needs to walk over it while an open waits
    asyncio.run(_watch(config, guard, as_json=as_json, only_unexpected=only_unexpected))


def _show_happenings(remote: Remote, *, as_json: bool, only_unexpected: bool) -> None:
    """Print what the service tells, until Ctrl-C or until it goes. Raises ServiceError then."""
    remote.subscribe()
    now: Any = remote.status()
    if as_json:
        click.echo(_json_line({"event": "status", **now}))
        sys.stdout.flush()
    else:
        _show_now(now)
    for told in remote.happenings():
        if _wanted(told, only_unexpected=only_unexpected):
            click.echo(_json_line(told) if as_json else _plain_line(told))
            sys.stdout.flush()
    raise ServiceError("the service has stopped, and with it the guard; `camguard service restart` starts it")


def _show_now(now: Any) -> None:
    click.echo(quoted(now["method"], 400))
    click.echo("The service guards; this shows what happens. Ctrl-C ends the showing, not the guard.")
    for camera in now["cameras"]:
        click.echo(f"{quoted(camera['name'])} is {camera['power']}.")
    for use in now["uses"]:
        click.echo(f"{eventlines.who(use)} is using {quoted(use['camera']['name'])}.")
    if not now["cameras"]:
        click.echo(NO_CAMERA)


def _wanted(told: Record, *, only_unexpected: bool) -> bool:
    return not only_unexpected or told["event"] not in ACTIVATION_KINDS or eventlines.unexpected(told)


async def _watch(config: Config, guard: Guard, *, as_json: bool, only_unexpected: bool) -> None:
    from camguard.heartbeat import Heart

    loop = asyncio.get_running_loop()
    running = asyncio.create_task(guard.run())
    beating = asyncio.create_task(Heart(guard).keep_beating())
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, running.cancel)
    with Printer(_missed_json if as_json else _missed, lambda: loop.call_soon_threadsafe(running.cancel)) as printer:

        def show(report: Report) -> None:
            told = line(report)
            if _wanted(told, only_unexpected=only_unexpected):
                printer.put(_json_line(told) if as_json else _plain_line(told))

        _greet(config, guard, printer, as_json=as_json)
        guard.listen(show)
        try:
            await running
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is not None and this.cancelling():
                raise  # Ctrl-C; a signal to stop, or a reader that went away, ends the guard alone
        finally:
            beating.cancel()


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


def _plain_line(told: Record) -> str:
    style = eventlines.style(told) if coloured() else {}
    return click.style(eventlines.line(told), **style) if style else eventlines.line(told)


def _json_line(told: Record) -> str:
    return json.dumps(told, separators=(",", ":"))


def _missed(number: int) -> str:
    return f"({number} lines were left out: nobody read them in time. `camguard log` has them all.)"


def _missed_json(number: int) -> str:
    return json.dumps({"schema": SCHEMA, "event": "output.left-out", "lines": number}, separators=(",", ":"))
