"""What systemctl prints, as a state."""

from __future__ import annotations

from camguard.install.systemd import UnitState, parse


def test_an_active_unit() -> None:
    said = {
        "LoadState": "loaded",
        "UnitFileState": "enabled",
        "ActiveState": "active",
        "SubState": "running",
        "MainPID": "412",
        "NRestarts": "2",
        "ActiveEnterTimestamp": "@1764081751",
        "Job": "",
    }
    assert parse(said) == UnitState(True, "enabled", "active", "running", False, 412, 2, 1764081751)


def test_a_unit_that_is_not_there() -> None:
    said = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
    assert parse(said) == UnitState(False, "disabled", "inactive", "dead", False, None, 0, None)


def test_a_job_that_waits() -> None:
    assert parse({"Job": "731"}).busy
    assert not parse({"Job": "0"}).busy
    assert not parse({"Job": ""}).busy
