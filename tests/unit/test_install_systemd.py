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
        "MemoryCurrent": "34603008",
        "NRestarts": "2",
        "ActiveEnterTimestamp": "@1764081751",
        "Job": "",
    }
    assert parse(said) == UnitState(True, "enabled", "active", "running", False, 412, 34603008, 2, "1764081751")


def test_a_unit_that_is_not_there() -> None:
    said = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
    assert parse(said) == UnitState(False, "disabled", "inactive", "dead", False, None, None, 0, None)


def test_memory_that_is_not_counted_and_a_job_that_waits() -> None:
    for memory in ("[not set]", str((1 << 64) - 1), ""):
        assert parse({"MemoryCurrent": memory}).memory is None
    assert parse({"Job": "731"}).busy
    assert not parse({"Job": "0"}).busy
