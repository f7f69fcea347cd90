"""The guard as people use it: the real program, a pretend camera, real processes that use it."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from camguard.cli.text import width_of
from tests.support.commands import CAMERA, Stage
from tests.support.service_stage import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches by what Linux tells; run on Linux")

HOSTILE = "--help\x1b[31m\u202e\n<b>.py"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A stage after an evening: one use that was ended, one of a hostile name, a guard that stopped."""
    stage = Stage(tmp_path_factory.mktemp("told"))
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="camera.added")
        with stage.stranger() as process:
            alert = watch.named("alert")
            ended = stage.run("end", str(process.pid), "--yes", "--json")
            assert process.wait(30) == -signal.SIGTERM
        watch.object_with(event="ended", activation=alert["activation"])
        with stage.stranger(HOSTILE):
            watch.named("alert")
        watch.object_with(event="ended")
        code, _, errors = watch.stop()
    assert (code, errors) == (0, "")
    assert ended.exit_code == 0, ended.stderr
    [result] = json.loads(ended.stdout)["results"]
    assert result["outcome"]["result"] == "ended"
    assert result["uses"][0]["process"]["pid"] == process.pid
    return stage


@contextmanager
def terminal(typed: str) -> Iterator[int]:
    """The end of a terminal for a program, at which a person types."""
    person, program = pty.openpty()
    try:
        os.write(person, typed.encode())
        yield program
    finally:
        os.close(person)
        os.close(program)


def test_watch_prints_whole_objects(stage: Stage) -> None:
    with stage.running("watch", "--json") as watch:
        added = watch.object_with(event="camera.added")
        assert added["schema"] == 1
        assert added["camera"]["name"] == CAMERA
        with stage.stranger() as process:
            alert = watch.named("alert")
        assert {
            "schema",
            "event",
            "at",
            "activation",
            "camera",
            "state",
            "verdict",
            "reasons",
            "app",
            "process",
        } <= set(alert)
        assert (alert["verdict"], alert["state"], alert["app"]["name"]) == ("unexpected", "capturing", "stranger.py")
        assert {key: alert["process"][key] for key in ("pid", "exe")} == {
            "pid": process.pid,
            "exe": os.path.realpath(sys.executable),
        }
        assert [reason["code"] for reason in alert["reasons"]] == ["first-use"]
        watch.object_with(event="ended")
        code, rest, errors = watch.stop()
    assert (code, errors) == (0, "")
    assert [json.loads(line)["event"] for line in rest.splitlines()] == ["guard.stopped"]


def test_watch_says_it_in_lines(stage: Stage) -> None:
    with stage.running("watch") as watch:
        watch.line_with(f"The log is {stage.journal}.")
        watch.line_with("camera ", CAMERA)
        with stage.stranger(HOSTILE) as process:
            line = watch.line_with("ALERT", "a1 ", f"pid {process.pid}", "camguard end a1")
            if ": first use by this app" not in line:  # it did not wait for a name
                line = watch.line_with("a1 ", f"pid {process.pid}", ": first use by this app")
            assert r"--help\x1b[31m\u202e\n<b>.py" in line
            assert line.rstrip("\n").isprintable()
        watch.line_with("ended", CAMERA, ", after ")
        assert watch.stop(signal.SIGINT)[0] == 130
    assert stage.run("log", "verify").exit_code == 0


def test_watch_can_leave_out_what_was_expected(stage: Stage) -> None:
    def verdicts() -> list[str]:
        log = stage.run("log", "--app", "friend", "--json").stdout.splitlines()
        return [json.loads(line)["verdict"] for line in log]

    (stage.folder / "stranger.py").write_text("")
    with stage.running("watch", "--json", "--only-unexpected") as watch:
        watch.object_with(event="camera.added")
        with stage.stranger("friend.py"):
            watch.named("alert")
        assert watch.object_with(activation="a1")["verdict"] == "unexpected"
        assert stage.run("rules", "allow", "friend.py").exit_code == 0
        with stage.stranger("friend.py"), stage.stranger("other.py"):
            assert watch.app_with() == "other.py"
            until("the first is judged too", lambda: verdicts() == ["unexpected", "expected"])
        _, rest, _ = watch.stop()
    assert "friend.py" not in rest


def test_watch_waits_for_a_camera_and_points_at_the_demonstration(tmp_path: Path) -> None:
    stage = Stage(tmp_path, camera=False)
    with stage.running("watch") as watch:
        watch.line_with("No camera is plugged in.", "camguard demo")
        assert watch.stop()[0] == 0
    with stage.running("watch", "--json") as watch:
        assert watch.object_with(event="guard.started")["seq"] > 0
        code, _, errors = watch.stop()
    assert code == 0
    assert "No camera is plugged in." in errors
    assert "No camera is plugged in" in stage.run("status").stdout


