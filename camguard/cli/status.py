"""``camguard status``: how things stand now."""

from __future__ import annotations

from typing import Any

import click

from camguard.activity.words import FEEDS
from camguard.cli.eventlines import own_pid, who
from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_columns, say_json
from camguard.cli.settings import access
from camguard.cli.watch import NO_CAMERA
from camguard.core.model import NANOSECONDS
from camguard.core.power import Power
from camguard.wording import spoken

_EPILOG = """\b
Examples:
  camguard status
  camguard status --json | jq -r '.uses[].app.name'
"""


@click.command(epilog=_EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Show the cameras, whether they are on, who holds one now, and whether a guard is watching.

    Where the service runs it answers, and each user sees the own uses whole. Else this looks once, for itself: as a
    user only your own processes can be named.
    """
    with access(say=not as_json) as guard:
        now = guard.status()
    if as_json:
        say_json(now)
    else:
        _show(now)


def _show(now: Any) -> None:
    if now["guard_pid"] is None:
        say("No guard is watching: nothing is logged. Start one with `camguard watch`.", bold=True)
    else:
        say(f"A guard is watching (pid {now['guard_pid']}). Its log is {quoted(now['journal'], 200)}.")
    if now.get("trouble"):
        say(f"Its configuration is broken, and the one before is in force: {quoted_sentence(now['trouble'])}", fg="red")
    if now.get("log_trouble"):
        say(
            f"THE LOG WAS CHANGED: {quoted_sentence(now['log_trouble'])}. See: camguard log verify", fg="red", bold=True
        )
    for blind in now.get("blind", ()):
        say(f"It cannot see {quoted(blind['what'])}: {quoted_sentence(blind['why'])}", fg="red")
    if now.get("locked"):
        say("The cameras are off unless somebody turns them on for a time: `camguard on`.")
    say()
    if not now["cameras"]:
        say(NO_CAMERA.replace(" Waiting for one;", ""))
        return
    say_columns(("CAMERA", "POWER", "KIND", "USB", "NODES"), [_camera_row(camera) for camera in now["cameras"]])
    say()
    if not now["uses"]:
        say("No camera is in use.")
        return
    say_columns(("IN USE", "APP", "PID", "USER", "VERDICT"), [_use_row(use) for use in now["uses"]])
    say()
    say("To stop a use: camguard end PID, or end APP. What VERDICT rests on: camguard status --json.")


def power_in_words(camera: Any) -> str:
    """``on``, ``off``, or ``on, 12 min left`` of a camera's view."""
    left = (camera.get("wanted") or {}).get("left_s")
    lasting = "" if left is None or camera["power"] == Power.OFF else f", {spoken(left * NANOSECONDS)} left"
    return f"{camera['power']}{lasting}"


def _camera_row(camera: Any) -> tuple[str, ...]:
    nodes = "" if camera["power"] == Power.OFF else ", ".join(camera["nodes"])
    return (camera["name"], power_in_words(camera), camera["kind"], camera["usb_id"] or "", nodes)


def _use_row(use: Any) -> tuple[str, ...]:
    process = use.get("process") or {}
    uid = "" if process.get("uid") is None else str(process["uid"])
    name = (use.get("app") or {}).get("name") or process.get("name") or who({"reduced": use.get("reduced")})
    pid = own_pid(process)
    return (
        use["camera"]["name"],
        name,
        "" if pid is None else str(pid),
        process.get("user") or uid,
        FEEDS if use.get("feeds") else use.get("verdict") or "",
    )
