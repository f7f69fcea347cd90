"""What is found out of blocked programs beforehand."""

from __future__ import annotations

from pathlib import Path

from camguard.core.model import AppIdentity, AppKind, Effect, Rule
from camguard.platform.linux.hashing import Hasher
from camguard.platform.linux.identity import LinuxIdentifier
from camguard.readiness import look_up


def _rule(effect: Effect, path: Path | str, by: str | None = None) -> Rule:
    return Rule("r1", effect, AppIdentity(AppKind.EXECUTABLE, str(path), str(path)), by=by)


def test_the_content_of_what_an_administrator_blocks_is_known_before_it_is_run(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("blocked", "allowed", "own")}
    for file in files.values():
        file.write_bytes(b"\x7fELF" + file.name.encode())
        file.chmod(0o755)
    hasher = Hasher()
    rules = [
        _rule(Effect.BLOCK, files["blocked"]),
        _rule(Effect.ALLOW, files["allowed"]),
        _rule(Effect.BLOCK, files["own"], by="kid"),
    ]
    look_up(LinuxIdentifier(hasher=hasher), rules)
    assert {key[1] for key in hasher._known} == {files["blocked"].stat().st_ino}


def test_what_is_not_there_or_is_no_path_keeps_nothing_from_being_looked_up(tmp_path: Path) -> None:
    last = tmp_path / "last"
    last.write_bytes(b"\x7fELF")
    last.chmod(0o755)
    hasher = Hasher()
    paths: list[Path | str] = [tmp_path / "missing", tmp_path, "no\0path", "\udc80", "/proc/self/mem", last]
    look_up(LinuxIdentifier(hasher=hasher), [_rule(Effect.BLOCK, path) for path in paths])
    assert len(hasher._known) == 1
    look_up(LinuxIdentifier(hasher=hasher), [Rule("r2", Effect.BLOCK)])
