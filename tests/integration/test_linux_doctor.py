"""What doctor finds, on this machine and on one made of plain files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from camguard.core.model import Camera, CameraId, CameraKind, Node
from camguard.errors import SensorError
from camguard.platform.linux.doctor import LinuxExaminer, Places
from camguard.platform.linux.packages import Packages
from camguard.platform.linux.switch import LinuxSwitch
from camguard.ports import CameraSource, Finding, Level
from tests.support.fake_sysfs import MICROPHONE, WEBCAM, FakeCameras, FakeSysfs

DQBUF = "sys/kernel/tracing/events/v4l2/v4l2_dqbuf"


class Cameras:
    def __init__(self, cameras: Sequence[Camera] = (), error: SensorError | None = None) -> None:
        self._cameras, self._error = tuple(cameras), error

    def cameras(self) -> tuple[Camera, ...]:
        if self._error is not None:
            raise self._error
        return self._cameras

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        raise AssertionError("doctor does not follow")


def camera(path: Path, kind: CameraKind = CameraKind.WEBCAM) -> Camera:
    return Camera(CameraId("c"), "Webcam", (Node(str(path), (81, 0)),), kind)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A machine on which all is well."""
    for folder in (
        "proc/self/ns",
        "proc/7/fd",
        "proc/sys/fs/inotify",
        "sys/kernel/tracing/events/v4l2/v4l2_dqbuf",
        "data",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to("pid:[4026531836]")
    (tmp_path / "proc/self/mounts").write_text("proc /proc proc rw,relatime 0 0\n")
    (tmp_path / "proc/sys/fs/inotify/max_user_watches").write_text("65536\n")
    (tmp_path / "proc/sys/fs/inotify/max_user_instances").write_text("128\n")
    (tmp_path / DQBUF / "format").write_text("x")
    (tmp_path / "control").touch()
    return Places(
        f"{tmp_path}/proc", f"{tmp_path}/sys", f"{tmp_path}/control", f"{tmp_path}/data", (f"{tmp_path}/mark",)
    )


def examine(source: CameraSource, places: Places) -> dict[str, Finding]:
    found = LinuxExaminer(source, LinuxSwitch(source, places.sys), places, Packages(())).examine()
    return {finding.topic: finding for finding in found}


def test_a_machine_on_which_all_is_well(tmp_path: Path, places: Places) -> None:
    (tmp_path / "video0").touch()
    found = examine(Cameras([camera(tmp_path / "video0")]), places)
    for topic in ("camera", "frames", "processes", "container", "udev", "inotify", "packages"):
        assert (found[topic].level, found[topic].remedy) == (Level.OK, None), found[topic]


def test_every_finding_that_is_not_well_has_a_remedy(tmp_path: Path) -> None:
    nowhere = Places(str(tmp_path), str(tmp_path), udev_control=str(tmp_path / "no"))
    found = LinuxExaminer(Cameras(), LinuxSwitch(Cameras(), nowhere.sys), nowhere).examine()
    assert any(finding.level is not Level.OK for finding in found)
    assert all(finding.remedy for finding in found if finding.level is not Level.OK)
    assert all(finding.sentence.endswith(".") for finding in found)


def test_without_a_camera_it_points_at_the_demo(places: Places) -> None:
    assert "camguard demo" in (examine(Cameras(), places)["cameras"].remedy or "")


def test_cameras_that_cannot_be_listed_are_a_problem(places: Places) -> None:
    found = examine(Cameras(error=SensorError("libudev is missing")), places)["cameras"]
    assert (found.level, found.sentence) == (Level.PROBLEM, "libudev is missing")


def test_a_camera_without_its_node_cannot_be_watched(tmp_path: Path, places: Places) -> None:
    found = examine(Cameras([camera(tmp_path / "video9")]), places)["camera"]
    assert found.level is Level.PROBLEM
    assert "Not there" in found.sentence


def test_a_node_that_may_not_be_read_names_the_group(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "video0").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who may run this, is refused nothing
    found = examine(Cameras([camera(tmp_path / "video0", CameraKind.INFRARED)]), places)["camera"]
    assert "infrared" in found.sentence
    assert "usermod -aG video" in (found.remedy or "")


@pytest.mark.parametrize("name", ["max_user_watches", "max_user_instances"])
def test_limits_that_are_too_low(tmp_path: Path, places: Places, name: str) -> None:
    (tmp_path / "proc/sys/fs/inotify" / name).write_text("8\n")
    found = examine(Cameras(), places)["inotify"]
    assert found.level is Level.WARNING
    assert f"{name} is 8" in found.sentence


def test_a_container_with_its_own_processes_is_blind_to_others(tmp_path: Path, places: Places) -> None:
    (tmp_path / "proc/self/ns/pid").unlink()
    (tmp_path / "proc/self/ns/pid").symlink_to("pid:[4026532999]")
    assert examine(Cameras(), places)["container"].level is Level.WARNING


def test_a_machine_without_udev(tmp_path: Path, places: Places) -> None:
    (tmp_path / "data").rmdir()
    assert "database" in examine(Cameras(), places)["udev"].sentence
    (tmp_path / "control").unlink()
    assert "No udev daemon" in examine(Cameras(), places)["udev"].sentence


def test_a_machine_whose_kernel_does_not_tell_of_frames(tmp_path: Path, places: Places) -> None:
    (tmp_path / DQBUF / "format").unlink()
    assert examine(Cameras(), places)["frames"].level is Level.WARNING


def switching(tree: FakeSysfs) -> list[Finding]:
    source = FakeCameras(tree)
    found = LinuxExaminer(source, LinuxSwitch(source, str(tree.sys))).examine()
    return [finding for finding in found if finding.topic == "switch"]


@pytest.mark.parametrize(("uid", "level", "end"), [(0, Level.OK, "stays on."), (1000, Level.WARNING, "as root only.")])
def test_how_a_camera_could_be_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, level: Level, end: str
) -> None:
    tree = FakeSysfs(tmp_path)
    tree.plug(product="Cam", functions=(*WEBCAM, *MICROPHONE))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    (found,) = switching(tree)
    assert found.sentence.startswith("Cam can be switched off: its USB video interfaces")
    assert found.sentence.endswith(end)
    assert (found.level, found.remedy is None) == (level, uid == 0)


