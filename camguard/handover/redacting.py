"""Leaving out who it was and where his files are, the same way throughout an export.

A user is ``user-1`` in every file, a folder ``folder-1``; a file keeps its own name, which is what an app is known by.
Paths that are alike on every machine stay. What a pseudonym stands for is nowhere in the export.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from camguard.journal.fold import ActivationRecord

LEFT_OUT = "[left out]"

_ROOT = "root"
_EVERYWHERE = (
    *("/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/opt/", "/snap/", "/app/", "/nix/store/"),
    *("/dev/", "/sys/", "/proc/", "/etc/", "/run/camguard/", "/var/lib/camguard/"),
)
_OURS = frozenset(
    {
        *("at", "event", "kind", "state", "verdict", "code", "capture", "ending", "confidence", "boot_id", "sha256"),
        *(
            "exe_sha256",
            "effect",
            "lasting",
            "power",
            "opened_at",
            "capturing_at",
            "ended_at",
            "start",
            "until",
            "decision",
        ),
    }
)
"""Keys whose values are words, times and hashes of our own, whatever somebody may be called."""
_WHERE = frozenset({"exe", "path", "script", "cwd", "file", "folder"})
_PATH = re.compile(r"""(?<![\w.])/[^\s"'<>|;,()]+""")
_OF_A_UNIT = re.compile(r"(?<=user[-@])\d+")


class Pseudonyms:
    """Knows who is called what. The order of the names that it is given decides."""

    def __init__(self, names: Iterable[str]) -> None:
        known = dict.fromkeys(name for name in names if name and name != _ROOT)
        self.users = {name: f"user-{number}" for number, name in enumerate(known, 1)}
        self.folders: dict[str, str] = {}
        either = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
        self._name = re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])") if known else None

    def use(self, record: ActivationRecord) -> ActivationRecord:
        """A use without names."""
        return replace(
            record,
            camera=self.value(record.camera),
            app=self.value(record.app),
            process=self.value(record.process),
            reasons=self.value(record.reasons),
            decision=self.value(record.decision),
            context=self.value(record.context),
            preserved=tuple(self.value(each) for each in record.preserved),
            actions=tuple(
                replace(action, about=self.value(action.about), outcome=self.value(action.outcome))
                for action in record.actions
            ),
        )

    def value(self, value: Any, key: str = "") -> Any:
        """Anything that JSON can hold, without names; `key` is what it is called where it stands."""
        if isinstance(value, Mapping):
            return {name: self.value(inner, str(name)) for name, inner in value.items()}
        if key == "command" and value:
            return [LEFT_OUT]
        if isinstance(value, list | tuple):
            return [self.value(inner, key) for inner in value]
        if key == "uid":
            return value if value == 0 else None
        if not isinstance(value, str) or key in _OURS:
            return value
        return self._said(value, key)

    def text(self, text: str) -> str:
        """A text without names and paths."""
        return self._named(_PATH.sub(lambda found: self._path(found[0]), text))

    def _said(self, text: str, key: str) -> str:
        if key == "user":
            return self.users.get(text) or self.text(text)
        if key == "unit":
            return self._named(_OF_A_UNIT.sub("…", text))
        if text.startswith("/") or (key in _WHERE and "/" in text):  # a path may have blanks in it
            return self._path(text)
        return self.text(text)

    def _path(self, path: str) -> str:
        if path.startswith(_EVERYWHERE):
            return self._named(path)
        folder, _, name = path.rpartition("/")
        known = self.folders.setdefault(folder, f"folder-{len(self.folders) + 1}")
        return f"{known}/{self._named(name)}"

    def _named(self, text: str) -> str:
        return text if self._name is None else self._name.sub(lambda found: self.users[found[0]], text)
