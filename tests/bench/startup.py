"""How long a command takes as a whole, beside the interpreter alone and with click."""

from __future__ import annotations

import sys

from tests.bench.programs import CAMGUARD, Scope, compete
from tests.bench.report import Finding, Peer, Target, median, row
from tests.bench.stage import Stage

HELP_MS = 150


def run(scope: Scope) -> Finding:
    """`--help`, `--version` and `status`."""
    stage = Stage(scope, "startup")
    commands = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "python -c 'import click'": (sys.executable, "-c", "import click"),
        "camguard --help": (*CAMGUARD, "--help"),
        "camguard --version": (*CAMGUARD, "--version"),
        "camguard status": (*CAMGUARD, "--config", str(stage.config_file), "status"),
    }
    times = compete(commands, scope.pick(40, 8))
    floors = [name for name in commands if not name.startswith("camguard")]
    finding = Finding([row(name, "ms", times[name]) for name in floors])
    click = Peer("import click", median(times[floors[1]]))
    for name in commands:
        if name not in floors:
            middle = median(times[name])
            target = Target(f"<= {HELP_MS} ms", middle <= HELP_MS) if name == "camguard --help" else None
            finding.rows.append(row(name, "ms", times[name], click, target))
    return finding
