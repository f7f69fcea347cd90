"""The activity page of fifty thousand uses: written, opened in Chromium, searched."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.programs import CAMGUARD, Scope, wall_ms
from tests.bench.report import Finding, Row, Target, median, row
from tests.bench.stage import Stage
from tests.support import chromium
from tests.support.journal_data import fill

OPEN_MS = 3_000
_SEARCH = """
const field = document.getElementById("words");
field.value = arguments[0];
const begun = performance.now();
field.dispatchEvent(new Event("input", {bubbles: true}));
document.body.offsetHeight;
return performance.now() - begun;
"""


def run(scope: Scope) -> Finding:
    """Each is timed whole: from the command's start to its end, from the browser's order to the page's load event."""
    finding = Finding()
    stage = Stage(scope, "page")
    uses = scope.pick(50_000, 5_000)
    fill(stage.journal_path, uses)
    page = stage.journal_path.with_name("page.html")
    command = (*CAMGUARD, "--config", str(stage.config_file), "log", "--html", str(page), "--force")
    written = [wall_ms(command)[0] for _ in range(scope.pick(3, 1))]
    finding.rows.append(row(f"camguard log --html, {uses:,} uses", "ms", written))
    finding.rows.append(Row("the page's file", "MiB", page.stat().st_size / 2**20))
    lacking = chromium.missing()
    if lacking is not None:
        finding.missing.append(f"the page in a browser: {lacking}")
        return finding
    _measure(finding, page, uses, scope.pick(10, 3))
    return finding


def _measure(finding: Finding, page: Path, uses: int, times: int) -> None:
    opened, searched = [], []
    with chromium.browser() as window:
        window.look()
        for _ in range(times):
            begun = time.monotonic()
            window.open(page)
            opened.append((time.monotonic() - begun) * 1000)
            searched.append(float(window.ask(_SEARCH, "cheese")))
        said = window.ask("return document.getElementById('extent').textContent")
    finding.expect(said.endswith(f" of {uses:,}, the newest first."), f"the page of {uses} uses said: {said}")
    finding.expect("that match" in said, f"a search among {uses} uses said: {said}")
    reached = median(opened) <= OPEN_MS
    finding.rows.append(row("opened in Chromium", "ms", opened, target=Target(f"<= {OPEN_MS} ms", reached)))
    finding.rows.append(row("searched", "ms", searched))
