"""The process that runs hooks: it follows the guard as any other client does, and runs what the configuration says."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camguard.beside import Part, run
from camguard.config import Config
from camguard.core.records import Record
from camguard.follow import Follower, find_guard
from camguard.hooks.runner import Runner
from camguard.hooks.running import Hands, adopt_orphans
from camguard.hooks.trial import TrialServer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ear:
    """Passes on from the follower's thread to the loop's."""

    loop: asyncio.AbstractEventLoop
    runner: Runner

    def begun(self, status: Record) -> None:
        """Nothing is run for what was before."""

    def told(self, record: Record) -> None:
        """See `camguard.follow.Hearer`."""
        self.loop.call_soon_threadsafe(self.runner.offer, record)

    def gone(self) -> None:
        """Nothing is run for that."""


async def serve(config: Config, socket: Path | None, environ: Mapping[str, str] = os.environ) -> None:
    """Run the hooks of a configuration until SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    adopt_orphans()
    hands = Hands()
    runner = Runner(config.hooks, config.source, hands)
    follower = Follower(lambda: find_guard(socket), _Ear(loop, runner))
    running = asyncio.create_task(runner.run())
    trials = TrialServer(config, hands, environ.get("RUNTIME_DIRECTORY"))
    await trials.start()
    follower.start()
    log.info("hooks: %s", ", ".join(hook.name for hook in config.hooks))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(follower.stop)
    await trials.close()
    if running.done():
        running.result()
    running.cancel()
    stopping.cancel()
    await asyncio.wait({running})


PART = Part(
    name="hooks",
    does="Runs the programs that [hooks] names when something happens.",
    without="hook",
    wanted=lambda config: bool(config.hooks),
    serve=lambda config, socket: asyncio.run(serve(config, socket)),
)


def main(arguments: list[str] | None = None) -> int:
    """Run hooks until told to stop; returns the exit code."""
    return run(PART, arguments)
