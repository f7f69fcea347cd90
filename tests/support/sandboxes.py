"""Real sandboxes as Flatpak makes them (bubblewrap), around files in a test's own folder; root's, so for root only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.actors import running

COMMIT = "c0ffee00" * 8
RUNTIME_COMMIT = "deadbeef" * 8
BWRAP = shutil.which("bwrap")


def missing() -> str | None:
    """What real sandboxes lack here; None where they lack nothing."""
    if os.geteuid() != 0:
        return "needs root; run: sudo python -m pytest tests/integration"
    return None if BWRAP else "bwrap not found; sudo apt-get install bubblewrap"


class Installation:
    """Root's installation of Flatpaks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self, app: str = "org.gnome.Cheese") -> Path:
        """Where the files of an app are; made where they are not."""
        return self._made(self.folder / "app" / app / "x86_64" / "stable" / COMMIT / "files")

    def runtime(self) -> Path:
        """Where the files of the runtime are."""
        return self._made(self.folder / "runtime" / "org.gnome.Platform" / "x86_64" / "46" / RUNTIME_COMMIT / "files")

    def info(self, app: str = "org.gnome.Cheese", files: Path | None = None) -> str:
        """A ``.flatpak-info`` as Flatpak 1.14 writes it."""
        return (
            f"[Application]\nname={app}\nruntime=runtime/org.gnome.Platform/x86_64/46\n\n"
            f"[Instance]\ninstance-id=2719083561\ninstance-path={self.folder}/x\n"
            f"app-path={files or self.files(app)}\napp-commit={COMMIT}\n"
            f"runtime-path={self.runtime()}\nruntime-commit={RUNTIME_COMMIT}\nbranch=stable\narch=x86_64\n"
            "flatpak-version=1.14.4\nsession-bus-proxy=true\n\n[Context]\nshared=network;ipc;\ndevices=all;\n"
        )

    @staticmethod
    def _made(folder: Path) -> Path:
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        return folder


def program(folder: Path, name: str = "cheese") -> Path:
    """A program that says what is in a file, and stays."""
    path = folder / "bin" / name
    shutil.copy("/usr/bin/tail", path)
    return path


@contextmanager
def sandbox(app: Path, info: str | None, command: list[str], *more: str, usr: Path = Path("/usr")) -> Iterator[int]:
    """The pid of a command in a sandbox with `app` at /app; `info` is its ``/.flatpak-info``."""
    beside = app.parent / "beside"
    beside.mkdir(exist_ok=True)
    (beside / "line").write_text("ready\n")
    (beside / "info").write_text(info or "")
    assert BWRAP is not None
    wrapped = [
        BWRAP, "--tmpfs", "/", "--ro-bind", str(usr), "/usr", "--symlink", "usr/bin", "/bin",
        "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev",
        "--ro-bind", str(app), "/app", "--ro-bind", str(beside / "line"), "/line",
        *(("--ro-bind", str(beside / "info"), "/.flatpak-info") if info is not None else ()), *more, *command,
    ]  # fmt: skip
    with running(wrapped) as child:
        [inner] = [each for each in psutil.Process(child.pid).children(recursive=True) if not each.children()] or [
            psutil.Process(child.pid)
        ]
        try:
            yield inner.pid
        finally:
            inner.kill()
