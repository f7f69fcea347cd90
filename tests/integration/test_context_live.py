"""The circumstances of a use, from the edges to the alert and the log."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from camguard.core.circumstance import Circumstance
from camguard.core.model import CameraKind
from camguard.platform.simulated.cameras import make_camera
from camguard.platform.simulated.context import pretend_context
from camguard.rulebook import load
from tests.support.commands import Stage

pytestmark = pytest.mark.long


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def use(stage: Stage, **circumstances: bool) -> dict[str, Any]:
    """What a guard makes of a use in these circumstances."""
    pretend_context(stage.folder / "cameras", **circumstances)
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="camera.added")
        with stage.stranger():
            told = watch.named("judged")
        watch.object_with(event="ended")
        watch.stop()
    return told


def allow(stage: Stage, *more: str) -> None:
    with stage.stranger():
        pass
    done = stage.run("rules", "allow", f"script:{stage.folder / 'stranger.py'}", *more)
    assert done.exit_code == 0, done.output


def codes(told: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in told["reasons"]]


def logged(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stage.run("log", "--json").stdout.splitlines()[-1])
    return found


def test_a_trusted_app_on_a_locked_screen_raises_an_alert_that_says_so(stage: Stage) -> None:
    allow(stage)
    told = use(stage, locked=True)
    assert (told["verdict"], codes(told)) == ("unexpected", ["locked", "allowed-otherwise"])
    assert "rule" not in told
    assert told["context"]["locked"] is True
    kept = logged(stage)
    assert (kept["alerted"], kept["context"]["locked"]) == (True, True)
    assert kept["reasons"][0]["sentence"] == "the screen is locked"


def test_always_allow_means_in_these_circumstances_too(stage: Stage) -> None:
    allow(stage, "--even", "remote")
    assert use(stage, locked=True, remote=True)["verdict"] == "unexpected"
    answered = stage.run("alerts", "answer", logged(stage)["activation"], "allow")
    assert answered.exit_code == 0, answered.output
    standing = [rule for rule in load(stage.rules) if rule.app is not None and rule.app.path is not None]
    assert [rule.even for rule in standing or load(stage.rules)][-1] == {Circumstance.LOCKED, Circumstance.REMOTE}
    told = use(stage, locked=True, remote=True)
    assert (told["verdict"], codes(told)) == ("expected", ["allowed-by-rule"])


def test_the_screen_is_in_the_log_where_it_changed_nothing(stage: Stage) -> None:
    allow(stage, "--even", "locked")
    assert use(stage, locked=True, new=False)["verdict"] == "expected"
    kept = logged(stage)
    assert (kept["alerted"], kept["context"]["locked"], kept["context"]["new"]) == (False, True, False)
    assert kept["context"]["remote"] is None
    [row] = list(csv.DictReader(io.StringIO(stage.run("log", "--csv").stdout)))
    assert row["locked"] == "yes"


def test_what_is_not_known_of_a_use_alerts_nobody_and_is_logged_as_that(stage: Stage) -> None:
    allow(stage)
    assert use(stage)["verdict"] == "expected"
    assert set(logged(stage)["context"].values()) == {None}
    [row] = list(csv.DictReader(io.StringIO(stage.run("log", "--csv").stdout)))
    assert row["locked"] == ""


def test_what_the_configuration_switches_off_is_logged_all_the_same(stage: Stage) -> None:
    stage.config.write_text(stage.config.read_text() + "[context]\nlocked = false\n")
    allow(stage)
    assert use(stage, locked=True)["verdict"] == "expected"
    assert logged(stage)["context"]["locked"] is True


def test_status_tells_the_context_of_a_use_that_goes_on(stage: Stage) -> None:
    allow(stage)
    pretend_context(stage.folder / "cameras", locked=True)
    with stage.stranger():
        [now] = json.loads(stage.run("status", "--json").stdout)["uses"]
    assert (now["verdict"], now["context"]["locked"]) == ("unexpected", True)


def test_the_demonstration_can_be_played_with_a_locked_screen(stage: Stage) -> None:
    done = stage.run("demo", "--yes", "--locked")
    assert done.exit_code == 0, done.output
    assert "first use by this app; the screen is locked" in done.output


def test_a_demonstration_whose_reader_goes_away_in_the_middle_ends(stage: Stage) -> None:
    with stage.running("demo", "--yes") as demo:
        demo.line_with("guard", "started")  # all that people are to see comes after this, however late we are
        demo.stdout.close()
        assert demo.process.wait(30) == 141


def test_an_infrared_camera_is_not_open_to_whoever_bears_a_login_managers_name(stage: Stage) -> None:
    stage.node.unlink()
    stage.node = make_camera(stage.folder / "cameras", "IR Camera", kind=CameraKind.INFRARED)
    pretend_context(stage.folder / "cameras", locked=True)
    with stage.stranger("compare.py"):
        [now] = json.loads(stage.run("status", "--json").stdout)["uses"]
    assert (now["camera"]["kind"], now["verdict"]) == ("infrared", "unexpected")
