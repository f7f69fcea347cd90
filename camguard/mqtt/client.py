"""A client of the MQTT library as this project uses it: who it is, TLS, and what a failure means in words."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from camguard.errors import ConfigError
from camguard.mqtt.settings import Broker, Secret

if TYPE_CHECKING:
    from paho.mqtt.client import Client

KEEPALIVE_S = 30
"""A broker misses this process after one and a half times that, and says so in its place."""

CONNECT_S = 10.0


def new_client(broker: Broker, secret: Secret | None, client_id: str) -> Client:
    """A client that is not connected yet. Raises ConfigError where the library is missing, or the authority's file."""
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise ConfigError("MQTT needs the package paho-mqtt: pip install paho-mqtt") from error
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    client.connect_timeout = CONNECT_S
    if broker.tls:
        client.tls_set_context(_context(broker))
    if secret is not None:
        client.username_pw_set(secret.username, secret.password)
    return client


def in_words(error: BaseException | None, broker: Broker) -> str:
    """Why a broker cannot be reached, and what helps where that is known."""
    where = f"the MQTT broker at {broker.host}:{broker.port}"
    match error:
        case ssl.SSLCertVerificationError():
            return f"{where} shows a certificate that is not trusted ({error.verify_message}); see [mqtt] ca"
        case ssl.SSLError():
            return f"{where} does not speak TLS as it should ({error.reason or error}); see [mqtt] tls and port"
        case TimeoutError():
            return f"{where} does not answer in time"
        case OSError():
            return f"{where} cannot be reached: {error.strerror or error}"
        case _:
            return f"{where} cannot be reached"


def _context(broker: Broker) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=broker.ca)
    except OSError as error:
        raise ConfigError(f"[mqtt] ca: {broker.ca} cannot be used: {error.strerror or error}") from error
