"""Disks that tests fill up and protect: small file systems, mounted for one test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tiny_disk(folder: Path) -> Iterator[None]:
    """A file system of 2 MiB of its own in the place of an empty folder; skips where none can be mounted."""
    with _mounted(folder, "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)):
        yield


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Whatever is in a folder can be read and not written, but by who has it open already."""
    with _mounted(folder, "--bind", str(folder), str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield


def fill_up(disk: Path) -> Path:
    """Take all the room there is; returns the file that has it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


@contextmanager
def _mounted(folder: Path, *how: str) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root: run the tests with `sudo`")
    done = subprocess.run(["mount", *how], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here ({done.stderr.strip()}): run outside of the container")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
