"""Sleep, and a clock that is set: each in a machine of its own, which is not used after."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import vm
from tests.system.clocks import AHEAD_S
from tests.system.sleeper import AFTER_S

pytestmark = pytest.mark.system

SLEEPER = Path(__file__).with_name("sleeper.py")
CLOCKS = Path(__file__).with_name("clocks.py")


def test_an_alarm_that_the_machine_slept_through_rings_as_it_wakes(machines: list[subprocess.Popen[str]]) -> None:
    [line] = _lines(machines, SLEEPER, 1)
    word, boottime_s, monotonic_s = line.split()
    assert word == "rang"
    # By the clock that stands still in sleep its moment has not come: it did come, then, while the machine slept.
    assert float(boottime_s) >= AFTER_S > float(monotonic_s)


def test_a_guard_that_slept_or_whose_clock_was_set_writes_it_down(machines: list[subprocess.Popen[str]]) -> None:
    asleep_s, slept, changed = map(json.loads, _lines(machines, CLOCKS, 3))
    assert (slept["event"], changed["event"]) == ("machine.slept", "clock.changed")
    assert asleep_s > 1
    assert _apart_s(slept, "boottime_ns") == pytest.approx(asleep_s, abs=0.1)
    assert _apart_s(slept, "utc_ns") == pytest.approx(asleep_s, abs=0.1)
    assert _apart_s(changed, "utc_ns") == pytest.approx(AHEAD_S, abs=2)
    assert _apart_s(changed, "boottime_ns") == 0
    assert slept["extra"]["to"]["boottime_ns"] < changed["extra"]["from"]["boottime_ns"]


def _lines(machines: list[subprocess.Popen[str]], program: Path, number: int) -> list[str]:
    """So many lines of what a program prints in a machine that is stopped then."""
    machine = vm.start("--timeout", "300", "--", "python3", program)
    machines.append(machine)
    with machine:
        assert machine.stdout is not None
        lines = [machine.stdout.readline() for _ in range(number)]
        vm.stop(machine)
        _, errors = machine.communicate()
    assert all(lines), (lines, errors)
    return lines


def _apart_s(record: dict[str, Any], clock: str) -> float:
    """Seconds from the one moment of an entry to the other, by one of its clocks."""
    extra = record["extra"]
    return float(extra["to"][clock] - extra["from"][clock]) / 1e9
