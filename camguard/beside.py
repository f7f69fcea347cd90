"""What runs beside the service in a unit of its own: the command line and the exit codes that all of them have."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from camguard.config import SOCKET_PATH, SYSTEM_FOLDER, Config, read_or_defaults
from camguard.errors import CamguardError
from camguard.service import logs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One such part, of the package `camguard.<name>`, whose configuration is the section of that name.

    `serve` works until SIGTERM or SIGINT, with the guard at the socket it is given (None: wherever one is). It raises
    CamguardError where it cannot. `wanted` says whether the configuration has anything for it to do, `without` what
    there is not where it has not.
    """

    name: str
    does: str
    without: str
    wanted: Callable[[Config], bool]
    serve: Callable[[Config, Path | None], None]


def run(part: Part, arguments: Sequence[str] | None = None) -> int:
    """Do its work until told to stop; returns the exit code."""
    given = _parser(part).parse_args(arguments)
    logs.begin()
    try:
        config = read_or_defaults(given.config)
        if not part.wanted(config):
            log.info(
                "the configuration names no %s, so there is nothing to do; see [%s] in the README",
                part.without,
                part.name,
            )
            return 0
        part.serve(config, given.socket)
    except CamguardError as error:
        log.critical("camguard: %s", error)
        return error.exit_code
    return 0


def _parser(part: Part) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m camguard.{part.name}",
        description=f"{part.does} SIGTERM: stop.",
        epilog=f"Exit codes: 0 told to stop, or there is no {part.without}; 2 the configuration cannot be used.",
    )
    parser.add_argument("--config", type=Path, default=SYSTEM_FOLDER / "config.toml", help="default: %(default)s")
    parser.add_argument("--socket", type=Path, help=f"the guard's socket; default: {SOCKET_PATH}")
    return parser
