"""A page that only asks which cameras there are: Chromium opens each of them for that, and nobody is alerted.

The camera is one that it finds at /dev/video0 and that answers nothing: what is tried is who opens it, and how.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from camguard.core.activations import Timing
from camguard.core.casebook import Casebook
from camguard.core.events import Kind, Report, Sighting
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.sensor import LinuxSensor
from tests.support import chromium
from tests.support.core_data import later
from tests.support.detection import PretendSource, Scene, Stage, folder_for_nodes

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="a /dev of its own for the browser takes root"),
]

PAGE = """\
<!doctype html><title>asking</title><script>
navigator.mediaDevices.enumerateDevices().then(() => { document.title = "told"; });
</script>
"""
WITHIN_S = 30
WITH_CAMERA = """\
#!/bin/sh
exec unshare --mount --propagation private sh -c '
mount -t tmpfs -o mode=755 own /dev && cd /dev || exit
for each in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
    mknod -m 666 "${{each% *}}" c 1 "${{each#* }}"
done
mkdir -m 1777 shm && ln -s /proc/self/fd fd && touch video0 && mount --bind "$0" video0 || exit
cd / && exec chromium "$@"' {node} "$@"
"""
"""Chromium in a mount namespace whose /dev has nothing but what it needs, and the camera."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with folder_for_nodes(tmp_path) as folder:
        source = PretendSource(folder)
        source.add()
        yield Stage(lambda source: LinuxSensor(source, LinuxClock(), tracefs=None), source)


def list_devices(node: Path, folder: Path) -> None:
    """Have a page ask for the cameras."""
    page, program = folder / "list.html", folder / "chromium-with-camera"
    page.write_text(PAGE)
    program.write_text(WITH_CAMERA.format(node=shlex.quote(str(node))))
    program.chmod(0o755)
    with chromium.browser(program=str(program)) as found:
        found.open(page)
        WebDriverWait(found.driver, WITHIN_S).until(lambda driver: driver.title == "told")


def judged(sightings: list[Sighting]) -> list[Report]:
    """What the guard makes of them; nobody allowed anything."""
    book = Casebook(Timing(), 1)
    reports: list[Report] = []
    for sighting in sightings:
        for reached in (book.elapse(sighting.at, ()), book.take(sighting, ())):
            reports += reached.reports
    return reports + book.elapse(later(60, sightings[-1].at), ()).reports


def test_listing_the_cameras_is_a_look_by_the_browsers_capture_process(stage: Stage, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.to_thread(list_devices, scene.source.path(), tmp_path)
        await scene.until(lambda: bool(scene.openers()) and not scene.holders())

    scene = stage.play(story)
    (opener,) = {opener.identity: opener for opener in scene.openers()}.values()
    assert opener.exe == "/usr/lib/chromium/chromium"
    told = [report.kind for report in judged(scene.seen)]
    assert told == [Kind.CAMERA_ADDED, Kind.OPENED, Kind.PROBE]
