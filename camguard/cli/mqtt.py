"""``camguard mqtt``: a home's MQTT broker hears whether a camera is on air."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_json
from camguard.cli.settings import configuration
from camguard.core.records import SCHEMA, safe
from camguard.errors import NothingMatched

if TYPE_CHECKING:
    from camguard.mqtt.settings import Broker, Secret

_EPILOG = """\b
In the configuration:
  [mqtt]
  host = "homeassistant.local"     the broker; TLS at port 8883, unless tls = false
  apps = false                     do not tell which app uses a camera

\b
User name and password are in mqtt.toml beside it, which nobody else may read:
  username = "camguard"
  password = "..."

\b
Examples:
  sudo camguard mqtt test
  sudo camguard service install --mqtt
  sudo camguard mqtt status
"""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Tell an MQTT broker whether a camera is on air; Home Assistant discovers it by itself.

    For each camera there is a binary sensor, on while an app takes pictures, with the app's name as an attribute. The
    broker keeps it, and says "unavailable" where no guard watches.
    """


@command.command(short_help="Try the broker: whether what it is told comes back.")
@json_option
def test(as_json: bool) -> None:
    """Connect to the broker, tell it something that nobody keeps, and see it come back.

    Exit code: 0 when it came back, else 1.
    """
    from camguard.mqtt.trial import try_broker

    tried = try_broker(*_broker())
    if as_json:
        told = {"steps": [safe(step) for step in tried.steps], "seconds": round(tried.seconds, 3)}
        say_json({"schema": SCHEMA, "works": tried.why is None, **told, "why": safe(tried.why)})
    else:
        for step in tried.steps:
            say(quoted_sentence(step), fg="green")
        if tried.why is not None:
            say(quoted_sentence(tried.why), fg="red")
    if tried.why is not None:
        click.get_current_context().exit(1)


@command.command(short_help="Show what the broker holds.")
@json_option
def status(as_json: bool) -> None:
    """Show what the broker holds: whether a guard watches, and which camera is on air.

    Exit code: 0 where the broker says that a guard watches, else 1.
    """
    from camguard.mqtt.topics import ONLINE
    from camguard.mqtt.trial import held

    broker, secret = _broker()
    found = held(broker, secret)
    watched = found.get("availability") == ONLINE
    cameras = [_camera(found, topic) for topic in sorted(found) if topic.endswith("/on_air")]
    if as_json:
        say_json({"schema": SCHEMA, "broker": f"{broker.host}:{broker.port}", "watched": watched, "cameras": cameras})
    else:
        _show(broker, found, watched, cameras)
    if not watched:
        click.get_current_context().exit(1)


@command.command()
def run() -> None:
    """Tell the broker what the guard tells you, until Ctrl-C.

    For the whole machine a unit does so: sudo camguard service install --mqtt
    """
    from camguard.mqtt.main import serve
    from camguard.service import logs

    broker, _ = _broker()
    logs.begin()
    serve(broker, None)


def _broker() -> tuple[Broker, Secret | None]:
    from camguard.mqtt.settings import read_secret

    broker = configuration().mqtt
    if broker is None:
        raise NothingMatched("the configuration names no MQTT broker; `camguard mqtt --help` shows how")
    return broker, read_secret(broker)


def _camera(found: dict[str, str], topic: str) -> dict[str, Any]:
    """One camera as the broker has it, which anybody may have written there."""
    told: object = None
    with suppress(ValueError, RecursionError):
        told = json.loads(found.get(f"{topic.removesuffix('/on_air')}/attributes", ""))
    attributes = told if isinstance(told, dict) else {}
    return {
        "topic": safe(topic),
        "camera": safe(str(attributes.get("camera") or topic.removesuffix("/on_air"))),
        "on_air": found[topic] == "ON",
        "app": safe(str(attributes["app"])) if attributes.get("app") else None,
    }


def _show(broker: Broker, found: dict[str, str], watched: bool, cameras: list[dict[str, Any]]) -> None:
    where = quoted(f"{broker.host}:{broker.port}")
    if "availability" not in found:
        say(f"The broker at {where} was never told anything: sudo camguard service install --mqtt", fg="yellow")
        return
    state = "a guard watches" if watched else "no guard watches"
    say(f"The broker at {where} says that {state}.", fg="green" if watched else "red")
    for camera in cameras:
        by = f", with {quoted(camera['app'])}" if camera["on_air"] and camera["app"] else ""
        say(f"  {quoted(camera['camera'])} is {'on air' if camera['on_air'] else 'not on air'}{by}")