def test_a_second_guard_is_refused_with_the_first_ones_pid(stage: Stage) -> None:
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="guard.started")
        second = stage.run_apart("watch")
        assert second.returncode == 1
        assert f"(pid {watch.process.pid})" in second.stderr
        assert second.stdout == ""
        assert json.loads(stage.run("status", "--json").stdout)["guard_pid"] == watch.process.pid
        watch.stop()


def test_a_reader_that_goes_away_ends_the_watch_in_order(stage: Stage) -> None:
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="camera.added")
        watch.stdout.close()
        with stage.stranger():
            assert watch.process.wait(30) == 141
        assert watch.process.stderr is not None
        assert watch.process.stderr.read() == ""
    with closing(sqlite3.connect(stage.journal)) as journal:
        [[kind]] = journal.execute("SELECT kind FROM entries ORDER BY seq DESC LIMIT 1")
    assert kind == "guard.stopped"


def test_blocked_apps_are_ended_by_the_guard(stage: Stage) -> None:
    script = stage.folder / "stranger.py"
    script.write_text("")
    assert stage.run("rules", "block", script).exit_code == 0
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="camera.added")
        with stage.stranger() as process:
            assert watch.object_with(event="alert")["verdict"] == "blocked"
            done = watch.object_with(event="action.completed")
            assert process.wait(30) == -signal.SIGTERM
        assert done["outcome"]["result"] == "ended"
        assert done["extra"]["by"] == "rule r1"
        watch.stop()


def test_status_names_who_holds_a_camera(stage: Stage) -> None:
    assert "No camera is in use." in stage.run("status").stdout
    with stage.stranger() as process:
        found = json.loads(stage.run("status", "--json").stdout)
        shown = stage.run("status").stdout
    assert found["guard_pid"] is None
    assert [camera["name"] for camera in found["cameras"]] == [CAMERA]
    [use] = found["uses"]
    assert (use["process"]["pid"], use["app"]["name"], use["mapped"]) == (process.pid, "stranger.py", True)
    assert "No guard is watching" in shown
    assert str(process.pid) in shown


def test_the_log_as_columns_fits_the_terminal(told: Stage) -> None:
    ran = told.run("log", COLUMNS="80")
    assert ran.exit_code == 0, ran.stderr
    heading, empty, day, first, *_, second = ran.stdout.splitlines()
    assert (empty, day) == ("", f"Today, {datetime.now().astimezone():%A %-d %B %Y}")
    assert heading.split() == ["ID", "BEGAN", "LASTED", "APP", "CAMERA", "USER", "VERDICT"]
    assert first.startswith("a1 ")
    assert "stranger.py" in first
    assert first.endswith("unexpected, ended")
    assert "--help" in second
    assert all(line.isprintable() and width_of(line) <= 80 for line in (heading, first, second))
    assert told.run("log").stdout.count(r"--help\x1b[31m\u202e\n<b>.py") == 1


def test_the_log_as_json_and_csv(told: Stage) -> None:
    first, *_, second = map(json.loads, told.run("log", "--json").stdout.splitlines())
    assert (first["activation"], first["app"]["name"], first["state"]) == ("a1", "stranger.py", "ended")
    assert first["actions"][0]["outcome"]["result"] == "ended"
    assert second["app"]["name"] == HOSTILE
    printed = told.run("log", "--csv").stdout
    assert all(line.isprintable() for line in printed.splitlines())
    rows = list(csv.DictReader(printed.splitlines()))
    assert rows[0]["activation"] == "a1"
    assert rows[-1]["app"] == r"'--help\x1b[31m\u202e\n<b>.py"
    assert told.run("log", "--csv", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("--limit 1", [HOSTILE]),
        ("--limit 0", ["stranger.py", HOSTILE]),
        ("--since today", ["stranger.py", HOSTILE]),
        ("--since 1h --unexpected --camera pretend", ["stranger.py", HOSTILE]),
        ("--app stranger", ["stranger.py"]),
        ("--until yesterday", []),
        ("--camera nothing", []),
    ],
)
def test_the_log_shows_what_is_asked_for(told: Stage, arguments: str, shown: list[str]) -> None:
    ran = told.run("log", "--json", *arguments.split())
    names = [json.loads(line)["app"]["name"] for line in ran.stdout.splitlines()]
    assert [name for name in names if name in {"stranger.py", HOSTILE}] == shown
    assert ran.exit_code == (0 if shown else 1)
    assert ("no use of a camera in the log matches" in ran.stderr) is not bool(shown)


