"""How long a blocked program has a camera: from its open() to its end, beside a C program that ends whoever opens one.

It is measured in the test machine, on the webcam there, with the service at work; elsewhere that machine is started.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from camguard.core.events import Kind
from camguard.core.model import AppIdentity, AppKind, Effect, Rule
from camguard.errors import CamguardError
from camguard.ipc.client import connect
from camguard.journal.queries import Reader
from camguard.rulebook import RuleBook
from tests.bench.programs import NO_COMPILER, PROGRAMS_VARIABLE, Scope, compiled
from tests.bench.report import Finding, Peer, Row, Target, median, row
from tests.support import vm
from tests.support.guest import until, webcam

MEDIAN_MS = 30
LINGER_S = 0.2
PACKAGED = Path("/usr/bin/v4l2-sysfs-path")
"""A program of the package v4l-utils; the machine's copy of it is put aside for one that says when it opened."""

_PROGRAMS = ("blocked", "floor")
_OPENS = """\
import os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
os.open(sys.argv[1], os.O_RDWR)
print(time.monotonic_ns(), flush=True)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
time.sleep(600)
"""


def run(scope: Scope) -> Finding:
    """The floor, then the kinds of program in turn, so that what else the machine does meets all of them."""
    if not vm.IN_GUEST:
        return _in_the_machine(scope)
    blocked, floor = (compiled(name, scope.folder) for name in _PROGRAMS)
    if blocked is None or floor is None:
        return Finding(missing=[NO_COMPILER])
    finding = Finding()
    bench = _Bench(scope, blocked, finding)
    lowest = bench.floor(floor, scope.pick(60, 10))
    finding.rows.append(row("C fanotify, SIGTERM at once: open -> gone", "ms", lowest))
    peer = Peer("C fanotify", median(lowest))
    for what, taken in bench.service(scope.pick(40, 10)).items():
        target = Target(f"median <= {MEDIAN_MS} ms", median(taken) <= MEDIAN_MS)
        finding.rows.append(row(f"block: {what}", "ms", taken, peer, target, f"the first of it took {taken[0]:.1f} ms"))
    return finding


def _in_the_machine(scope: Scope) -> Finding:
    """Start the machine, with programs made here, and take what it found."""
    why = vm.missing()
    if why is not None:
        return Finding(missing=[f"block: {why}"])
    with tempfile.TemporaryDirectory(prefix="camguard-block-") as folder:
        made = [compiled(name, Path(folder), "-static") for name in _PROGRAMS]
        if None in made:
            return Finding(missing=[NO_COMPILER])
        found = Path(folder, "found.json")
        command = ["python3", "-m", "tests.bench", "--only", "block", "--json", str(found)]
        options = ("--uvc", "--timeout", "900", "--rw", folder)
        quick = ["--quick"] if scope.quick else []
        # Threads that hand work on wait by the kernel's timers. In the tests' machine those are as coarse as its tick,
        # so that it never locks up; here they have to be as fine as they are elsewhere.
        machine = vm.start(
            *options, "--", "env", f"{PROGRAMS_VARIABLE}={folder}", *command, *quick, kernel="highres=on"
        )
        _, said = machine.communicate()
        if not found.exists():
            raise RuntimeError(f"the machine found nothing: {said}")
        told = json.loads(found.read_text())["benches"]["block"]
    return Finding([_row(record) for record in told["rows"]], told["faults"], told["missing"])


def _row(record: dict[str, object]) -> Row:
    peer, target = record.pop("peer"), record.pop("target")
    record.pop("ratio")
    return Row(
        **record,  # type: ignore[arg-type]  # as `asdict` made it
        peer=Peer(**peer) if isinstance(peer, dict) else None,
        target=Target(**target) if isinstance(target, dict) else None,
    )


class _Bench:
    def __init__(self, scope: Scope, blocked: Path, finding: Finding) -> None:
        self._finding = finding
        self._folder = Path(tempfile.mkdtemp(prefix="block-", dir="/root"))  # no place that packages put programs in
        self._watcher = blocked
        own = self._folder / "own"
        script = self._folder / "script.py"
        script.write_text(_OPENS)
        for program in (own, PACKAGED):
            shutil.copy(blocked, program)
        node = str(webcam())
        self._programs: dict[str, tuple[AppIdentity, Sequence[str]]] = {
            "an executable of its own": (_app(AppKind.EXECUTABLE, own), (str(own), "open", node)),
            "a script": (_app(AppKind.SCRIPT, script), (sys.executable, str(script), node)),
            "a packaged program": (
                AppIdentity(AppKind.PACKAGE, "v4l-utils", str(PACKAGED)),
                (str(PACKAGED), "open", node),
            ),
        }

    def floor(self, floor: Path, rounds: int) -> list[float]:
        """By the C program."""
        with subprocess.Popen([floor, webcam(), "end"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("the C fanotify program did not start")
            command = self._programs["an executable of its own"][1]
            return [self._once(command) for _ in range(rounds)]

    def service(self, rounds: int) -> dict[str, list[float]]:
        """By the service, whose rules block all three."""
        taken: dict[str, list[float]] = {what: [] for what in self._programs}
        with _service(self._folder, [app for app, _ in self._programs.values()]) as over:
            for done in range(rounds):
                for number, (what, (_, command)) in enumerate(self._programs.items()):
                    taken[what].append(self._once(command))
                    # Until it is all over: each is a use of its own, and no work for one is in another's time.
                    until("the use is over", lambda: over() > done * len(self._programs) + number)  # noqa: B023
        return taken

    def _once(self, command: Sequence[str]) -> float:
        """Milliseconds from an open to the end of whoever opened."""
        done = subprocess.run([self._watcher, "watch", *command], stdout=subprocess.PIPE, text=True, check=True)
        ns, number = map(int, done.stdout.split())
        self._finding.expect(number == 15, f"{command[0]} was ended by signal {number}")
        return ns / 1e6


def _app(kind: AppKind, path: Path) -> AppIdentity:
    return AppIdentity(kind, str(path), str(path))


@contextmanager
def _service(folder: Path, blocked: Sequence[AppIdentity]) -> Iterator[Callable[[], int]]:
    """The service on files of its own; yields what says how many uses are over."""
    journal, socket, config = folder / "journal.db", folder / "socket", folder / "config.toml"
    config.write_text(
        f'[journal]\npath = "{journal}"\n[rules]\nfile = "{folder}/rules.toml"\n[detection]\nlinger = "{LINGER_S}s"\n'
    )
    book = RuleBook(folder / "rules.toml")
    for app in blocked:
        book.add(Rule("", Effect.BLOCK, app))
    given = ("--config", config, "--state", folder, "--socket", socket)
    command = [sys.executable, "-X", "no_debug_ranges", "-m", "camguard.service", *map(str, given)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stderr=log) as process,
    ):
        try:
            until("the service answers", lambda: process.poll() is not None or _answers(socket))
            if process.poll() is not None:
                raise RuntimeError(f"the service ended: {(folder / 'log').read_text()}")
            with Reader(journal) as reader:
                yield lambda: len(reader.entries(0, (Kind.ENDED, Kind.PROBE)))
        finally:
            process.terminate()


def _answers(socket: Path) -> bool:
    with suppress(CamguardError):
        client = connect(socket)
        if client is not None:
            client.close()
            return True
    return False
