"""camguard as people have it inside the machine under systemd: from its wheel, and from there as the service."""

from __future__ import annotations

import base64
import csv
import grp
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from camguard.config import SOCKET_PATH
from camguard.core.events import Kind
from camguard.ipc.client import Client, connect
from camguard.journal.entry import Entry
from camguard.journal.export import as_object
from camguard.journal.filter import Filter
from camguard.journal.queries import Reader
from tests.support.guest import Desk, Watch, until

UNIT = "camguard.service"
COMMAND = Path("/usr/local/bin/camguard")
CONFIGURATION = Path("/etc/camguard/config.toml")
RULES = Path("/etc/camguard/rules.toml")
JOURNAL = Path("/var/lib/camguard/journal.db")
KEY = Path("/var/lib/camguard/log.key")
CURRENT = Path("/opt/camguard/current")
_NEEDED = Path("/opt/site")  # where the machine has the packages that camguard needs
_FOLDERS = ("/etc", "/opt", "/usr", "/var", "/root", "/home", "/run/systemd/system")
_NOT_OURS = (
    "/etc/.pwd.lock",  # the tools that keep /etc/group leave these
    "/etc/group-",
    "/etc/gshadow-",
    "/var/log/journal",
    "/var/lib/systemd",
    "/var/tmp",
)


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


def camguard(*arguments: str, user: str = "root", groups: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a user with the groups that he has, and `groups`, and nothing else."""
    entry = pwd.getpwnam(user)
    return subprocess.run(
        [COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=[*os.getgrouplist(user, entry.pw_gid), *(grp.getgrnam(group).gr_gid for group in groups)],
        env={"PATH": os.environ["PATH"]},
    )


def subscriber(desk: Desk, user: str) -> Watch:
    """``camguard watch --json`` of the service as this user, from the moment on from which everything is told."""
    watch = desk.keep(Watch(desk.account(user).start("env", "-u", "CAMGUARD_CONFIG", COMMAND, "watch", "--json")))
    watch.wait_event("status")
    return watch


def client() -> Client:
    """A connection to the service as the user of this process."""
    found = connect(SOCKET_PATH)
    assert found is not None, "no service listens"
    return found


def entries() -> list[dict[str, Any]]:
    """The activations in the service's log, the newest last, as ``camguard log --json`` prints them."""
    with Reader(JOURNAL) as reader:
        return [as_object(record) for record in reader.activations(Filter(limit=None))]


def told(kind: Kind, after: int = 0, **wanted: object) -> Entry:
    """Wait for an entry of this kind in the log, behind number `after`, whose extras are so; the first of them."""
    found: list[Entry] = []

    def there() -> bool:
        with Reader(JOURNAL) as reader:
            found[:] = [
                entry for entry in reader.entries(after, [kind]) if _fits(entry.data.get("extra") or {}, wanted)
            ]
        return bool(found)

    until(f"an entry {kind} {wanted}", there)
    return found[0]


def newest() -> int:
    """The number of the newest entry in the log."""
    with Reader(JOURNAL) as reader:
        return reader.last_seq()


def logged(what: str, **wanted: object) -> dict[str, Any]:
    """Wait for an activation of this kind in the log, until it was judged and it is known who it was."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [entry for entry in entries() if entry["verdict"] and entry["app"] and _fits(entry, wanted)]
        return bool(found)

    until(what, there)
    return found[-1]


def show(name: str) -> str:
    """A property of the unit, as systemd has it."""
    return subprocess.run(
        ["systemctl", "show", "-P", name, UNIT], capture_output=True, text=True, check=True
    ).stdout.strip()


def restart() -> None:
    """Have systemd restart the service; it is ready afterwards."""
    subprocess.run(["systemctl", "restart", UNIT], check=True)


def files_of_the_machine() -> set[str]:
    """All files that an installed program could have to do with."""
    found: set[str] = set()
    for top in _FOLDERS:
        for folder, folders, files in os.walk(top):
            found.update(f"{folder}/{name}" for name in (*folders, *files))
    return {path for path in found if not path.startswith(_NOT_OURS) and "/wheel-" not in path}


def _fits(entry: dict[str, Any], wanted: dict[str, object]) -> bool:
    flat = {**entry, **(entry.get("process") or {})}
    return all(flat.get(key) == value for key, value in wanted.items())
