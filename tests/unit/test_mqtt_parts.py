"""Which camera is on air, and what a broker is told of it: values in, values out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.config import of_source
from camguard.core.events import Kind
from camguard.core.records import Record, line
from camguard.errors import ConfigError
from camguard.mqtt.onair import CameraState, OnAir, Use
from camguard.mqtt.settings import Broker, Secret, read_secret
from camguard.mqtt.topics import availability, messages
from camguard.toml_source import TomlSource
from tests.support.journal_data import life

BROKER = Broker("broker", 8883, "Desk PC")
USE: list[Any] = [line(report) for report in life(17, 0)]
CAMERA: Any = USE[0]["camera"]


def broker(text: str) -> Broker | None:
    return of_source(TomlSource(Path("/etc/camguard/config.toml"), text)).mqtt


def told(*records: Record) -> OnAir:
    on_air = OnAir()
    on_air.begin({"cameras": [CAMERA], "uses": []})
    for record in records:
        on_air.tell(record)
    return on_air


def test_a_camera_is_on_air_while_pictures_are_taken_and_not_while_it_is_looked_at() -> None:
    on_air = told()
    course = []
    for record in USE:
        on_air.tell(record)
        [camera] = on_air.cameras()
        course.append((record["event"], camera.on))
    assert course[0] == ("opened", False)
    assert ("capturing", True) in course
    assert course[-1] == ("ended", False)


def test_what_is_done_about_a_use_that_ended_does_not_bring_it_back() -> None:
    capturing = next(record for record in USE if record["event"] == Kind.CAPTURING)
    late = {**capturing, "event": Kind.ACTION_COMPLETED.value}
    assert not told(*USE, late, {**late, "event": Kind.JUDGED.value}).cameras()[0].on


def test_a_camera_that_is_gone_is_not_on_air_and_stays_known() -> None:
    capturing = next(record for record in USE if record["event"] == Kind.CAPTURING)
    [camera] = told(capturing, {"event": Kind.CAMERA_REMOVED.value, "camera": CAMERA}).cameras()
    assert (camera.name, camera.on) == ("Integrated Camera", False)


def test_how_things_stand_takes_the_place_of_what_was_told() -> None:
    capturing = next(record for record in USE if record["event"] == Kind.CAPTURING)
    on_air = told(capturing)
    on_air.begin({"cameras": [CAMERA], "uses": []})
    assert not on_air.cameras()[0].on
    on_air.begin({"cameras": [CAMERA], "uses": [capturing]})
    assert on_air.cameras()[0].on
    assert on_air.cameras()[0].uses[0].app == "Firefox"


def test_what_may_not_be_known_is_not_told() -> None:
    reduced = {**USE[1], "event": Kind.CAPTURING.value, "app": None, "process": None, "verdict": None, "reasons": []}
    found = messages(BROKER, told(reduced).cameras(), guarded=True)
    attributes = json.loads(next(payload for topic, payload in found.items() if topic.endswith("attributes")))
    assert (attributes["app"], attributes["expected"]) == (None, None)


def test_without_a_guard_the_availability_says_so() -> None:
    assert messages(BROKER, (), guarded=False) == {availability(BROKER): "offline"}
    assert messages(BROKER, (), guarded=True) == {"camguard/desk_pc/availability": "online"}


def test_nothing_changes_as_long_as_nothing_changes() -> None:
    capturing = next(record for record in USE if record["event"] == Kind.CAPTURING)
    on_air = told(capturing)
    before = messages(BROKER, on_air.cameras(), guarded=True)
    on_air.tell({**capturing, "event": Kind.ALERT.value})
    on_air.tell(capturing)
    assert messages(BROKER, on_air.cameras(), guarded=True) == before


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_hostile_names_make_no_topic_and_no_field(machine: str, camera: str, app: str) -> None:
    there = Broker("broker", 8883, machine or "x")
    state = CameraState("id", camera, (Use("id", app, "expected", None),))
    found = messages(there, [state], guarded=True)
    assert len(found) == 4
    for topic, payload in found.items():
        assert topic.isascii()
        assert not set(topic) & set("+#\0$ ")
        assert topic.count("/") in {2, 3, 4}
        assert len(topic) < 200
        assert len(payload) < 20_000
        if payload.startswith("{"):
            assert isinstance(json.loads(payload), dict)


def test_two_cameras_of_one_name_are_two() -> None:
    found = messages(BROKER, [CameraState("a", "Cam"), CameraState("b", "Cam")], guarded=True)
    assert sum(topic.endswith("/on_air") for topic in found) == 2
    assert len({json.loads(found[topic])["unique_id"] for topic in found if topic.endswith("/config")}) == 2


def test_the_broker_of_a_configuration() -> None:
    assert broker("") is None
    plain = broker('[mqtt]\nhost = "h"\ntls = false\nname = "n"\napps = false\ndiscovery = ""\nca = "ca.pem"')
    assert plain == Broker(
        "h",
        1883,
        "n",
        tls=False,
        ca=Path("/etc/camguard/ca.pem"),
        credentials=Path("/etc/camguard/mqtt.toml"),
        discovery=None,
        apps=False,
    )
    usual = broker('[mqtt]\nhost = "h"')
    assert usual is not None
    assert (usual.port, usual.tls, usual.discovery, usual.apps) == (8883, True, "homeassistant", True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[mqtt]\nport = 1", 'lacks the key "host"'),
        ('[mqtt]\nhost = ""', "no name or address"),
        ('[mqtt]\nhost = "h"\nport = 70000', "between 1 and 65535"),
        ('[mqtt]\nhost = "h"\ntopic = "a/#"', "must be words"),
        ('[mqtt]\nhost = "h"\ndiscovery = "+"', "must be words"),
        ('[mqtt]\nhots = "h"', 'did you mean "host"'),
    ],
)
def test_a_mistake_is_told(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        broker(text)
    assert said in str(raised.value)


def test_the_password_is_nobodys_but_the_readers(tmp_path: Path) -> None:
    file = tmp_path / "mqtt.toml"
    there = Broker("h", 1, "n", credentials=file)
    assert read_secret(there, {}) is None
    file.write_text('username = "u"\npassword = "p"\n')
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read it"):
        read_secret(there, {})
    file.chmod(0o600)
    found = read_secret(there, {})
    assert found == Secret("u", "p")
    assert repr(found) == "Secret('u')"
    file.write_text('password = "p"\n')
    with pytest.raises(ConfigError, match='needs a "username"'):
        read_secret(there, {})


def test_what_systemd_hands_over_goes_before_the_file(tmp_path: Path) -> None:
    handed = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "mqtt.toml").write_text("#")
    assert read_secret(Broker("h", 1, "n", credentials=tmp_path / "other"), handed) is None
    (tmp_path / "mqtt.toml").write_text('username = "u"')
    assert read_secret(Broker("h", 1, "n"), handed) == Secret("u", None)
