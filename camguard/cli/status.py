"""``camguard status``: how things stand now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from camguard.cli.output import json_option, quoted, say, say_columns, say_json
from camguard.cli.settings import configuration
from camguard.cli.uses import camera_record, use_record, use_row
from camguard.cli.watch import NO_CAMERA
from camguard.core.records import SCHEMA, safe

if TYPE_CHECKING:
    from camguard.uses import Snapshot

_EPILOG = """\b
Examples:
  camguard status
  camguard status --json | jq -r '.uses[].app.name'
"""


@click.command(epilog=_EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Show the cameras, who holds one now, and whether a guard is watching.

    This looks once, for itself: it works without a guard. As a user only your own processes can be named.
    """
    from camguard.local import snapshot

    now = snapshot(configuration())
    if as_json:
        say_json(_as_object(now))
    else:
        _show(now)


def _as_object(now: Snapshot) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "method": now.method,
        "guard_pid": now.guard_pid,
        "journal": safe(str(now.journal_path)),
        "cameras": [camera_record(camera) for camera in now.cameras],
        "uses": [use_record(use) for use in now.uses],
    }


def _show(now: Snapshot) -> None:
    if now.guard_pid is None:
        say("No guard is watching: nothing is logged. Start one with `camguard watch`.", bold=True)
    else:
        say(f"A guard is watching (pid {now.guard_pid}). Its log is {quoted(str(now.journal_path), 200)}.")
    say()
    if not now.cameras:
        say(NO_CAMERA.replace(" Waiting for one;", ""))
        return
    say_columns(
        ("CAMERA", "KIND", "USB", "NODES"),
        [
            (camera.name, camera.kind, camera.usb_id or "", ", ".join(node.path for node in camera.nodes))
            for camera in now.cameras
        ],
    )
    say()
    if not now.uses:
        say("No camera is in use.")
        return
    say_columns(("IN USE", "APP", "PID", "USER", "VERDICT"), [use_row(use) for use in now.uses])
    say()
    say("To stop a use: camguard end PID. What VERDICT rests on: camguard status --json.")
