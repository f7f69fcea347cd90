"""Talking to the broker for a moment, for people who ask whether it works, and what it holds."""

from __future__ import annotations

import queue
import secrets
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from camguard.errors import MqttError
from camguard.mqtt.client import CONNECT_S, KEEPALIVE_S, in_words, new_client
from camguard.mqtt.settings import Broker, Secret
from camguard.mqtt.topics import base

if TYPE_CHECKING:
    from paho.mqtt.client import Client

ANSWER_S = 10.0
"""How long a broker may take to give back what it was told."""

QUIET_S = 0.5
"""What a broker holds comes at once after one subscribed; where nothing came for so long, that was all."""

MOST = 1000


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial; each step as a sentence, in order. Where the last failed, `why` says so."""

    steps: tuple[str, ...]
    seconds: float
    why: str | None = None


def try_broker(broker: Broker, secret: Secret | None) -> Tried:
    """Connect, say something to the broker that nobody keeps, and hear it come back."""
    began = time.monotonic()
    steps: list[str] = []
    topic, said = f"{base(broker)}/test", secrets.token_hex(8)
    try:
        with _connected(broker, secret) as (client, heard):
            steps.append(f"connected to {broker.host}:{broker.port}, {_how(client)}")
            steps.append("the broker let us in" if secret is None else f'the broker knows user "{secret.username}"')
            _subscribe(client, heard, topic)
            client.publish(topic, said, qos=1)
            _await(heard, (topic, said))
            steps.append(f"what was told under {topic} came back")
    except MqttError as error:
        return Tried(tuple(steps), time.monotonic() - began, str(error))
    return Tried(tuple(steps), time.monotonic() - began)


def held(broker: Broker, secret: Secret | None) -> dict[str, str]:
    """What the broker holds of this machine, by topic without what all begin with. Raises MqttError."""
    found: dict[str, str] = {}
    prefix = f"{base(broker)}/"
    with _connected(broker, secret) as (client, heard):
        _subscribe(client, heard, f"{prefix}#")
        while len(found) < MOST:
            try:
                topic, payload = heard.get(timeout=QUIET_S)
            except queue.Empty:
                return found
            found[topic.removeprefix(prefix)] = payload
    return found


Heard = queue.SimpleQueue[tuple[str, str]]


@contextmanager
def _connected(broker: Broker, secret: Secret | None) -> Iterator[tuple[Client, Heard]]:
    """A connection that the broker has granted, and what comes from it. Raises MqttError."""
    client = new_client(broker, secret, f"camguard-{secrets.token_hex(4)}")
    heard: Heard = queue.SimpleQueue()
    client.on_connect = lambda _, __, ___, reason, ____: heard.put(("", str(reason) if reason.is_failure else ""))
    client.on_message = lambda _, __, message: heard.put((message.topic, _text(message.payload)))
    client.on_subscribe = lambda _, __, ___, reasons, ____: heard.put(
        ("", next((str(reason) for reason in reasons if reason.is_failure), ""))
    )
    try:
        client.connect(broker.host, broker.port, KEEPALIVE_S)
    except OSError as error:
        raise MqttError(in_words(error, broker)) from error
    client.loop_start()
    try:
        _await(heard, ("", ""))
        yield client, heard
    finally:
        client.disconnect()
        client.loop_stop()


def _subscribe(client: Client, heard: Heard, topic: str) -> None:
    client.subscribe(topic, qos=1)
    _await(heard, ("", ""))


def _await(heard: Heard, wanted: tuple[str, str]) -> None:
    """Wait until this is heard; what the broker says of itself comes under no topic, and is empty where all is well."""
    end = time.monotonic() + max(ANSWER_S, CONNECT_S)
    while (left := end - time.monotonic()) > 0:
        try:
            topic, said = heard.get(timeout=left)
        except queue.Empty:
            break
        if (topic, said) == wanted:
            return
        if not topic and said:
            raise MqttError(f"the broker refuses: {said}")
    raise MqttError(f"the broker did not answer within {ANSWER_S:.0f} s")


def _how(client: Client) -> str:
    connection: Any = client.socket()
    if isinstance(connection, ssl.SSLSocket):
        return f"by {connection.version()}, its certificate is trusted"
    return "without TLS: everybody on the way can read it"


def _text(payload: bytes | bytearray) -> str:
    return payload.decode("utf-8", "replace")
