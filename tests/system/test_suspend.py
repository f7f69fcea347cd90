"""An alarm that comes due while the machine sleeps: in a machine of its own, which is not used after."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import vm
from tests.system.sleeper import AFTER_S

pytestmark = pytest.mark.system

SLEEPER = Path(__file__).with_name("sleeper.py")


def test_an_alarm_that_the_machine_slept_through_rings_as_it_wakes(machines: list[subprocess.Popen[str]]) -> None:
    machine = vm.start("--timeout", "120", "--", "python3", SLEEPER)
    machines.append(machine)
    with machine:
        assert machine.stdout is not None
        line = machine.stdout.readline()
        vm.stop(machine)
        _, errors = machine.communicate()
    assert line, errors
    word, boottime_s, monotonic_s = line.split()
    assert word == "rang"
    # By the clock that stands still in sleep its moment has not come: it did come, then, while the machine slept.
    assert float(boottime_s) >= AFTER_S > float(monotonic_s)
