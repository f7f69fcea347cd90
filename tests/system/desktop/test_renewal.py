"""camguard is upgraded, or taken away, while the tray runs."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desktop import until
from tests.support.tray_stage import TrayStage, tray_stage

pytestmark = pytest.mark.system


@pytest.fixture
def current(tmp_path: Path) -> Path:
    """A link to one of two releases, as the service's installation has it. Each says which it is as it starts."""
    for name in ("old", "new"):
        release = tmp_path / name
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(release)], check=True)
        [site] = release.glob("lib/python*/site-packages")
        (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (site / "sitecustomize.py").write_text(f"import sys; print('this is the {name} release', file=sys.stderr)\n")
    link = tmp_path / "current"
    link.symlink_to("old")
    return link


@pytest.fixture
def stage(tmp_path: Path, current: Path) -> Iterator[TrayStage]:
    with tray_stage(tmp_path) as stage:
        stage.end_tray()
        stage.start_tray(current / "bin/python")
        yield stage


def test_after_an_upgrade_it_goes_on_as_the_new_release(stage: TrayStage, current: Path) -> None:
    tray = stage.tray
    assert tray is not None
    stage.service.stop()
    link_to(current, "new")
    stage.service.start()
    until(lambda: "this is the new release" in stage.tray_log, "the new release")
    until(stage.icon, "the icon")
    assert tray.poll() is None  # one process all along: whoever started it waits for it still
    assert stage.command("alerts", "test").returncode == 0


def test_where_it_was_uninstalled_it_ends(stage: TrayStage, current: Path) -> None:
    tray = stage.tray
    assert tray is not None
    current.unlink()
    stage.service.stop()
    assert tray.wait(60) == 0
    assert "uninstalled" in stage.tray_log


def link_to(link: Path, release: str) -> None:
    """Lead the link elsewhere from one moment to the next."""
    fresh = link.with_name("fresh")
    fresh.symlink_to(release)
    fresh.rename(link)
