"""The ground that the tests of the service stand on: systemd runs the machine, and all is well with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system


def test_systemd_runs_the_machine() -> None:
    assert Path("/proc/1/exe").resolve().name == "systemd"
    done = subprocess.run(["systemctl", "is-system-running", "--wait"], capture_output=True, text=True, check=False)
    assert done.stdout == "running\n"


def test_the_kernel_would_ask_a_bpf_program_about_opens() -> None:
    assert "bpf" in Path("/sys/kernel/security/lsm").read_text().split(",")
    mounts = Path("/proc/mounts").read_text().splitlines()
    assert any(line.split()[1:3] == ["/sys/fs/bpf", "bpf"] for line in mounts)
