"""Cameras switched by hand, where no guard runs: really off, in the log, and kept for the guard that comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from camguard.core.events import Kind
from camguard.journal.queries import Reader
from tests.support.commands import CAMERA, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_off_and_on_by_hand(stage: Stage) -> None:
    done = stage.run("off")
    assert done.exit_code == 0, done.output
    assert f"{CAMERA} is off (checked)" in done.output
    assert not stage.node.exists()
    assert "off" in stage.run("status").output
    again = stage.run("off")
    assert again.exit_code == 0
    assert f"{CAMERA} is off (checked)" in again.output
    done = stage.run("on", "--camera", CAMERA.lower())
    assert done.exit_code == 0, done.output
    assert stage.node.exists()


def test_it_is_in_the_log_before_and_after(stage: Stage) -> None:
    stage.run("off")
    with Reader(stage.journal) as reader:
        entries = reader.entries()
    assert [entry.kind for entry in entries] == [Kind.POWER_SAID, Kind.ACTION_PENDING, Kind.ACTION_COMPLETED]
    assert entries[-1].data["outcome"]["result"] == "off"
    assert entries[0].data["extra"]["by"].startswith("user ")


def test_for_programs_it_says_what_was_done_and_how_the_cameras_stand(stage: Stage) -> None:
    told = json.loads(stage.run("off", "--json").output)
    assert told["answered_by"] == "command"
    assert [result["outcome"]["result"] for result in told["results"]] == ["off"]
    assert [camera["power"] for camera in told["cameras"]] == ["off"]


def test_what_was_said_by_hand_holds_for_the_guard_that_comes(stage: Stage) -> None:
    stage.run("off")
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="guard.started")
        refused = stage.run("on")
        assert refused.exit_code == 1
        assert "a guard" in refused.output
    assert not stage.node.exists()


def test_a_time_needs_somebody_who_ends_it(stage: Stage) -> None:
    refused = stage.run("on", "--for", "30m")
    assert refused.exit_code == 1
    assert "camguard service install" in refused.output
    assert stage.node.exists()


def test_a_camera_that_is_not_there_is_not_switched(stage: Stage) -> None:
    refused = stage.run("off", "--camera", "No Such Camera")
    assert refused.exit_code == 1
    assert CAMERA in refused.output
    assert stage.node.exists()


def test_without_a_camera_the_word_is_kept(tmp_path: Path) -> None:
    stage = Stage(tmp_path, camera=False)
    done = stage.run("off")
    assert done.exit_code == 0, done.output
    assert "one that will be is off" in done.output


@pytest.mark.parametrize("lasting", ["0s", "40d", "soon", "-5m"])
def test_a_time_that_makes_no_sense_is_refused(stage: Stage, lasting: str) -> None:
    refused = stage.run("on", "--for", lasting)
    assert refused.exit_code == 2
    assert stage.node.exists()
