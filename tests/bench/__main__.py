"""Runs the benches, prints what they found, and ends with 1 where a result was wrong."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import report
from tests.bench.programs import Scope
from tests.bench.report import Finding
from tests.support.detection import folder_for_nodes

NAMES = (
    "startup",
    "latency",
    "scan",
    "idle",
    "storm",
    "log",
    "switch",
    "ipc",
    "gate",
    "block",
    "service",
    "pipewire",
    "page",
    "tray",
)
ON_DISK = "/var/tmp"
"""Where files are put unless TMPDIR says otherwise: /tmp may be memory, and the journal's cost is the disk's."""


def main() -> int:
    """The command; its exit code is 1 where an event was lost or a holder set was wrong, however fast."""
    chosen = _arguments()
    gc.freeze()  # as `camguard watch` does
    findings: dict[str, Finding] = {}
    about = report.machine()
    print(report.head(about), flush=True)
    for name in chosen.only or NAMES:
        begun = time.monotonic()
        findings[name] = _run(name, chosen.quick)
        print(f"\n{name} ({time.monotonic() - begun:.0f} s)")
        print(_text(findings[name]), flush=True)
    if chosen.json is not None:
        about_run = {**report.document(findings, chosen.quick), "machine": about}
        chosen.json.write_text(json.dumps(about_run, indent=1, ensure_ascii=False) + "\n")
    return 1 if any(finding.faults for finding in findings.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"which benches: {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: all of them in less than a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here too")
    return parser.parse_args()


def _run(name: str, quick: bool) -> Finding:
    folder = os.environ.get("TMPDIR") or (ON_DISK if Path(ON_DISK).is_dir() else None)
    with TemporaryDirectory(prefix="camguard-bench-", dir=folder) as own:
        os.chmod(own, 0o711)  # a guard that runs as another user finds its files
        with folder_for_nodes(Path(own)) as nodes:
            finding: Finding = importlib.import_module(f"tests.bench.{name}").run(Scope(Path(own), nodes, quick))
            return finding


def _text(finding: Finding) -> str:
    parts = [report.table(finding.rows)] if finding.rows else []
    parts += [f"not measured: {what}" for what in finding.missing]
    parts += [f"WRONG: {fault}" for fault in finding.faults]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
