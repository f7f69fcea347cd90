"""The machine itself, from the host's side. What runs inside it is in `guest/`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import vm

pytestmark = pytest.mark.system


def test_the_guest_answers_with_its_output_and_its_status(
    machines: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    script = f"echo out; echo err >&2; id -un; echo told >{tmp_path}/file; exit 7"
    machine = vm.start("--rw", tmp_path, "--", "sh", "-c", script)
    machines.append(machine)
    out, err = machine.communicate(timeout=300)
    assert (machine.returncode, out, err) == (7, "out\nroot\n", "err\n")
    assert (tmp_path / "file").read_text() == "told\n"


def test_a_guest_that_hangs_is_stopped_in_time(machines: list[subprocess.Popen[str]]) -> None:
    machine = vm.start("--timeout", "20", "--", "sleep", "1000")
    machines.append(machine)
    _, err = machine.communicate(timeout=300)
    assert machine.returncode == 124
    assert "timed out after 20 s" in err


def test_an_unknown_option_is_refused() -> None:
    machine = vm.start("--no-such-option", "--", "true")
    _, err = machine.communicate(timeout=60)
    assert machine.returncode == 125
    assert "--no-such-option" in err
