"""The icon of an app: as its own desktop entry names it, by the program's file and by nothing that a process says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from camguard.desktop.appicons import AppIcons
from camguard.desktop.cards import USUAL_ICON
from camguard.desktop.uses import Told


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is found on PATH, by a link as distributions have them."""
    real = tmp_path / "lib" / "cheese-bin"
    real.parent.mkdir()
    real.write_text("#!/bin/sh\n")
    real.chmod(0o755)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "cheese").symlink_to(real)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    return real


def _entry(folder: Path, name: str, text: str) -> AppIcons:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.desktop").write_text(text)
    return _read([str(folder)])


def _read(folders: list[str]) -> AppIcons:
    icons = AppIcons(folders)
    icons.read()
    return icons


def _use(exe: str, script: str | None = None) -> Told:
    return {"process": {"exe": exe, "script": script, "name": "cheese"}}


def test_an_app_has_the_icon_of_the_entry_that_starts_it(tmp_path: Path, program: Path) -> None:
    text = "[Desktop Entry]\nName=Cheese\nExec=cheese %U\nIcon=org.gnome.Cheese\n[Desktop Action x]\nIcon=other\n"
    icons = _entry(tmp_path / "apps", "cheese", text)
    assert icons.icon_of(_use(str(program))) == "org.gnome.Cheese"
    assert icons.icon_of(_use("/tmp/cheese")) == USUAL_ICON  # that it is called so gets it nothing
    assert icons.icon_of({"reduced": True}) == USUAL_ICON


@pytest.mark.parametrize("launcher", ["env", "sh"])
def test_an_entry_that_names_a_launcher_gives_it_no_icon(tmp_path: Path, launcher: str) -> None:
    icons = _entry(tmp_path / "apps", "bank", f"[Desktop Entry]\nExec={launcher} -c bank\nIcon=bank\n")
    found = shutil.which(launcher)
    assert found is not None
    assert icons.icon_of(_use(str(Path(found).resolve()))) == USUAL_ICON


def test_a_script_has_no_icon_of_its_interpreter(tmp_path: Path, program: Path) -> None:
    icons = _entry(tmp_path / "apps", "cheese", "[Desktop Entry]\nExec=cheese\nIcon=cheese\n")
    assert icons.icon_of(_use(str(program), script="/home/a/x.py")) == USUAL_ICON


@pytest.mark.parametrize(
    "text",
    ["", "Icon=x\nExec=cheese\n", "[Desktop Entry]\nExec=cheese\n", "[Desktop Entry]\nIcon=x\nExec=\n", "\0\xff"],
)
def test_entries_that_are_none_are_passed_over(tmp_path: Path, program: Path, text: str) -> None:
    icons = _entry(tmp_path / "apps", "cheese", text)
    assert icons.icon_of(_use(str(program))) == USUAL_ICON


def test_the_first_folder_counts_most_and_one_that_is_not_there_does_no_harm(tmp_path: Path, program: Path) -> None:
    folders = [str(tmp_path / name) for name in ("a", "b")]
    for folder in folders:
        Path(folder).mkdir()
        Path(folder, "cheese.desktop").write_text(f"[Desktop Entry]\nExec=cheese\nIcon={Path(folder).name}\n")
    assert _read(folders).icon_of(_use(str(program))) == "a"
    assert _read([str(tmp_path / "none")]).icon_of(_use(str(program))) == USUAL_ICON


@pytest.mark.parametrize(("confidence", "icon"), [("kernel", "cheese-icon"), ("self-declared", USUAL_ICON)])
def test_a_sandboxed_app_has_the_icon_of_its_id_where_that_is_proven(
    tmp_path: Path, confidence: str, icon: str
) -> None:
    text = "[Desktop Entry]\nName=x\nExec=flatpak run org.gnome.Cheese\nIcon=cheese-icon\nX-Flatpak=org.gnome.Cheese\n"
    icons = _entry(tmp_path / "apps", "org.gnome.Cheese", text)
    app = {"kind": "flatpak", "id": "org.gnome.Cheese", "confidence": confidence}
    assert icons.icon_of({"app": app, "process": {"exe": "/app/bin/cheese"}}) == icon