def test_the_log_follows_what_comes(stage: Stage) -> None:
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="camera.added")
        with stage.stranger("before.py"):
            watch.named("alert")
        watch.object_with(event="ended")
        with stage.running("log", "--follow", "--json") as follow, stage.running("log", "-f") as lines:
            assert follow.object_with(activation="a1")["app"]["name"] == "before.py"
            lines.line_with("a1", "before.py")
            with stage.stranger("after.py"):
                assert follow.app_with(activation="a2") == "after.py"
                lines.line_with("a2", "after.py", "still on")
            assert follow.object_with(activation="a2", state="ended")["duration_ms"] > 0
            assert follow.stop(signal.SIGINT)[0] == 130
            assert lines.stop(signal.SIGINT)[2] == ""
        watch.stop()


def test_a_log_that_was_changed_is_found(tmp_path: Path, told: Stage) -> None:
    assert "The log is whole" in told.run("log", "verify").stdout
    whole = json.loads(told.run("log", "verify", "--json").stdout)
    assert whole["ok"] is True
    stage = Stage(tmp_path)
    with closing(sqlite3.connect(told.journal)) as source, closing(sqlite3.connect(stage.journal)) as copy:
        source.backup(copy)
        for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            copy.execute(f'DROP TRIGGER "{name}"')
        [[seq]] = copy.execute("SELECT min(seq) FROM entries WHERE body LIKE '%stranger.py%'")
        copy.execute("UPDATE entries SET body = replace(body, 'stranger.py', 'somebody.py') WHERE seq = ?", (seq,))
        copy.commit()
    ran = stage.run("log", "verify")
    assert ran.exit_code == 3
    assert "THE LOG WAS CHANGED" in ran.stdout
    changed = json.loads(stage.run("log", "verify", "--json").stdout)
    assert (changed["ok"], changed["first_bad"], changed["head_seq"]) == (False, seq, seq - 1)


def test_no_log_is_told_apart_from_an_empty_answer(stage: Stage) -> None:
    ran = stage.run("log")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert "no guard has kept a log" in ran.stderr
    assert stage.run("log", "verify").exit_code == 1


def test_ending_asks_first(stage: Stage) -> None:
    with stage.stranger() as process:
        refused = stage.run("end", str(process.pid))
        assert refused.exit_code == 2
        assert "add --yes" in refused.stderr
        with terminal("n\n") as stdin:
            left = stage.run_apart("end", "strang", stdin=stdin)
        assert (left.returncode, left.stdout) == (1, "Nothing was done.\n")
        assert f"{CAMERA} is held by stranger.py (pid {process.pid}" in left.stderr
        assert process.poll() is None
        with terminal("y\n") as stdin:
            ended = stage.run_apart("end", "stranger.py", stdin=stdin)
        assert process.wait(30) == -signal.SIGTERM
    assert ended.returncode == 0
    assert "SIGTERM" in ended.stdout
    assert f"Ended: {CAMERA} is free of stranger.py" in ended.stdout
    events = [entry["kind"] for entry in _entries(stage)]
    assert events == ["preserved", "action.pending", "action.completed"]


def test_there_must_be_something_to_end(stage: Stage) -> None:
    for target, said in (
        ("cheese", "no app named"),
        (str(os.getpid()), "does not hold a camera"),
        ("a3", "no activation a3"),
    ):
        ran = stage.run("end", target, "--yes")
        assert ran.exit_code == 1
        assert said in ran.stderr


def test_doctor_finds_what_is_wrong(stage: Stage, tmp_path: Path) -> None:
    found = json.loads(stage.run("doctor", "--json").stdout)["findings"]
    assert {"rules", "log"} <= {finding["topic"] for finding in found}
    (tmp_path / "rules.toml").write_text("[[rule]]\nid = 3\n")
    ran = stage.run("doctor")
    assert ran.exit_code == 1
    assert f"PROBLEM  rules: {tmp_path}/rules.toml:2:" in ran.stdout


def test_the_demonstration_runs_without_a_terminal(stage: Stage) -> None:
    ran = stage.run_apart("demo")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "ALERT" in ran.stdout
    assert "is using Pretend Webcam: first use by this app" in ran.stdout
    assert re.search(r"^a1 .* stranger\.py .* unexpected, ended$", ran.stdout, re.MULTILINE)
    assert not stage.journal.exists()


def test_the_demonstration_asks_at_a_terminal(stage: Stage) -> None:
    with terminal("n\n") as stdin:
        ran = stage.run_apart("demo", "--seconds", "1", stdin=stdin)
    assert ran.returncode == 0
    assert "It was left alone" in ran.stdout


def _entries(stage: Stage) -> list[dict[str, str]]:
    with closing(sqlite3.connect(stage.journal)) as journal:
        return [json.loads(body) for (body,) in journal.execute("SELECT body FROM entries ORDER BY seq")]
