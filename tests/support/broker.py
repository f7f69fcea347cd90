"""A real mosquitto that is started and killed at will, and somebody who listens to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.service_stage import until

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
PATIENCE_S = 30.0


def missing() -> str | None:
    """Why there can be no broker here; None where there can be one."""
    return None if MOSQUITTO else "needs a broker; Debian: apt install mosquitto"


class Mosquitto:
    """A broker on a port of its own, which forgets everything when it is killed."""

    def __init__(self, folder: Path, *, user: tuple[str, str] | None = None, tls: bool = False) -> None:
        self._folder = folder
        self.port = _free_port()
        self._file = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "log_dest stderr", "user root"]
        lines += ["allow_anonymous true"] if user is None else ["allow_anonymous false", self._passwords(*user)]
        if tls:
            self.ca = certify(folder)
            lines += [f"cafile {self.ca}", f"certfile {folder}/broker.pem", f"keyfile {folder}/broker.key"]
        self._file.write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert MOSQUITTO is not None
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self._file)], stderr=subprocess.DEVNULL)
        until("the broker listens", self._listens)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "mosquitto ended by itself"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _passwords(self, name: str, password: str) -> str:
        file = self._folder / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), name, password], check=True, capture_output=True)
        return f"password_file {file}"


def certify(folder: Path) -> Path:
    """Make an authority of our own, and a certificate of its for the broker at localhost; returns the authority's."""
    ca, key = folder / "ca.pem", folder / "ca.key"
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", ca, "-subj", "/CN=our own", "-days", 2
    )
    request, broker = folder / "broker.csr", folder / "broker.pem"
    _openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "broker.key", "-out", request, "-subj", "/CN=b"
    )
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost\n")
    signing = ("-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", 2, "-extfile", names)
    _openssl("x509", "-req", "-in", request, "-out", broker, *signing)
    return ca


class Listener:
    """Hears everything that the broker has and is told; a context manager."""

    def __init__(self, port: int) -> None:
        self._more = threading.Condition()
        self.now: dict[str, str] = {}
        self.heard: list[tuple[str, str, bool]] = []
        """All that came: topic, payload, and whether the broker had it before we came."""
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait(self, topic: str, payload: str) -> None:
        """Wait until the topic whose end this is holds this."""
        with self._more:
            if not self._more.wait_for(lambda: self.value(topic) == payload, PATIENCE_S):
                raise AssertionError(f"{topic} is {self.value(topic)}, not {payload}; heard: {self.heard}")

    def wait_attributes(self, **wanted: object) -> dict[str, Any]:
        """Wait until the attributes, which come when they come, have these values; returns all of them."""

        def there() -> bool:
            found = self.object("/attributes")
            return found is not None and wanted.items() <= found.items()

        with self._more:
            if not self._more.wait_for(there, PATIENCE_S):
                raise AssertionError(f"no attributes with {wanted}; heard: {self.heard}")
            found: dict[str, Any] = self.object("/attributes")
            return found

    def value(self, end: str) -> str | None:
        """What the one topic holds that ends so."""
        with self._more:
            return next((payload for topic, payload in self.now.items() if topic.endswith(end)), None)

    def object(self, end: str) -> Any:
        """The same, as JSON."""
        return json.loads(self.value(end) or "null")

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        with self._more:
            self.now[message.topic] = message.payload.decode()
            self.heard.append((message.topic, message.payload.decode(), message.retain))
            self._more.notify_all()


def _openssl(*words: str | Path | int) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
