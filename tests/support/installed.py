"""camguard as people have it inside the machine under systemd: from its wheel, and from there as the service."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from camguard.config import SOCKET_PATH
from camguard.ipc.client import Client, connect
from camguard.journal.export import as_object
from camguard.journal.queries import Filter, Reader
from tests.support.guest import until

UNIT = "camguard.service"
JOURNAL = Path("/var/lib/camguard/journal.db")
CURRENT = Path("/opt/camguard/current")
_NEEDED = Path("/opt/site")  # where the machine has the packages that camguard needs


class FromWheel:
    """An environment of root's in which a wheel was unpacked, as pip would do it."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.python = folder / "bin/python"
        subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", folder], check=True)
        self.site = next(folder.glob("lib/python3*/site-packages"))
        shutil.unpack_archive(wheel, self.site, "zip")
        (self.site / "needed.pth").write_text(f"{_NEEDED}\n")

    def run(self, *arguments: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        """Run its command, without what the test's own environment adds."""
        return subprocess.run(
            [self.python, "-I", "-m", "camguard", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=user,
            env={"PATH": os.environ["PATH"]},
        )

    def change(self, path: str, content: str, *, recorded: bool) -> None:
        """Give a file another content, and where `recorded` say so in the RECORD."""
        (self.site / path).write_text(content)
        if not recorded:
            return
        record = next(self.site.glob("camguard-*.dist-info/RECORD"))
        rows = [row for row in csv.reader(record.read_text().splitlines()) if row[0] != path]
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        rows.append([path, f"sha256={digest}", str(len(content))])
        record.write_text("".join(f"{','.join(row)}\n" for row in rows))


def client() -> Client:
    """A connection to the service as the user of this process."""
    found = connect(SOCKET_PATH)
    assert found is not None, "no service listens"
    return found


def entries() -> list[dict[str, Any]]:
    """The activations in the service's log, the newest last, as ``camguard log --json`` prints them."""
    with Reader(JOURNAL) as reader:
        return [as_object(record) for record in reader.activations(Filter(limit=None))]


def logged(what: str, **wanted: object) -> dict[str, Any]:
    """Wait for an activation of this kind in the log, until it was judged too: who it was is known by then."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [entry for entry in entries() if entry["verdict"] and _fits(entry, wanted)]
        return bool(found)

    until(what, there)
    return found[-1]


def show(name: str) -> str:
    """A property of the unit, as systemd has it."""
    return subprocess.run(
        ["systemctl", "show", "-P", name, UNIT], capture_output=True, text=True, check=True
    ).stdout.strip()


def _fits(entry: dict[str, Any], wanted: dict[str, object]) -> bool:
    flat = {**entry, **(entry.get("process") or {})}
    return all(flat.get(key) == value for key, value in wanted.items())
