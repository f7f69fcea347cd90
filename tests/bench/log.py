"""`camguard log` over a million entries, beside the least that any program must do for it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.bench.programs import CAMGUARD, Scope, compete, wall_ms
from tests.bench.report import Finding, Peer, Row, Target, median, row, say
from tests.bench.stage import Stage
from tests.support.journal_data import fill

ENTRIES_EACH = 4
LIMIT = 50
LOG_MS = 300
VERIFY_MS = 5_000
_PLAIN = """\
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT * FROM entries ORDER BY seq DESC LIMIT 50").fetchall()
assert len(rows) == 50
"""

_HASHED = """\
import hashlib, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.text_factory = bytes
cursor = connection.execute("SELECT body FROM entries ORDER BY seq")
while rows := cursor.fetchmany(100):
    for (body,) in rows:
        hashlib.sha256(body).digest()
"""


def run(scope: Scope) -> Finding:
    """Whole commands, from start to end."""
    finding = Finding()
    stage = Stage(scope, "log")
    activations = scope.pick(1_000_000, 40_000) // ENTRIES_EACH
    say(f"log: writing {activations * ENTRIES_EACH:,} entries")
    begun = time.monotonic()
    entries = fill(stage.journal_path, activations)
    size = stage.journal_path.stat().st_size / 2**20
    note = f"written in {time.monotonic() - begun:.0f} s"
    finding.rows.append(Row(f"journal of {entries:,} entries", "MiB", size, note=note))
    camguard = (*CAMGUARD, "--config", str(stage.config_file), "log")
    _measure(scope, stage.journal_path, camguard, finding)
    _check(camguard, activations, finding)
    _verify(scope, stage.journal_path, camguard, entries, finding)
    return finding


def _measure(scope: Scope, journal: Path, camguard: tuple[str, ...], finding: Finding) -> None:
    commands = {
        "last 50 rows by sqlite3": (sys.executable, "-c", _PLAIN, str(journal)),
        f"camguard log --limit {LIMIT}": (*camguard, "--limit", str(LIMIT)),
        f"camguard log --limit {LIMIT} --json": (*camguard, "--limit", str(LIMIT), "--json"),
    }
    times = compete(commands, scope.pick(20, 4))
    plain, *ours = commands
    peer = Peer("plain select", median(times[plain]))
    finding.rows.append(row(plain, "ms", times[plain]))
    for name in ours:
        middle = median(times[name])
        finding.rows.append(row(name, "ms", times[name], peer, Target(f"<= {LOG_MS} ms", middle <= LOG_MS)))


def _check(camguard: tuple[str, ...], activations: int, finding: Finding) -> None:
    """What it showed is what there is."""
    _, shown = wall_ms((*camguard, "--limit", str(LIMIT), "--json"))
    numbers = [json.loads(line)["activation"] for line in shown.stdout.splitlines()]
    newest = [f"a{number}" for number in range(activations - LIMIT + 1, activations + 1)]
    finding.expect(numbers == newest, f"log --limit {LIMIT} showed {numbers}")


def _verify(scope: Scope, journal: Path, camguard: tuple[str, ...], entries: int, finding: Finding) -> None:
    """The whole command beside a program that does no more than hash the same bytes, in turn."""
    verify = f"camguard log verify, {entries:,} entries"
    floor = "sha256 of the same bytes, one process"
    commands = {
        floor: (sys.executable, "-c", _HASHED, str(journal)),
        verify: (*camguard, "verify", "--json"),
    }
    times = compete(commands, scope.pick(5, 1))
    _, verified = wall_ms(commands[verify])
    found = json.loads(verified.stdout)
    sound = found["ok"] and found["checked"] == entries
    finding.expect(sound, f"log verify over {entries} sound entries said {verified.stdout}")
    peer, middle = Peer("hashing alone", median(times[floor])), median(times[verify])
    finding.rows.append(row(floor, "ms", times[floor]))
    target = Target(f"<= {VERIFY_MS} ms", middle <= VERIFY_MS)
    finding.rows.append(row(verify, "ms", times[verify], peer, target))
