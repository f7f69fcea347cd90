"""The programs beside which camguard is measured: our own in C, compiled when they are needed, and other people's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.report import processes

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CAMGUARD = (sys.executable, "-m", "camguard")
NO_COMPILER = "no C compiler (cc): apt install gcc libc6-dev"


@dataclass(frozen=True, slots=True)
class Scope:
    """What every bench gets: `folder` on a disk, `nodes` where fanotify works, and whether to be quick."""

    folder: Path
    nodes: Path
    quick: bool

    def pick(self, full: int, quick: int) -> int:
        """How many, how long: in a full run and in a quick one."""
        return quick if self.quick else full


PROGRAMS_VARIABLE = "CAMGUARD_BENCH_PROGRAMS"
"""Names a folder with the C programs, made elsewhere, for a machine without a compiler."""


def compiled(name: str, folder: Path, *options: str) -> Path | None:
    """One of the C programs beside this file, made in `folder`; None where there is no compiler."""
    made = os.environ.get(PROGRAMS_VARIABLE)
    if made:
        return Path(made, name)
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = folder / name
    if not program.exists():
        subprocess.run([compiler, "-O2", *options, "-o", program, HERE / f"{name}.c"], check=True)
    return program


def environment() -> dict[str, str]:
    """For commands of this checkout, without a configuration of the person who runs them."""
    chosen = {key: value for key, value in os.environ.items() if key != "CAMGUARD_CONFIG"}
    return {**chosen, "PYTHONPATH": str(ROOT)}


def wall_ms(command: Sequence[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command to its end: how long that took as a whole, in milliseconds, and what it said."""
    begun = time.perf_counter_ns()
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    return (time.perf_counter_ns() - begun) / 1e6, done


def compete(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    """Run commands in turn, so that whatever else the machine does meets all of them alike; milliseconds each.

    Raises RuntimeError where one does not end with 0.
    """
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            taken, done = wall_ms(command)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
            if turn:  # the first fills the caches
                times[name].append(taken)
    return times


@contextmanager
def crowd(program: Path, total: int, descriptors: int = 5) -> Iterator[int]:
    """As many sleeping processes as make `total` of all, with `descriptors` each; yields how many there are really."""
    wanted = total - processes() - 1
    if wanted <= 0:
        yield processes()
        return
    command = [str(program), str(wanted), str(descriptors - 3)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sleepers:
        assert sleepers.stdout is not None
        if sleepers.stdout.readline() != "ready\n":
            raise RuntimeError(f"{total} processes are more than this machine allows")
        yield processes()


@contextmanager
def holder(program: Path, node: Path) -> Iterator[int]:
    """A process that holds the node; yields its pid."""
    command = [str(program), "told", str(node)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("o")
        process.stdin.flush()
        process.stdout.readline()
        yield process.pid
