"""An export, unpacked, and what checks it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from camguard.handover.parcel import TOP


class Export:
    """The files of an export, in a folder of their own."""

    def __init__(self, whole: Path, folder: Path) -> None:
        with zipfile.ZipFile(whole) as found:
            self.names = sorted(name.removeprefix(f"{TOP}/") for name in found.namelist())
            found.extractall(folder)
        self.folder = folder / TOP

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def objects(self, name: str) -> list[dict[str, Any]]:
        """The objects of a file of JSON lines."""
        return [json.loads(line) for line in self.text(name).splitlines()]

    @property
    def manifest(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.text("manifest.json"))
        return told

    def verify(self, python: str = sys.executable) -> tuple[int, str]:
        """What its own program says of it: the exit code and the words."""
        ran = subprocess.run([python, "-I", self.folder / "verify.py"], capture_output=True, text=True, cwd="/")
        return ran.returncode, (ran.stdout + ran.stderr).strip()

    def reseal(self) -> None:
        """Bring all lists of hashes in line with the files, as somebody would who changed one with care."""
        manifest = self.manifest
        for name, said in manifest["files"].items():
            content = (self.folder / name).read_bytes()
            said.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        (self.folder / "manifest.json").write_text(json.dumps(manifest))
        sums = {name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in self.names}
        lines = [f"{sums[name]}  {name}\n" for name in self.names if name != "SHA256SUMS"]
        (self.folder / "SHA256SUMS").write_text("".join(lines))
