"""Following cameras by /dev where no udev runs, and how bursts of events become one call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from camguard.errors import SensorError
from camguard.platform.linux.cameras import UdevCameras, _Settled

PATIENCE_S = 20


def follow(dev: Path, story: list[str]) -> list[int]:
    """Make or remove the files of a story one after the other; how many calls came by the end of each."""

    async def run() -> list[int]:
        told = asyncio.Event()
        calls = 0

        def changed() -> None:
            nonlocal calls
            calls += 1
            told.set()

        counts = []
        stop = UdevCameras(str(dev), udev_control=str(dev / "no-udev")).follow(changed)
        for name in story:
            path = dev / name.removeprefix("-")
            if name.startswith("-"):
                path.unlink()
            else:
                path.touch()
            if "video" in name:
                await asyncio.wait_for(told.wait(), PATIENCE_S)
                told.clear()
            counts.append(calls)
        stop()
        return counts

    return asyncio.run(run())


def test_nodes_that_come_and_go_are_told(tmp_path: Path) -> None:
    assert follow(tmp_path, ["video0", "-video0"])[-1] >= 2


def test_other_devices_are_not(tmp_path: Path) -> None:
    assert follow(tmp_path, ["null", "ttyS0", "-null"]) == [0, 0, 0]
    assert follow(tmp_path, ["null", "ttyS0", "video1"]) == [0, 0, 1]


def test_where_nothing_can_be_watched_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="cannot be watched"):
        follow(tmp_path / "missing", [])


def test_a_burst_of_hints_is_one_call() -> None:
    async def burst() -> int:
        calls = 0
        called = asyncio.Event()

        def call() -> None:
            nonlocal calls
            calls += 1
            called.set()

        settled = _Settled(asyncio.get_running_loop(), call)
        for _ in range(100):
            settled.hint()
        await asyncio.wait_for(called.wait(), PATIENCE_S)
        return calls

    assert asyncio.run(burst()) == 1


def test_after_the_stop_nothing_is_told() -> None:
    async def late() -> None:
        settled = _Settled(asyncio.get_running_loop(), lambda: pytest.fail("told after the stop"))
        settled.hint()
        settled.stop()
        settled.hint()
        await asyncio.sleep(0.1)

    asyncio.run(late())
