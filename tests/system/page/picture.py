"""``python -m tests.system.page.picture FILE``: the README's picture of the activity page, by the real program."""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from pathlib import Path

from tests.support.chromium import browser
from tests.support.commands import Stage
from tests.support.lifelike import household

LAST = datetime.fromisoformat("2026-10-24T20:00")
WIDTH, HEIGHT = 1180, 760


def main(target: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory(prefix="camguard-picture-") as folder, browser() as window:
        stage = Stage(Path(folder))
        household(stage.journal, LAST)
        page = Path(folder) / "page.html"
        ran = stage.run("log", "--html", page, "--until", f"{LAST:%Y-%m-%d %H:%M}")
        assert ran.exit_code == 0, ran.stderr
        window.look(width=WIDTH, height=HEIGHT)
        window.open(page)
        target.write_bytes(window.picture())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
