"""The desktop entry that starts the tray: whatever camguard's folder is called, it and nothing else is run."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camguard.desktop import autostart
from camguard.desktop.autostart import NAME, command, entry, install, uninstall
from camguard.errors import AccessDenied, UsageError

PATHS = st.text(st.sampled_from(" abcé%fFuUkc\"'`$\\;&|<>*?#()~=!{}[]^,:@-_."), min_size=1, max_size=30)
"""What the Desktop Entry Specification reserves, and what looks like it."""


def value(text: str, key: str) -> str:
    """A string value, by "Possible value types" of the specification."""
    [line] = [line for line in text.splitlines() if line.startswith(f"{key}=")]
    raw, read, at = line.removeprefix(f"{key}="), "", 0
    while at < len(raw):
        if raw[at] == "\\":
            read += {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}[raw[at + 1]]
            at += 2
        else:
            read += raw[at]
            at += 1
    return read


def arguments(line: str) -> list[str]:
    """What an Exec line runs, by "The Exec key" of the specification; field codes that stand for something fail."""
    words: list[str] = []
    word, quoted, at = "", False, 0
    while at < len(line):
        mark, following = line[at], line[at + 1 : at + 2]
        if quoted and mark == "\\":
            assert following in ("\\", '"', "`", "$")
            word, at = word + following, at + 2
            continue
        if mark == "%":
            assert following == "%"
            word, at = word + "%", at + 2
            continue
        if mark == '"':
            quoted = not quoted
        elif mark == " " and not quoted:
            words.append(word)
            word = ""
        else:
            assert quoted or mark not in "\t\n'\\><~|&;$*?#()`"
            assert not quoted or mark not in "`$"
            word += mark
        at += 1
    assert not quoted
    return [*words, word]


@given(st.lists(PATHS, min_size=1, max_size=4))
def test_the_command_comes_through_as_it_is(words: list[str]) -> None:
    assert arguments(value(entry(("/bin/x", *words)), "Exec")) == ["/bin/x", *words, "tray"]


@given(st.text(min_size=1, max_size=20))
def test_what_cannot_be_said_in_an_entry_is_not_written(word: str) -> None:
    if not word.isprintable() or "=" in word or "%" in word:
        with pytest.raises(UsageError) as refused:
            entry((word,))
        assert str(refused.value).isprintable()
        return
    text = entry((word,))
    assert arguments(value(text, "Exec")) == [word, "tray"]
    assert text.encode()
    assert len(text.splitlines()) == len(entry(("camguard",)).splitlines())


@pytest.mark.skipif(shutil.which("gio") is None, reason="gio not found; sudo apt-get install libglib2.0-bin")
@given(name=PATHS.filter(lambda name: name.strip(". ") and not set(name) & set("=%")))
@settings(max_examples=15)
def test_glib_runs_it_and_nothing_else(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="camguard-") as folder:
        ran = Path(folder) / "ran"
        program = Path(folder) / f"{name} dir" / name
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$0" "$@" > {ran}.part\nmv {ran}.part {ran}\n')
        program.chmod(0o700)
        desktop = Path(folder) / "test.desktop"
        desktop.write_text(entry((str(program), "-P", "%f")))
        done = subprocess.run(["gio", "launch", desktop], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        end = time.monotonic() + 30
        while not ran.exists():
            assert time.monotonic() < end, "it was not run"
            time.sleep(0.005)
        assert ran.read_text().splitlines() == [str(program), "-P", "%f", "tray"]


def test_it_is_installed_and_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autostart, "command", lambda: ("/opt/cam guard/bin/camguard",))
    folder = tmp_path / "config" / "autostart"
    assert uninstall(folder) is None
    path = install(folder)
    assert path == folder / NAME
    text = path.read_text()
    assert text == entry(("/opt/cam guard/bin/camguard",))
    assert text.startswith("[Desktop Entry]\nType=Application\n")
    assert install(folder) == path
    assert [each.name for each in folder.iterdir()] == [NAME]
    assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    assert uninstall(folder) == path
    assert uninstall(folder) is None


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessDenied, match="cannot be written"):
        install(tmp_path / "file" / "autostart")
    (tmp_path / NAME).mkdir()
    with pytest.raises(AccessDenied, match="cannot be taken away"):
        uninstall(tmp_path)


def test_camguard_is_called_by_its_own_name_where_it_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "camguard"
    program.write_text("")
    monkeypatch.setattr(sys, "argv", [str(program), "tray"])
    assert command() == (sys.executable, "-P", "-m", "camguard")  # it cannot be run
    program.chmod(0o700)
    assert command() == (str(program),)
    monkeypatch.setattr(sys, "argv", ["camguard", "tray"])
    assert command() == (sys.executable, "-P", "-m", "camguard")
