"""The unit that tells an MQTT broker: it has the password that only root can read, and says what the guard does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.guest import WEBCAM, Desk, until
from tests.support.installed import CONFIGURATION, FromWheel, camguard

pytestmark = pytest.mark.system

MQTT = "camguard-mqtt.service"
UNIT_FILE = Path(f"/etc/systemd/system/{MQTT}")
SECRET = Path("/etc/camguard/mqtt.toml")


def said() -> str:
    """All that the unit has said since the machine began."""
    return subprocess.check_output(
        ["journalctl", "--boot", "--quiet", "--output=cat", f"_SYSTEMD_UNIT={MQTT}"], text=True
    )


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, user=("camguard", "of root's alone")) as broker:
        yield broker


@pytest.fixture
def unit(service: FromWheel, broker: Mosquitto) -> Iterator[None]:
    SECRET.touch(mode=0o600)
    SECRET.write_text('username = "camguard"\npassword = "of root\'s alone"\n')
    CONFIGURATION.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\ntls = false\n')
    done = service.run("service", "install", "--mqtt")
    assert done.returncode == 0, done.stderr
    yield
    CONFIGURATION.unlink()
    SECRET.unlink()
    done = service.run("service", "install", "--no-mqtt")
    assert done.returncode == 0, done.stderr
    assert not UNIT_FILE.exists()


def test_the_unit_tells_the_broker_with_a_password_that_root_alone_can_read(unit: None, desk: Desk) -> None:
    until("it is let in by the broker", lambda: "connected to the MQTT broker at 127.0.0.1:" in said())
    until("it follows the guard", lambda: "following the guard" in said())
    properties = ["User", "DynamicUser", "MainPID"]
    shown = subprocess.check_output(["systemctl", "show", *(f"-p{name}" for name in properties), MQTT], text=True)
    state = dict(line.split("=", 1) for line in shown.splitlines())
    status = Path(f"/proc/{state['MainPID']}/status").read_text()
    uid = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    assert state["DynamicUser"] == "yes"
    assert uid != "0"
    desk.program("mmap", user="kid", app="on-air")

    def on_air() -> bool:
        told = json.loads(camguard("mqtt", "status", "--json").stdout)
        return bool(told["watched"]) and any(
            each["on_air"] and WEBCAM in str(each["camera"]) for each in told["cameras"]
        )

    until("the broker holds that the camera is on air", on_air)
