"""`camguard log` and `was-on` over a million entries, beside the least that any program must do for it."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from camguard.core.events import Kind
from camguard.core.records import moment as told
from camguard.journal.store import Journal
from tests.bench.programs import CAMGUARD, Scope, compete, wall_ms
from tests.bench.report import Finding, Peer, Row, Target, median, row, say
from tests.bench.stage import Stage
from tests.support.journal_data import START_NS, FixedClock, fill, moment, simple

ENTRIES_EACH = 4
LIMIT = 50
LOG_MS = 300
EXPORT_MS = 30_000
WAS_ON_MS = 1_000
SLEEPS = 5_000
"""Nights, of three years and more, in which the machine slept: entries that say when the guard was watching."""

SLEEP_EVERY_S = 4_500
SLEPT_S = 20
VERIFY_MS = 5_000
_PLAIN = """\
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT * FROM entries ORDER BY seq DESC LIMIT 50").fetchall()
assert len(rows) == 50
"""

_PACKED = """\
import hashlib, sqlite3, sys, zlib
rows = sqlite3.connect(sys.argv[1]).execute("SELECT CAST(body AS BLOB) FROM entries ORDER BY seq")
pack, digest = zlib.compressobj(1), hashlib.sha256()
with open(sys.argv[2], "wb") as out:
    while some := rows.fetchmany(500):
        block = b"\\n".join(body for body, in some)
        digest.update(block)
        out.write(pack.compress(block))
    out.write(pack.flush())
"""
_MEASURED = """\
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
sys.exit(code)
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
    entries = fill(stage.journal_path, activations) + _sleep(stage.journal_path, scope.pick(SLEEPS, 500))
    size = stage.journal_path.stat().st_size / 2**20
    note = f"written in {time.monotonic() - begun:.0f} s"
    finding.rows.append(Row(f"journal of {entries:,} entries", "MiB", size, note=note))
    camguard = (*CAMGUARD, "--config", str(stage.config_file), "log")
    _measure(scope, stage.journal_path, camguard, finding)
    _ask(scope, stage.journal_path, camguard[:-1], activations, finding)
    _export(scope, stage.journal_path, camguard, entries, finding)
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


def _sleep(path: Path, nights: int) -> int:
    """Write that the machine slept so often; returns in how many entries."""
    journal = Journal.open(path, FixedClock())
    bounds = ((night * SLEEP_EVERY_S, night * SLEEP_EVERY_S + SLEPT_S) for night in range(1, nights + 1))
    journal.append(
        [
            simple(Kind.MACHINE_SLEPT, end, **{"from": told(moment(begin)), "to": told(moment(end))})
            for begin, end in bounds
        ]
    )
    journal.close()
    return nights


def _ask(scope: Scope, journal: Path, camguard: tuple[str, ...], activations: int, finding: Finding) -> None:
    """Was the camera on in the middle of it all? Beside the least that a program takes to look into the file."""
    middle = datetime.fromtimestamp(START_NS / 1e9 + activations * 45, UTC)
    commands = {
        "last 50 rows by sqlite3, beside was-on": (sys.executable, "-c", _PLAIN, str(journal)),
        "camguard was-on, a time in full": (*camguard, "was-on", middle.isoformat(), "--json"),
        "camguard was-on, a time in words": (*camguard, "was-on", f"{middle:%d %B %Y at %I:%M %p} +00:00", "--json"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(scope.pick(10, 2) + 1):
        for name, command in commands.items():
            taken, done = wall_ms(command)
            if turn:
                times[name].append(taken)
            if "camguard" in name:
                found = json.loads(done.stdout)
                sound = (done.returncode, found["answer"], found["checked"]["whole"]) == (3, "yes", True)
                finding.expect(sound and len(found["uses"]) >= 79, f"{name} said {done.stdout[:400]}{done.stderr}")
    plain, *ours = commands
    finding.rows.append(row(plain, "ms", times[plain]))
    for name in ours:
        middle_ms = median(times[name])
        reached = Target(f"<= {WAS_ON_MS} ms", middle_ms <= WAS_ON_MS)
        finding.rows.append(row(name, "ms", times[name], Peer("plain select", median(times[plain])), reached))


def _export(scope: Scope, journal: Path, camguard: tuple[str, ...], entries: int, finding: Finding) -> None:
    """The export of all of it, with the page and every file, beside what reads, hashes and packs the entries alone."""
    target = journal.with_name("export.zip")
    floors, times, memory, size = [], [], 0, 0.0
    for _ in range(scope.pick(3, 1)):
        floors.append(wall_ms((sys.executable, "-c", _PACKED, str(journal), str(target)))[0])
        target.unlink()
        taken, done = wall_ms((sys.executable, "-c", _MEASURED, *camguard, "export", str(target), "--json"))
        times.append(taken)
        told, peak = done.stdout.splitlines()
        memory = max(memory, int(peak) // 1024)
        found = json.loads(told)
        finding.expect((found["entries"], found["problem"]) == (entries, None), f"log export said {done.stdout}")
        size = target.stat().st_size / 2**20
        target.unlink()
    what = f"camguard log export, {entries:,} entries"
    reached = Target(f"<= {EXPORT_MS // 1000} s", median(times) <= EXPORT_MS)
    finding.rows.append(row(what, "ms", times, Peer("entries read, hashed and packed", median(floors)), reached))
    finding.rows.append(Row("its memory at the most", "MiB", memory, note=f"the file has {size:.1f} MiB"))


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
