"""How long a webcam takes to go off and to come back, beside the same writes by a shell, and when its last frame came.

It switches a camera off, so it runs in the test machine alone, on the webcam there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from camguard.core.model import Outcome, Result
from camguard.core.power import Method, Plan
from camguard.platform.linux.cameras import UdevCameras
from camguard.platform.linux.switch import LinuxSwitch
from camguard.ports import Tell
from tests.bench.programs import Scope
from tests.bench.report import Finding, Peer, Target, median, row
from tests.support.guest import CAPTURE, WEBCAM, WEBCAM_LINK, Program, light, settle, until, webcam

NEEDS_MACHINE = "switch: run tests/system/vm/vm run --uvc -- python3 -m tests.bench --only switch"
LAST_FRAME_MS = 100
# A built-in echo and bash's own clock: nothing is started for a write.
SHELL = r"""
while read -r word; do
    begun=$EPOCHREALTIME
    case $word in
        off) echo 0 >"$1/authorized"; echo 0 >"$2/authorized";;
        on) echo 1 >"$1/authorized"; echo 1 >"$2/authorized"; echo "${1##*/}" >/sys/bus/usb/drivers_probe;;
    esac
    over=$EPOCHREALTIME
    echo "$((${over/./} - ${begun/./}))"
done
"""
WRITES = {"off": "echo 0 >authorized (both) by a shell", "on": "echo 1 (both), drivers_probe by a shell"}

Act = Callable[[Plan, Tell], Outcome]


def run(scope: Scope) -> Finding:
    """While nobody uses the webcam, then while a program captures."""
    if os.environ.get("CAMGUARD_GUEST") != "1" or os.geteuid() != 0 or not WEBCAM_LINK.exists():
        return Finding(missing=[NEEDS_MACHINE])
    bench = _Bench()
    bench.idle(scope.pick(60, 10))
    bench.capturing(scope.pick(30, 5))
    return bench.finding


class _Bench:
    def __init__(self) -> None:
        self.finding = Finding()
        self._source = UdevCameras()
        self._switch = LinuxSwitch(self._source)

    def idle(self, rounds: int) -> None:
        """The shell and the switch take turns."""
        lowest: dict[str, list[float]] = {"off": [], "on": []}
        taken: dict[str, list[float]] = {"off": [], "on": []}
        plan = self._plan()
        acts: dict[str, tuple[Act, Result]] = {
            "off": (self._switch.off, Result.OFF),
            "on": (self._switch.on, Result.ON),
        }
        with _shell(plan) as echo:
            for _ in range(rounds):
                for word in acts:
                    lowest[word].append(echo(word))
                    _settle(plugged=word == "on")
                for word, (act, wanted) in acts.items():
                    taken[word].append(self._timed(act, plan, wanted))
                    _settle(plugged=word == "on")
        for word, writes in WRITES.items():
            peer = Peer("shell", median(lowest[word]))
            self.finding.rows.append(row(writes, "ms", lowest[word]))
            self.finding.rows.append(row(f"switch {word}, with its checks", "ms", taken[word], peer))

    def capturing(self, rounds: int) -> None:
        """From the call to the last frame that reached the program; 0 where none came after the call."""
        taken, last = [], []
        for _ in range(rounds):
            plan = self._plan()
            with _capture() as program:
                program.wait_word("frames")
                begun = time.monotonic_ns()
                taken.append(self._timed(self._switch.off, plan, Result.OFF))
                program.wait()
                until("the light goes out", lambda: not light())
                last.append(max(0, program.last_frame_at - begun) / 1e6)
            self._timed(self._switch.on, plan, Result.ON)
            _settle(plugged=True)
        self.finding.rows.append(row("switch off while a program captures", "ms", taken))
        worst = max(last)
        self.finding.expect(worst <= LAST_FRAME_MS, f"a frame came {worst:.0f} ms after the call")
        target = Target(f"none after {LAST_FRAME_MS} ms", worst <= LAST_FRAME_MS)
        self.finding.rows.append(
            row("off -> last frame of that program", "ms", last, None, target, f"the latest came after {worst:.1f} ms")
        )

    def _plan(self) -> Plan:
        camera = next(camera for camera in self._source.cameras() if camera.name == WEBCAM)
        return next(plan for plan in self._switch.plans(camera) if plan.method is Method.INTERFACES)

    def _timed(self, act: Act, plan: Plan, wanted: Result) -> float:
        """The milliseconds that it takes; a wrong result is a fault."""
        begun = time.monotonic_ns()
        outcome = act(plan, lambda _: None)
        taken = (time.monotonic_ns() - begun) / 1e6
        self.finding.expect(outcome.result is wanted, f"{wanted}: it was {outcome.result}, {outcome.why}")
        return taken


def _settle(*, plugged: bool) -> None:
    """Wait until udev is done, so that its work is in nobody's time."""
    until("udev follows", lambda: WEBCAM_LINK.exists() is plugged)
    settle()


@contextmanager
def _shell(plan: Plan) -> Iterator[Callable[[str], float]]:
    """A shell that writes "off" or "on" when it is told to, and says how many milliseconds that took."""
    command = ["bash", "-c", SHELL, "bash", *(part.path for part in plan.parts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        reads, writes = process.stdout, process.stdin
        assert reads is not None
        assert writes is not None

        def echo(word: str) -> float:
            writes.write(f"{word}\n")
            writes.flush()
            return int(reads.readline()) / 1e3

        yield echo


@contextmanager
def _capture() -> Iterator[Program]:
    command = [sys.executable, str(CAPTURE), "mmap", str(webcam()), "--every", "1"]
    program = Program(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    try:
        yield program
    finally:
        program.close()
