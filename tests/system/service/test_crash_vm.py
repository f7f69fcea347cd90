"""The installed service is killed again and again, over a real camera, and systemd starts it again each time."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.config import SOCKET_PATH
from camguard.core.power import Power
from camguard.ipc.client import connect
from tests.support.crashlog import Span, check, settled
from tests.support.guest import WEBCAM, WEBCAM_LINK, Desk, Program, until
from tests.support.installed import JOURNAL, FromWheel, show
from tests.support.storm import Storm

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("CAMGUARD_KILLS", "12"))
LIVING_S = 2.0
_RESTART = Path("/run/systemd/system/camguard.service.d/soon.conf")


@pytest.fixture
def service() -> Iterator[None]:
    """Installed, and started again sooner than it is in earnest."""
    with tempfile.TemporaryDirectory(prefix="wheel-", dir="/opt") as folder:
        Path(folder).chmod(0o755)
        wheel = FromWheel(Path(folder), Path(os.environ["CAMGUARD_WHEEL"]))
        _RESTART.parent.mkdir(parents=True)
        _RESTART.write_text("[Service]\nRestartSec=100ms\n")
        try:
            done = wheel.run("service", "install")
            assert done.returncode == 0, done.stderr
            yield
        finally:
            wheel.run("service", "uninstall", "--purge", "--yes")
            _RESTART.unlink()
            _RESTART.parent.rmdir()


def _kill() -> Span:
    """Kill it, and wait until it is back; when it was killed."""
    pid = show("MainPID")
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    subprocess.run(["systemctl", "kill", "--signal=KILL", "camguard.service"], check=True)
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    # In this order: active may be what it was before it was killed.
    until("it is back", lambda: show("MainPID") not in {"0", pid} and show("ActiveState") == "active")
    return before, after


def _power() -> Power:
    return Power.ON if WEBCAM_LINK.exists() else Power.OFF


class Users:
    """Somebody always wants the camera: who loses it comes again as soon as it is there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._program: Program | None = None

    def keep_up(self) -> None:
        """Start a capture where none goes on and the camera is there."""
        over = self._program is None or self._program.process.poll() is not None
        if over and WEBCAM_LINK.exists():
            try:
                self._program = self._desk.program("mmap", user="kid")
            except FileNotFoundError:  # switched off in this very moment
                self._program = None


def test_killed_again_and_again_it_keeps_its_word(service: None, desk: Desk) -> None:
    seed = int(os.environ.get("CAMGUARD_SEED") or random.randrange(2**32))
    print(f"seed {seed}")
    dice = random.Random(seed)
    kills: list[Span] = []
    storm = Storm(lambda: connect(SOCKET_PATH), JOURNAL, random.Random(dice.random()), WEBCAM)
    users = Users(desk)
    storm.start()
    try:
        while len(kills) < KILLS:
            users.keep_up()
            storm.blow()
            time.sleep(dice.random() * LIVING_S)
            kills.append(_kill())
            storm.lull()
            settled(JOURNAL, storm.ledger, kills, _power)
    finally:
        subprocess.run(["systemctl", "stop", "camguard-udev.socket", "camguard.service"], check=True)
        storm.end()
    found = check(JOURNAL, storm.ledger, kills, over=True)
    ledger = storm.ledger
    print(
        f"{len(kills)} kills, {ledger.calls} calls ({ledger.unanswered} unanswered), {len(ledger.told)} entries told, "
        f"{len(ledger.answered)} answered for, {len(found)} in the log"
    )
    assert len(ledger.answered) > KILLS // 2
    assert len(ledger.told) > KILLS
