"""What a real broker holds, while the service, the process that tells it, and the broker itself come and go."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import broker as support
from tests.support.broker import Listener, Mosquitto
from tests.support.commands import CAMERA, ENVIRONMENT
from tests.support.service_stage import ServiceStage, until

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest"),
    pytest.mark.skipif(support.missing() is not None, reason=support.missing() or ""),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="camguard-mqtt-") as name:
        yield Path(name)


@pytest.fixture
def broker(folder: Path) -> Iterator[Mosquitto]:
    with Mosquitto(folder) as broker:
        yield broker


@pytest.fixture
def stage(folder: Path) -> Iterator[ServiceStage]:
    (folder / "stage").mkdir()
    stage = ServiceStage(folder / "stage")
    try:
        yield stage
    finally:
        stage.close()


def table(port: int, *more: str, host: str = "127.0.0.1", tls: bool = False) -> str:
    lines = (f'host = "{host}"', f"port = {port}", f"tls = {str(tls).lower()}", 'name = "Desk PC"', *more)
    return "[mqtt]\n" + "\n".join(lines) + "\n"


@contextmanager
def telling(stage: ServiceStage, said: list[str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """The process that tells the broker; what it says is kept in `said`."""
    with subprocess.Popen(
        [sys.executable, "-m", "camguard.mqtt", "--config", str(stage.config), "--socket", str(stage.socket)],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stderr is not None
        lines = process.stderr

        def read() -> None:
            for line in lines:
                if said is not None:
                    said.append(line)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()
                reader.join()


def camguard(stage: ServiceStage, *arguments: str) -> tuple[int, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "camguard", "--config", str(stage.config), *arguments, "--json"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_home_assistant_finds_a_sensor_that_says_when_the_camera_is_on(broker: Mosquitto, stage: ServiceStage) -> None:
    stage.configure(table(broker.port))
    stage.start()
    with telling(stage):
        with Listener(broker.port) as listener:
            listener.wait("/on_air", "OFF")
            listener.wait("/availability", "online")
            with stage.stranger():
                listener.wait("/on_air", "ON")
                attributes = listener.wait_attributes(expected=False, app="stranger.py")
                assert attributes["camera"] == CAMERA
                code, status = camguard(stage, "mqtt", "status")
                assert (code, status["watched"]) == (0, True)
                assert status["cameras"][0]["on_air"] is True
                assert status["cameras"][0]["app"] == "stranger.py"
            listener.wait("/on_air", "OFF")
            listener.wait_attributes(app=None)
            states = [payload for topic, payload, _ in listener.heard if topic.endswith("/on_air")]
            assert states == ["OFF", "ON", "OFF"]
        with Listener(broker.port) as late:
            late.wait("/on_air", "OFF")
            late.wait("/availability", "online")
            late.wait_attributes(app=None)
            until("all that is kept", lambda: late.value("/config") is not None)
            assert all(kept for _, _, kept in late.heard)
            [topic] = [topic for topic in late.now if topic.startswith("homeassistant/")]
            found = late.object("/config")
            assert topic.startswith("homeassistant/binary_sensor/camguard_desk_pc/pretend_webcam_")
            assert late.now[found["state_topic"]] == "OFF"
            assert late.now[found["availability_topic"]] == "online"
            assert found["json_attributes_topic"] in late.now
            assert found["device"]["name"] == "Desk PC"


def test_what_changed_while_the_broker_was_gone_is_right_again(broker: Mosquitto, stage: ServiceStage) -> None:
    stage.configure(table(broker.port))
    stage.start()
    said: list[str] = []
    with telling(stage, said):
        with Listener(broker.port) as listener:
            listener.wait("/on_air", "OFF")
        broker.kill()
        with stage.stranger():
            until("it noticed", lambda: any("is gone" in line or "cannot be reached" in line for line in said))
            broker.start()
            with Listener(broker.port) as listener:
                listener.wait("/on_air", "ON")
                listener.wait("/availability", "online")
                until("discovery", lambda: listener.value("/config") is not None)
        with Listener(broker.port) as listener:
            listener.wait("/on_air", "OFF")


def test_a_process_that_dies_is_spoken_for_by_the_broker(broker: Mosquitto, stage: ServiceStage) -> None:
    stage.configure(table(broker.port))
    stage.start()
    with Listener(broker.port) as listener:
        with telling(stage) as process:
            listener.wait("/availability", "online")
            process.kill()
            listener.wait("/availability", "offline")
        with telling(stage):
            listener.wait("/availability", "online")
        listener.wait("/availability", "offline")
    assert camguard(stage, "mqtt", "status")[0] == 1


def test_where_no_guard_watches_nothing_is_said_to_be_known(broker: Mosquitto, stage: ServiceStage) -> None:
    stage.configure(table(broker.port))
    stage.start()
    with telling(stage), Listener(broker.port) as listener:
        listener.wait("/availability", "online")
        stage.kill()
        listener.wait("/availability", "offline")
        with stage.stranger():
            stage.start()
            listener.wait("/availability", "online")
            listener.wait("/on_air", "ON")
        listener.wait("/on_air", "OFF")


def test_apps_are_left_out_where_the_configuration_says_so(broker: Mosquitto, stage: ServiceStage) -> None:
    stage.configure(table(broker.port, "apps = false", 'discovery = ""', 'topic = "house/desk"'))
    stage.start()
    with telling(stage), Listener(broker.port) as listener, stage.stranger():
        listener.wait("/on_air", "ON")
        listener.wait("/availability", "online")
        assert set(listener.wait_attributes()) == {"camera", "since"}
        assert all(topic.startswith("house/desk/desk_pc/") for topic in listener.now)
        assert "stranger" not in str(listener.heard)


def test_tls_and_a_password_with_an_authority_of_ones_own(folder: Path, stage: ServiceStage) -> None:
    with Mosquitto(folder, user=("guard", "pass word"), tls=True) as broker:
        ca = f'ca = "{broker.ca}"'
        secret = stage.config.with_name("mqtt.toml")
        secret.write_text('username = "guard"\npassword = "pass word"\n')
        secret.chmod(0o600)
        stage.configure(table(broker.port, ca, host="localhost", tls=True))
        code, tried = camguard(stage, "mqtt", "test")
        assert (code, tried["works"]) == (0, True), tried
        assert "TLSv1" in tried["steps"][0]
        stage.start()
        said: list[str] = []
        with telling(stage, said):
            until("the broker has it", lambda: camguard(stage, "mqtt", "status")[1]["watched"])
        assert not any("pass word" in line for line in said)

        secret.write_text('username = "guard"\npassword = "wrong"\n')
        code, tried = camguard(stage, "mqtt", "test")
        assert (code, tried["works"]) == (1, False)
        assert "refuses" in tried["why"]
        stage.configure(table(broker.port, host="localhost", tls=True))
        assert "not trusted" in camguard(stage, "mqtt", "test")[1]["why"]
        stage.configure(table(broker.port, ca, host="127.0.0.1", tls=True))
        assert "not trusted" in camguard(stage, "mqtt", "test")[1]["why"]


def test_a_password_that_others_can_read_is_not_used(broker: Mosquitto, stage: ServiceStage) -> None:
    secret = stage.config.with_name("mqtt.toml")
    secret.write_text('username = "guard"\npassword = "x"\n')
    secret.chmod(0o644)
    stage.configure(table(broker.port))
    with telling(stage) as process:
        assert process.wait(30) == 2


class Hostile:
    """Accepts, says that all is well, and from then on reads nothing and answers nothing; or babbles."""

    def __init__(self, *, babbles: bool) -> None:
        self._babbles = babbles
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.met = 0
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        for held in self._held:
            held.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._held.append(client)
            client.recv(4096)
            client.sendall(os.urandom(65536) if self._babbles else b"\x20\x02\x00\x00")  # CONNACK: welcome
            self.met += 1


@pytest.mark.parametrize("babbles", [False, True])
def test_a_hostile_broker_holds_nobody_up(stage: ServiceStage, babbles: bool) -> None:
    hostile = Hostile(babbles=babbles)
    try:
        stage.configure(table(hostile.port))
        stage.start()
        with telling(stage) as process:
            until("it is connected", lambda: hostile.met > 0)
            with stage.running("watch", "--json") as watch:
                watch.object_with(event="status")
                for _ in range(5):
                    with stage.stranger():
                        watch.object_with(event="alert")
                    watch.object_with(event="ended")
            assert process.poll() is None
    finally:
        hostile.close()


def test_a_broker_that_acknowledges_nothing_costs_no_memory() -> None:
    from camguard.mqtt.onair import CameraState, Use
    from camguard.mqtt.publisher import Publisher
    from camguard.mqtt.settings import Broker
    from camguard.mqtt.topics import messages

    hostile = Hostile(babbles=False)
    broker = Broker("127.0.0.1", hostile.port, "pc", tls=False)
    publisher = Publisher(broker, None)
    try:
        publisher.start()
        until("it is connected", lambda: publisher.connected)
        for number in range(20_000):
            camera = CameraState("c", "Camera", (Use("c", f"app {number}", "expected", None),))
            publisher.want(messages(broker, [camera], guarded=True))
        until("each topic was sent once", lambda: publisher.unacknowledged == 4)
        assert len(publisher._client._out_messages) <= 4
    finally:
        publisher.close()
        hostile.close()
