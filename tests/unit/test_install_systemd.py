"""What systemctl prints, as a state."""

from __future__ import annotations

from pathlib import Path

import pytest

from camguard.cli.passing_on import runs_steadily
from camguard.install.commands import CommandFailed
from camguard.install.systemd import UnitState, parse, wait_active


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


def test_the_last_words_of_a_unit_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken_down = tmp_path / "taken-down"
    programs = {
        "systemctl": "echo LoadState=loaded; echo ActiveState=failed",
        "journalctl": f"[ \"$1\" != --sync ] || : >{taken_down}; [ ! -e {taken_down} ] || echo 'no, I will not'",
    }
    for name, does in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandFailed, match="no, I will not"):
        wait_active("camguard.service")
