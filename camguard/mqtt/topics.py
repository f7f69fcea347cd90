"""What a broker is told: topics and payloads, and how Home Assistant discovers them. No input or output.

See https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator

from camguard import __version__
from camguard.core.model import Judgement
from camguard.mqtt.onair import CameraState, Use
from camguard.mqtt.settings import Broker

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"

_LONGEST_NAME = 120


def base(broker: Broker) -> str:
    """What all topics of this machine begin with, Home Assistant's own apart."""
    return f"{broker.topic}/{word(broker.name)}"


def availability(broker: Broker) -> str:
    """The topic that says whether a guard watches. The broker itself says "offline" there when this process is gone."""
    return f"{base(broker)}/availability"


def messages(broker: Broker, cameras: Iterable[CameraState], *, guarded: bool) -> dict[str, str]:
    """All that the broker is to hold, by topic."""
    told: dict[str, str] = {}
    for camera in cameras:
        told |= dict(_of_camera(broker, camera))
    return {**told, availability(broker): ONLINE if guarded else OFFLINE}


def word(text: str) -> str:
    """A name as a word of a topic: whatever it holds, it is neither a level of its own nor a wildcard."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:32]
    return plain or "unnamed"


def _slug(camera: CameraState) -> str:
    """Unlike for any other camera, and the same after a replug; a serial number cannot be read off it."""
    return f"{word(camera.name)}_{hashlib.sha256(camera.id.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def _of_camera(broker: Broker, camera: CameraState) -> Iterator[tuple[str, str]]:
    slug = _slug(camera)
    topic = f"{base(broker)}/{slug}"
    if broker.discovery is not None:
        node = f"camguard_{word(broker.name)}"
        yield f"{broker.discovery}/binary_sensor/{node}/{slug}/config", _json(_discovery(broker, camera, topic, node))
    yield f"{topic}/attributes", _json(_attributes(broker, camera))
    yield f"{topic}/on_air", ON if camera.on else OFF


def _attributes(broker: Broker, camera: CameraState) -> dict[str, object]:
    attributes: dict[str, object] = {"camera": camera.name[:_LONGEST_NAME]}
    if broker.apps:
        apps = [use.app[:_LONGEST_NAME] for use in camera.uses if use.app]
        attributes |= {
            "app": ", ".join(apps)[: 4 * _LONGEST_NAME] or None,
            "expected": _expected(camera.uses),
        }
    since = [use.since for use in camera.uses if use.since]
    return {**attributes, "since": min(since) if since else None}


def _expected(uses: tuple[Use, ...]) -> bool | None:
    """Whether all of them are; None where there is none, or one of which it is not known yet."""
    if not uses or any(use.verdict is None for use in uses):
        return None
    return all(use.verdict == Judgement.EXPECTED for use in uses)


def _discovery(broker: Broker, camera: CameraState, topic: str, node: str) -> dict[str, object]:
    return {
        "name": f"{camera.name[:_LONGEST_NAME]} on air",
        "unique_id": f"{node}_{_slug(camera)}_on_air",
        "state_topic": f"{topic}/on_air",
        "payload_on": ON,
        "payload_off": OFF,
        "json_attributes_topic": f"{topic}/attributes",
        "availability_topic": availability(broker),
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "icon": "mdi:webcam",
        "qos": 1,
        "device": {
            "identifiers": [node],
            "name": broker.name[:_LONGEST_NAME],
            "manufacturer": "camguard",
            "model": "webcam privacy guard",
            "sw_version": __version__,
        },
        "origin": {"name": "camguard", "sw_version": __version__},
    }


def _json(value: dict[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"))
