"""The service is killed two hundred times in a storm: what it answered and told is in the log, and nothing is half."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from camguard.core.power import Power
from camguard.ipc.client import Client, connect
from tests.support.crashlog import Span, check, settled
from tests.support.service_stage import ServiceStage
from tests.support.storm import Storm

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest -m long"),
]

KILLS = int(os.environ.get("CAMGUARD_KILLS", "200"))
UNREADY = 0.25
"""The share of kills while the service is starting."""
STARTING_S, LIVING_S = 0.5, 0.35
PROGRAMS = ("one.py", "two.py", "spy.py")
_USES = """\
import mmap, random, sys, time
dice = random.Random(int(sys.argv[2]))
while True:
    try:
        with open(sys.argv[1], "rb") as camera:
            if dice.random() < 0.6:
                with mmap.mmap(camera.fileno(), 0, access=mmap.ACCESS_READ):
                    time.sleep(dice.random() * 0.2)
            else:
                time.sleep(dice.random() * 0.1)
    except FileNotFoundError:
        pass
    time.sleep(dice.random() * 0.2)
"""


class Programs:
    """Programs that open the camera, map it and let it go at random; the last of them is one that a rule blocks."""

    def __init__(self, stage: ServiceStage, dice: random.Random, cleanup: ExitStack) -> None:
        self._stage, self._dice, self._cleanup = stage, dice, cleanup
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.ended = 0
        for name in PROGRAMS:
            (stage.folder / name).write_text(_USES)

    def keep_up(self) -> None:
        """Start those that do not run: the first time, and after the service has ended one."""
        for name in PROGRAMS:
            process = self._running.get(name)
            if process is not None and process.poll() is None:
                continue
            self.ended += process is not None
            seed = str(self._dice.randrange(2**32))
            command = [sys.executable, str(self._stage.folder / name), str(self._stage.node), seed]
            self._running[name] = self._cleanup.enter_context(subprocess.Popen(command))
            self._cleanup.callback(self._running[name].kill)


@pytest.fixture
def stage() -> Iterator[ServiceStage]:
    with tempfile.TemporaryDirectory(prefix="camguard-") as folder:
        stage = ServiceStage(Path(folder))
        blocked = f'[[rule]]\nid = "spy"\neffect = "block"\napp = "script:{folder}/spy.py"\n'
        stage.rules.write_text(blocked)
        try:
            yield stage
        finally:
            stage.close()


def client_of(stage: ServiceStage) -> Client | None:
    return connect(stage.socket, trusted_uids=frozenset({os.getuid()}))


def _power(stage: ServiceStage) -> Power:
    return Power.ON if stage.node.exists() else Power.OFF


def _kill(stage: ServiceStage) -> Span:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    stage.kill()
    return before, time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _end(stage: ServiceStage) -> None:
    if stage.process is not None:
        stage.kill()


def test_two_hundred_kills(stage: ServiceStage) -> None:
    seed = int(os.environ.get("CAMGUARD_SEED") or random.randrange(2**32))
    print(f"seed {seed}")
    dice = random.Random(seed)
    kills: list[Span] = []
    storm = Storm(lambda: client_of(stage), stage.journal, random.Random(dice.random()))
    with ExitStack() as cleanup:
        programs = Programs(stage, dice, cleanup)
        stage.start()
        storm.start()
        cleanup.callback(storm.end)
        cleanup.callback(_end, stage)
        while len(kills) < KILLS:
            programs.keep_up()
            storm.blow()
            time.sleep(dice.random() * LIVING_S)
            kills.append(_kill(stage))
            storm.lull()
            while dice.random() < UNREADY and len(kills) < KILLS:
                stage.launch()
                time.sleep(dice.random() * STARTING_S)
                kills.append(_kill(stage))
            stage.start()
            settled(stage.journal, storm.ledger, kills, lambda: _power(stage))
        code, said = stage.stop()
        assert code == 0, said
        found = check(stage.journal, storm.ledger, kills, over=True)
    ledger = storm.ledger
    print(
        f"{len(kills)} kills, {ledger.calls} calls ({ledger.unanswered} unanswered), {len(ledger.told)} entries told, "
        f"{len(ledger.answered)} answered for, {len(found)} in the log, blocked uses ended {programs.ended} times"
    )
    assert ledger.unanswered > KILLS // 20
    assert programs.ended > KILLS // 20
    assert len(ledger.told) > KILLS
