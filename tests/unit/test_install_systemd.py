"""What systemctl prints, as a state."""

from __future__ import annotations

import pytest

from camguard.cli.passing_on import runs_steadily
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


@pytest.mark.parametrize(
    ("active", "restarts", "began", "steadily"),
    [
        ("active", "0", "@1000", True),  # just started
        ("active", "7", "@1000", False),  # just started, after it ended seven times
        ("active", "7", "@900", True),  # it did once, and has run for long since
        ("active", "7", "", False),
        ("activating", "7", "@900", False),
    ],
)
def test_a_unit_that_ends_again_and_again_does_not_run_steadily(
    active: str, restarts: str, began: str, steadily: bool
) -> None:
    unit = parse({"ActiveState": active, "NRestarts": restarts, "ActiveEnterTimestamp": began})
    assert runs_steadily(unit, 1_010.0) is steadily