def test_a_camera_that_takes_more_with_it_says_so(tmp_path: Path) -> None:
    tree = FakeSysfs(tmp_path)
    tree.platform_device("tv.0", "vivid", "sound")
    (found,) = switching(tree)
    assert "with it go its sound" in found.sentence


def test_a_camera_that_cannot_be_switched_off_is_to_be_covered(tmp_path: Path) -> None:
    tree = FakeSysfs(tmp_path)
    tree.loopback()
    (found,) = switching(tree)
    assert (found.level, "cannot be switched off" in found.sentence) == (Level.WARNING, True)
    assert "Cover its lens" in (found.remedy or "")


def test_a_camera_that_is_off_is_not_missing(tmp_path: Path) -> None:
    with FakeSysfs(tmp_path).kernel() as tree:
        tree.plug(product="Cam")
        source = FakeCameras(tree)
        switch = LinuxSwitch(source, str(tree.sys))
        switch.off(switch.plans(source.cameras()[0])[0], lambda _: None)
        said = [finding.sentence for finding in LinuxExaminer(source, switch).examine()]
        assert "Cam is plugged in and switched off." in said
        assert "No camera is plugged in." not in said


def test_this_machine_can_be_examined() -> None:
    found = {finding.topic for finding in LinuxExaminer(Cameras(), LinuxSwitch(Cameras())).examine()}
    assert {"cameras", "rights", "kernel", "opens", "frames", "processes", "container", "udev", "packages"} <= found
