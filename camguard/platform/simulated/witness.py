"""What a process has, by what every operating system has, through psutil."""

from __future__ import annotations

import os
from typing import Any

import psutil

from camguard.core.belongings import MAX_FILES, MAX_SOCKETS, Belongings, Endpoint, Kept
from camguard.core.model import Process
from camguard.platform.keepsake import Keepsakes, keep_all
from camguard.platform.simulated.processes import parents_of, same
from camguard.ports import Gathered, OpenProgram

_BINARY: int = getattr(os, "O_BINARY", 0)


class SimulatedWitness:
    """Looks at a process; blocking, and safe in several threads. `keepsakes` keeps copies; None: none are kept."""

    def __init__(self, keepsakes: Keepsakes | None = None) -> None:
        self._keepsakes = keepsakes

    def gather(self, process: Process, within_s: float) -> Gathered:  # noqa: ARG002  # psutil cannot be given a time
        """See `camguard.ports.Witness.gather`."""
        if process.identity is None:
            return Gathered(Belongings(process, why="it is not known which process this was"))
        found = same(process.identity)
        if found is None:
            return Gathered(Belongings(process, why="it had ended"))
        programs = self._programs(process) if self._keepsakes is not None else ()
        try:
            return Gathered(_belongings(process, found), programs)
        except psutil.Error as error:
            return Gathered(Belongings(process, why=f"it could not be looked at: {type(error).__name__}"), programs)

    def keep(self, gathered: Gathered) -> tuple[Kept, ...]:
        """See `camguard.ports.Witness.keep`."""
        return keep_all(self._keepsakes, gathered.programs)

    def _programs(self, process: Process) -> tuple[OpenProgram, ...]:
        paths = [path for path in (process.exe, process.script) if path is not None and os.path.isfile(path)]
        return tuple([OpenProgram(path, os.open(path, os.O_RDONLY | _BINARY)) for path in paths])


def _belongings(process: Process, found: psutil.Process) -> Belongings:
    files = list(dict.fromkeys(file.path for file in found.open_files()))
    sockets = [_endpoint(each) for each in found.net_connections("inet")]
    return Belongings(
        process,
        files=tuple(files[:MAX_FILES]),
        more_files=max(0, len(files) - MAX_FILES),
        sockets=tuple(sockets[:MAX_SOCKETS]),
        more_sockets=max(0, len(sockets) - MAX_SOCKETS),
        parents=parents_of(found),
        exe=found.exe() or None,
        cwd=found.cwd(),
    )


def _endpoint(told: Any) -> Endpoint:
    protocol = "tcp" if told.type.name == "SOCK_STREAM" else "udp"
    state = told.status.lower().replace("_", " ")
    return Endpoint(protocol, _address(told.laddr), _address(told.raddr) if told.raddr else None, state)


def _address(told: tuple[str, int]) -> str:
    host, port = told
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
