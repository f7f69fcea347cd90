"""Hooks as people have them: real programs, run by the real command, and by the process that follows the service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.commands import ENVIRONMENT
from tests.support.service_stage import ServiceStage, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hooks are ended with all that they began on Linux")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest")


long = pytest.mark.long


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user can reach, which pytest's own are not; what hooks write goes to `out` in it."""
    with tempfile.TemporaryDirectory(prefix="camguard-hooks-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "out").mkdir()
        (folder / "out").chmod(0o777)
        yield folder


def program(folder: Path, text: str, name: str = "hook") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def table(name: str, run: list[str | Path], on: str = '["alert"]', timeout: str = "10s") -> str:
    return f'[hooks.{name}]\non = {on}\nrun = {json.dumps([str(word) for word in run])}\ntimeout = "{timeout}"\n'


def hooks(folder: Path, *arguments: str, config: str) -> subprocess.CompletedProcess[str]:
    file = folder / "config.toml"
    file.write_text(f'{config}[platform]\nbackend = "simulated"\nfolder = "cameras"\n')
    return subprocess.run(
        [sys.executable, "-m", "camguard", "--config", str(file), "hooks", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**ENVIRONMENT, "SECRET": "of the caller"},
        check=False,
    )


def runs(folder: Path, *arguments: str, config: str) -> list[dict[str, Any]]:
    done = hooks(folder, "test", "--json", *arguments, config=config)
    assert done.stdout, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
    return found


def test_a_hook_has_the_event_on_its_standard_input_and_little_in_its_environment(folder: Path) -> None:
    hook = program(folder, "cat; env | sort; pwd; id -u; echo to stderr >&2; exit 3")
    [ran] = runs(folder, "tell", config=table("tell", [hook, "one; echo two", "$HOME"]))
    event, *rest = ran["output"].splitlines()
    told = json.loads(event)
    assert (told["event"], told["app"]["name"], told["sample"]) == ("alert", "Sample App", True)
    assert (ran["exit_code"], ran["well"], ran["too_long"]) == (3, False, False)
    assert "CAMGUARD_EVENT=alert" in rest
    assert "CAMGUARD_HOOK=tell" in rest
    assert "SECRET=of the caller" not in rest
    assert rest[-1] == "to stderr"
    assert rest[-3] == "/"
    assert rest[-2] != "0"
    assert (ran["ran_by"], str(ran["uid"])) == ("command", rest[-2])


def test_the_words_of_a_hook_never_reach_a_shell(folder: Path) -> None:
    hook = program(folder, """printf '%s|' "$@" """)
    [ran] = runs(folder, config=table("tell", [hook, "$(id)", "; echo x", "*"]))
    assert ran["output"] == "$(id)|; echo x|*|"
    assert ran["well"]


@long
def test_a_hook_is_tried_on_each_kind_it_is_for(folder: Path) -> None:
    config = table("tell", [program(folder, 'echo "$CAMGUARD_EVENT"')], on='["alert", "ended", "guard.blind"]')
    assert [ran["output"] for ran in runs(folder, config=config)] == ["alert\n", "ended\n", "guard.blind\n"]
    assert [ran["event"] for ran in runs(folder, "--event", "probe", config=config)] == ["probe"]


@long
def test_of_much_output_the_beginning_is_kept(folder: Path) -> None:
    [ran] = runs(folder, config=table("tell", [program(folder, "head -c 5000000 /dev/zero | tr '\\0' x")]))
    assert ran["well"]
    assert ran["output"] == "x" * 4096


@long
def test_a_hook_that_takes_too_long_is_ended_with_all_that_it_began(folder: Path) -> None:
    text = "setsid sh -c 'echo $$ >out/far; exec sleep 600' & sleep 600 & echo $! >out/near; wait"
    hook = program(folder, f"cd {folder}\nuntil [ -s out/far ]; do :; done & {text}")
    [ran] = runs(folder, config=table("tell", [hook], timeout="2s"))
    assert ran["too_long"]
    assert not ran["well"]
    for name in ("far", "near"):
        assert not psutil.pid_exists(int((folder / "out" / name).read_text()))


@long
def test_what_a_hook_leaves_running_is_ended_too(folder: Path) -> None:
    text = "(setsid sh -c 'echo $$ >out/left; exec sleep 600' &)\nuntil [ -s out/left ]; do :; done"
    [ran] = runs(folder, config=table("tell", [program(folder, f"cd {folder}\n{text}")]))
    assert ran["well"]
    assert not psutil.pid_exists(int((folder / "out/left").read_text()))


@long
def test_a_hook_need_not_read(folder: Path) -> None:
    [ran] = runs(folder, config=table("tell", [program(folder, "exec <&-; exit 0")]))
    assert ran["well"]


@long
def test_a_hook_that_is_no_program_is_told_by_list_and_test(folder: Path) -> None:
    config = table("none", [folder / "none"]) + table("fine", ["/bin/true"])
    listed = hooks(folder, "list", "--json", config=config)
    none, fine = json.loads(listed.stdout)["hooks"]
    assert listed.returncode == 1
    assert "No such file" in none["why_not"]
    assert fine["why_not"] is None
    assert fine["timeout_s"] == 10
    assert "is not run" in hooks(folder, "list", config=config).stdout
    [ran] = runs(folder, "none", config=config)
    assert "No such file" in ran["why"]
    missing = hooks(folder, "test", "other", config=config)
    assert (missing.returncode, 'there is no hook "other"' in missing.stderr) == (1, True)


@long
def test_a_program_that_others_may_write_is_not_run(folder: Path) -> None:
    hook = program(folder, "echo done")
    hook.chmod(0o777)
    [ran] = runs(folder, config=table("tell", [hook]))
    assert ran["exit_code"] is None
    assert "others" in ran["why"]


@long
@as_root
def test_what_roots_configuration_names_must_be_roots_in_every_part(folder: Path) -> None:
    (folder / "bin").mkdir()
    hook = program(folder / "bin", "echo done")
    os.chown(folder / "bin", 65534, 65534)
    [ran] = runs(folder, config=table("tell", [hook]))
    assert f"{folder}/bin does not belong to root" in ran["why"]


@contextmanager
def following(stage: ServiceStage, *, keep: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The process that runs hooks, which has begun to follow the service; what it says is added to `keep`."""
    with subprocess.Popen(
        [sys.executable, "-m", "camguard.hooks", "--config", str(stage.config), "--socket", str(stage.socket)],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            keep.append(line)
            if "following the guard" in line:
                break
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            keep += process.communicate(timeout=30)[1].splitlines()


@pytest.fixture
def stage(folder: Path) -> Iterator[ServiceStage]:
    stage = ServiceStage(folder / "out")
    (folder / "out").chmod(0o777)
    try:
        yield stage
    finally:
        stage.close()


@long
@as_root
def test_hooks_are_run_on_what_the_service_sees_in_order(folder: Path, stage: ServiceStage) -> None:
    hook = program(folder, f"cat >>{folder}/out/told")
    stage.configure(table("tell", [hook], on='["capturing", "alert", "ended"]'))
    stage.start()
    said: list[str] = []
    told = folder / "out/told"
    with following(stage, keep=said):
        with stage.stranger():
            until("the alert", lambda: told.exists() and '"alert"' in told.read_text())
        until("the end", lambda: told.read_text().count("\n") == 3)
    records = [json.loads(line) for line in told.read_text().splitlines()]
    assert [record["event"] for record in records] == ["capturing", "alert", "ended"]
    assert records[0]["process"]["exe"]
    assert not any("hook tell" in line for line in said)


@long
@as_root
def test_a_hook_that_fails_is_told_once(folder: Path, stage: ServiceStage) -> None:
    hook = program(folder, f"echo sorry; echo >>{folder}/out/runs; exit 7")
    stage.configure(table("tell", [hook], on='["opened", "capturing", "alert", "ended"]'))
    stage.start()
    said: list[str] = []
    done = folder / "out/runs"
    with following(stage, keep=said):
        with stage.stranger():
            until("an alert", lambda: done.exists() and len(done.read_text()) >= 3)
        until("the end", lambda: len(done.read_text()) >= 4)
    assert sum("hook tell ended with exit code 7" in line for line in said) == 1
    assert sum("it said: sorry" in line for line in said) == 1


@long
@as_root
def test_the_hooks_come_back_with_the_service(folder: Path, stage: ServiceStage) -> None:
    hook = program(folder, f"cat >>{folder}/out/told")
    stage.configure(table("tell", [hook], on='["alert"]'))
    stage.start()
    said: list[str] = []
    told = folder / "out/told"
    with following(stage, keep=said) as process:
        stage.kill()
        stage.start()
        assert process.stderr is not None
        for line in process.stderr:
            if "following the guard" in line:
                break
        with stage.stranger():
            until("the alert", told.exists)


def test_without_hooks_there_is_nothing_to_do(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "camguard.hooks", "--config", str(folder / "none.toml")],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "nothing to do" in done.stderr
