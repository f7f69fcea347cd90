"""Has a guard at work while the machine sleeps, and while its clock is set, and prints what it wrote down of each.

Runs in a machine of its own, which is not to be used afterwards: its shared folders do not survive the sleep, so that
everything is loaded, and the guard's files are elsewhere, before.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import msgspec

from camguard import config
from camguard.compose import open_guard
from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS
from camguard.core.records import line

SLEEP_S, AHEAD_S = 15, 3600
PATIENCE_S = 60.0
_SETTINGS = """\
[journal]
path = "{0}/journal.db"
[rules]
file = "{0}/rules.toml"
"""


async def main(folder: Path) -> None:
    """Three lines: how many seconds the machine slept, the records of that, and of the clock that was set."""
    file = folder / "config.toml"
    file.write_text(_SETTINGS.format(folder))
    guard = open_guard(config.read(file))
    told: asyncio.Queue[Report] = asyncio.Queue()
    guard.listen(told.put_nowait)
    async with asyncio.TaskGroup() as parts:
        parts.create_task(guard.run())
        await _next(told, Kind.GUARD_STARTED)
        command, before = ("rtcwake", "-m", "mem", "-s", str(SLEEP_S)), _asleep_s()
        rtcwake = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        await rtcwake.wait()
        print(_asleep_s() - before, flush=True)
        _say(await _next(told, Kind.MACHINE_SLEPT))
        time.clock_settime(time.CLOCK_REALTIME, time.time() + AHEAD_S)
        _say(await _next(told, Kind.CLOCK_CHANGED))
        await asyncio.Event().wait()


def _asleep_s() -> float:
    """How long the machine has slept since it was started; see clock_gettime(2)."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()) / NANOSECONDS


async def _next(told: asyncio.Queue[Report], kind: Kind) -> Report:
    """Wait for the next report of a kind; what comes before it is let go by."""
    async with asyncio.timeout(PATIENCE_S):
        while (report := await told.get()).kind is not kind:
            pass
        return report


def _say(report: Report) -> None:
    print(msgspec.json.encode(line(report)).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(tempfile.mkdtemp(dir="/run"))))
