"""``python -m camguard.service``: what the system starts. The command line for people is ``camguard service``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from camguard import __version__
from camguard.config import SOCKET_PATH, SYSTEM_FOLDER, SYSTEM_STATE
from camguard.errors import CamguardError
from camguard.service import logs, memory
from camguard.service.notify import Notifier
from camguard.service.runner import Service
from camguard.service.settings import ConfigFile

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005
"""How long a thread that has work waits for another to let it."""

THREADS = 4
"""How many threads do what blocks, beside those that the guard has for itself."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    given = _parser().parse_args(arguments)
    logs.begin()
    memory.begin_frugally()
    # Between an open and the end of a blocked program the work goes through four threads, each of which may meet
    # another at work: by default it would wait 5 ms for it every time.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        asyncio.run(_serve(given.config, given.state, given.socket))
    except CamguardError as error:
        log.critical("camguard: %s", error)
        return error.exit_code
    except Exception:
        log.exception("the service failed, and ends")
        return 1
    return 0


async def _serve(config: Path, state: Path, socket: Path) -> None:
    # Two or three are at work at once, whatever the number of processors; each costs its stack.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "camguard"))
    await Service(ConfigFile(config, state), socket, Notifier()).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m camguard.service",
        description="The camguard service, as the system starts it. SIGHUP: read the configuration. SIGTERM: stop.",
        epilog="Exit codes: 0 told to stop; 1 it cannot guard here, or another guard does; 2 wrong usage.",
    )
    parser.add_argument("--config", type=Path, default=SYSTEM_FOLDER / "config.toml", help="default: %(default)s")
    parser.add_argument("--state", type=Path, default=SYSTEM_STATE, help="where the last good configuration is kept")
    parser.add_argument("--socket", type=Path, default=SOCKET_PATH, help="where to listen; default: %(default)s")
    parser.add_argument("--version", action="version", version=f"camguard {__version__}")
    return parser
