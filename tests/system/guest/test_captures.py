"""No capture is missed: random ones, short and long, in each way there is, by root and by a user, several at once.

``CAMGUARD_CAPTURES`` says how many (500 to be sure of it), ``CAMGUARD_VIVIDS`` how many there are at once beside the
webcam's; ``CAMGUARD_SEED`` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.guest import Desk, settle, webcam

pytestmark = pytest.mark.system

CAPTURES = int(os.environ.get("CAMGUARD_CAPTURES", "60"))
SEED = int(os.environ.get("CAMGUARD_SEED") or random.randrange(1 << 32))
PROGRAM = "CAMGUARD_CAPTURE_PROGRAM"
SHORTEST_S, LONGEST_S = 0.05, 5.0
VIVIDS = int(os.environ.get("CAMGUARD_VIVIDS", "1"))
USUAL = ("n_devs=1", "node_types=0x1")
"""What the machine has vivid loaded with: see tests/system/vm/vm."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One capture that is to be made; `program` is a name of its own, so that it is an app of its own."""

    number: int
    mode: str
    user: str
    node: Path
    seconds: float

    @property
    def program(self) -> str:
        return f"capture-{self.number:03}-{self.mode}-{self.user}"


@dataclass(frozen=True, slots=True)
class Made:
    """A capture that was made, and how many pictures the program got."""

    plan: Plan
    frames: int
    lasted_s: float


def _load_vivid(*options: str) -> None:
    subprocess.run(["modprobe", "-r", "vivid"], check=True)
    subprocess.run(["modprobe", "vivid", *options], check=True)
    settle()


def _nodes_of(driver: str) -> list[Path]:
    found = Path("/sys/class/video4linux").glob("video*")
    return sorted(Path("/dev", each.name) for each in found if driver in (each / "name").read_text())


@pytest.fixture
def vivids() -> Iterator[list[Path]]:
    """Several cameras of vivid, one for each that captures at a time."""
    _load_vivid(f"n_devs={VIVIDS}", f"node_types={','.join(['0x1'] * VIVIDS)}")
    yield _nodes_of("vivid")
    _load_vivid(*USUAL)


@pytest.fixture
def table(vivids: list[Path], desk: Desk) -> Desk:
    """The table, cleared before the cameras are taken away."""
    assert len(vivids) == VIVIDS
    return desk


def plans(chance: random.Random, nodes: list[Path]) -> list[Plan]:
    """Captures of every kind; the shorter, the more of them, since those are the hard ones."""
    ways = [(mode, user) for mode in ("mmap", "userptr", "read") for user in ("root", "kid")]
    made = []
    for number in range(CAPTURES):
        mode, user = ways[number % len(ways)]
        # The webcam's driver refuses read().
        node = chance.choice(nodes if mode != "read" else nodes[1:])
        seconds = SHORTEST_S * (LONGEST_S / SHORTEST_S) ** chance.random()
        made.append(Plan(number, mode, user, node, seconds))
    chance.shuffle(made)
    return made


def capture(desk: Desk, plan: Plan) -> Made:
    """Make one capture."""
    program = desk.folder / plan.program
    program.hardlink_to(desk.folder / "capture")
    begun = time.monotonic()
    done = desk.account(plan.user).run(program, plan.mode, plan.node, str(round(plan.seconds * 1000)))
    assert done.returncode == 0, f"{plan}: {done.stderr}"
    return Made(plan, int(done.stdout.split()[1]), time.monotonic() - begun)


def lane(desk: Desk, given: list[Plan]) -> list[Made]:
    """One camera's captures, one after another."""
    return [capture(desk, plan) for plan in given]


def wrong(made: Made, records: list[dict[str, Any]]) -> str | None:
    """What the log gets wrong about a capture; None where it has it."""
    captures = [record for record in records if record["capture"] is not None]
    if not captures:
        told = [(record["state"], record["capture"], record["frames"], record["duration_ms"]) for record in records]
        return f"no capture in {told}"
    record = captures[0]
    if str(made.plan.node) not in record["camera"]["nodes"] or record["process"]["user"] != made.plan.user:
        return f"another's: {record['camera']['nodes']}, {record['process']['user']}"
    return None


def nameless(logged: dict[Made, list[dict[str, Any]]], unnamed: list[dict[str, Any]]) -> set[Made]:
    """The captures by processes that were gone before it could be read who they were.

    Fails where not all of their pictures are in the log as those of an unknown process.
    """
    found = {made for made, records in logged.items() if not records}
    pictures = sum(made.frames for made in found)
    told = sum(record["frames"] or 0 for record in unnamed)
    assert pictures <= told, f"{pictures} pictures of {len(found)} that are not named, of which {told} are in the log"
    return found


def summary(made: dict[Made, list[dict[str, Any]]]) -> str:
    """What was made, and by what the log says that it was proven."""
    last = [(each, found[-1]) for each, found in made.items() if found]
    proofs = Counter(f"{each.plan.mode} by {record['capture']}" for each, record in last)
    exact = sum(record["frames"] == each.frames for each, record in last)
    split = sum(len(found) > 1 for found in made.values())
    mean_s = sum(each.plan.seconds for each in made) / len(made)
    return (
        f"CAMGUARD_SEED={SEED}: {len(made)} captures, {sum(each.frames for each in made)} pictures, "
        f"{min(each.plan.seconds for each in made):.3f} to {max(each.plan.seconds for each in made):.1f} s, "
        f"mean {mean_s:.2f} s; {dict(sorted(proofs.items()))}; pictures counted exactly in {exact}, "
        f"told as more than one in {split}"
    )


def test_no_capture_is_missed(table: Desk) -> None:
    nodes = [webcam(), *_nodes_of("vivid")]
    shutil.copy(os.environ[PROGRAM], table.folder / "capture")
    watch = table.watch(on=(webcam(), nodes[1]))  # vivid's are one camera
    for user in ("root", "kid"):
        table.account(user)
    planned = plans(random.Random(SEED), nodes)
    lanes = [[plan for plan in planned if plan.node == node] for node in nodes]
    with ThreadPoolExecutor(len(nodes)) as pool:
        made = [each for part in pool.map(lambda given: lane(table, given), lanes) for each in part]
    assert len(made) == CAPTURES
    # A look that begins after all of them, and is over last.
    table.glance(watch, "after")
    records: dict[str, list[dict[str, Any]]] = {}
    for line in table.camguard("log", "--limit", "0", "--json").stdout.splitlines():
        record = json.loads(line)
        records.setdefault(record["process"]["exe"] or "", []).append(record)
    logged = {each: records.get(str(table.folder / each.plan.program), []) for each in made}
    print(summary(logged))
    unnamed = nameless(logged, [record for record in records.get("", []) if record["capture"] is not None])
    print(f"of which {len(unnamed)} are by an unknown process")
    missed = [f"{each}: {why}" for each in set(logged) - unnamed if (why := wrong(each, logged[each])) is not None]
    assert not missed, "\n".join([summary(logged), f"{len(missed)} missed:", *missed])
