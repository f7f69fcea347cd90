"""The one shape of a record: complete, safe to encode, the same when read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core import records
from camguard.core.details import Details
from camguard.core.events import Kind, Report
from camguard.core.model import App, AppIdentity, AppKind, Moment, Outcome, Process, Result, Step
from tests.support.journal_data import BOOT, CAMERA, life, moment, process, simple

ALWAYS = {"activation", "camera", "state", "verdict", "reasons", "app", "process"}


def test_a_whole_activation_is_described_for_somebody_who_knows_nothing_else() -> None:
    ended = life(17, 0)[-1]
    record: Any = records.describe(ended)
    assert record["activation"] == "a17"
    assert record["state"] == "ended"
    assert record["camera"] == {
        "id": "usb-046d:0825-1A2B3C4D",
        "name": "Integrated Camera",
        "kind": "webcam",
        "usb_id": "046d:0825",
        "serial": "1A2B3C4D",
        "nodes": ["/dev/video0", "/dev/video1"],
    }
    assert record["verdict"] == "unexpected"
    assert record["reasons"] == [{"code": "first-use", "sentence": "first use of a camera by this app"}]
    assert record["app"]["name"] == "Firefox"
    assert record["app"]["sha256"] == "ab" * 32
    assert record["process"]["pid"] == 3017
    assert record["process"]["user"] == "anna"
    assert record["process"]["start"] == "2023-11-14T22:13:20.000000+00:00"
    assert record["process"]["parents"][0] == {"pid": 2000, "name": "gnome-shell", "exe": "/usr/bin/gnome-shell"}
    assert (record["capture"], record["frames"], record["opens"]) == ("mapping", 1800, 1)
    assert (record["duration_ms"], record["held_ms"], record["ending"]) == (60_000, 60_000, "closed")
    assert record["opened_at"] == "2023-11-15T00:13:20.000000+02:00"


@pytest.mark.parametrize("kind", sorted(records.ACTIVATION_KINDS))
def test_activation_kinds_always_have_the_same_keys(kind: Kind) -> None:
    bare = records.describe(Report(kind, moment(0)))
    full = records.describe(replace(life(1, 0)[1], kind=kind))
    assert set(bare) >= ALWAYS
    assert set(full) >= ALWAYS
    assert bare["reasons"] == []
    assert bare["process"] is None


def test_an_unknown_process_still_tells_what_is_known() -> None:
    opened = life(1, 0)[0]
    assert opened.activation is not None
    unknown = replace(opened.activation, process=Process(None, uid=1000), holders=frozenset({Process(None)}))
    record: Any = records.describe(replace(opened, activation=unknown))
    assert record["process"]["known"] is False
    assert record["process"]["pid"] is None
    assert record["process"]["uid"] == 1000
    assert record["holders"] == []


def test_a_report_without_an_activation_may_still_say_who() -> None:
    record: Any = records.describe(Report(Kind.ACTION_PENDING, moment(0), camera=CAMERA, process=process(42)))
    assert record["process"]["pid"] == 42
    assert record["activation"] is None


def test_an_outcome_keeps_its_steps_and_who_is_left() -> None:
    outcome = Outcome(Result.STILL_HELD, (Step(42, "asked to stop", "no answer"),), "why", (process(42), Process(None)))
    record: Any = records.describe(Report(Kind.ACTION_COMPLETED, moment(0), outcome=outcome))
    assert record["outcome"]["result"] == "still held"
    assert record["outcome"]["steps"] == [{"pid": 42, "what": "asked to stop", "result": "no answer"}]
    assert [left["pid"] for left in record["outcome"]["left"]] == [42, None]


def test_a_line_has_schema_event_and_both_clocks() -> None:
    report = replace(simple(Kind.GUARD_STARTED, 1.5, pid=7), seq=3)
    record: Any = records.line(report)
    assert (record["schema"], record["event"], record["seq"]) == (1, "guard.started", 3)
    assert record["at"] == "2023-11-15T00:13:21.500000+02:00"
    assert record["clock"]["boottime_ns"] == 1_500_000_000
    assert record["clock"]["boot_id"] == BOOT
    assert record["extra"] == {"pid": 7}
    assert "activation" not in record


@given(st.integers(0, 4_000_000_000_000_000_000), st.integers(-64_800, 64_800).map(lambda s: s // 60 * 60))
def test_local_time_is_the_same_instant(utc_ns: int, offset: int) -> None:
    read = datetime.fromisoformat(records.local_time(Moment(utc_ns, offset, 0, "")))
    assert read.utcoffset() is not None
    assert abs(read.timestamp() * 1_000_000 - utc_ns / 1000) < 2_000  # floats: the microsecond is not theirs to give
    assert read.microsecond == utc_ns // 1000 % 1_000_000


HOSTILE = st.text(st.characters(), max_size=20)


@given(HOSTILE, HOSTILE, st.lists(HOSTILE, max_size=4), st.dictionaries(HOSTILE, HOSTILE | st.integers(0, 99)))
def test_hostile_text_survives_as_json(name: str, path: str, command: list[str], extra: dict[str, Any]) -> None:
    report = life(1, 0)[1]
    assert report.activation is not None
    who = replace(report.activation.process, name=name, exe=path)
    hostile = replace(
        report,
        activation=replace(report.activation, process=who),
        app=App(AppIdentity(AppKind.EXECUTABLE, path, path), name),
        details=Details(command=tuple(command)),
        extra=extra,
    )
    record = records.line(hostile)
    encoded = msgspec.json.encode(record)
    assert msgspec.json.decode(encoded) == record
    assert json.loads(encoded) == record
    assert b"\n" not in encoded
    assert b"\x1b" not in encoded
    if not any(0xD800 <= ord(character) <= 0xDFFF for character in name):
        assert msgspec.json.decode(encoded)["process"]["name"] == name


def test_bytes_that_are_no_text_are_written_out() -> None:
    assert records.safe(b"ok\xff".decode("utf-8", "surrogateescape")) == "ok\\udcff"
