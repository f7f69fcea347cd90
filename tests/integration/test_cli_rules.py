"""Rules by command: what is meant, what is stored, what it comes to."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from camguard.core.circumstance import Circumstance
from camguard.core.model import AppIdentity, AppKind, Effect, Lasting
from camguard.rulebook import load
from tests.support.commands import CAMERA, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "tool.py"
    path.write_text("#!/usr/bin/env python3\nprint(1)\n")
    path.chmod(0o755)
    return path


def done(ran: Result, code: int = 0) -> str:
    assert ran.exit_code == code, ran.output
    return ran.output


def verdict(stage: Stage, *arguments: str | Path) -> tuple[str, list[str]]:
    ran = stage.run("rules", "test", "--json", *arguments)
    found = json.loads(ran.stdout)
    assert ran.exit_code == (0 if found["verdict"] == "expected" else 1)
    return found["verdict"], [reason["code"] for reason in found["reasons"]]


def test_a_path_becomes_an_identity_with_its_content(stage: Stage, script: Path) -> None:
    shown = done(stage.run("rules", "allow", script, "--note", "mine"))
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    [rule] = load(stage.rules)
    assert rule.app == AppIdentity(AppKind.SCRIPT, str(script), None, digest)
    assert (rule.id, rule.effect, rule.lasting, rule.app_name, rule.note) == (
        "r1", Effect.ALLOW, Lasting.ALWAYS, "tool.py", "mine",
    )  # fmt: skip
    assert "Stored r1: allow tool.py" in shown
    assert digest[:12] in shown
    assert f"in {stage.rules}." in shown


def test_a_changed_file_is_asked_about_again(stage: Stage, script: Path) -> None:
    assert verdict(stage, script) == ("unexpected", ["first-use"])
    done(stage.run("rules", "allow", script))
    assert verdict(stage, script) == ("expected", ["allowed-by-rule"])
    assert verdict(stage, f"script:{script}") == ("expected", ["allowed-by-rule"])
    script.write_text("#!/usr/bin/env python3\nprint(2)\n")
    assert verdict(stage, script)[1][0] == "app-changed"


def test_words_of_the_rules_file_are_taken_as_written(stage: Stage) -> None:
    done(stage.run("rules", "block", "package:cheese", "--user", "anna", "--camera", CAMERA))
    [rule] = load(stage.rules)
    assert rule.app == AppIdentity(AppKind.PACKAGE, "cheese")
    assert (rule.effect, rule.user, rule.camera) == (Effect.BLOCK, "anna", CAMERA)
    assert verdict(stage, "package:cheese", "--user", "anna") == ("blocked", ["blocked-by-rule"])
    assert verdict(stage, "package:cheese", "--user", "otto")[0] == "unexpected"


def test_a_rule_for_somebody_or_something_that_is_not_there_is_stored_and_doubted(stage: Stage) -> None:
    ran = stage.run("rules", "block", "package:cheese", "--user", "n\x1bbody", "--camera", "Dor")
    assert "Stored r1: block" in done(ran)
    assert 'This machine has no user "n\\x1bbody"' in ran.stderr
    assert 'No camera that is plugged in is called "Dor"' in ran.stderr
    sure = stage.run("rules", "block", "package:cheese", "--user", "root", "--camera", CAMERA.upper())
    assert (done(sure).splitlines()[0][:10], sure.stderr) == ("Stored r2:", "")


def test_hours_hold_when_they_say(stage: Stage) -> None:
    done(stage.run("rules", "allow", "package:zoom", "--hours", "Mon-Fri 09:00-17:30"))
    assert verdict(stage, "package:zoom", "--at", "2026-11-24 10:00") == ("expected", ["allowed-by-rule"])
    assert verdict(stage, "package:zoom", "--at", "2026-11-24 20:00")[1][0] == "outside-hours"
    assert verdict(stage, "package:zoom", "--at", "2026-11-22 10:00")[0] == "unexpected"


def test_a_new_answer_replaces_the_old(stage: Stage) -> None:
    done(stage.run("rules", "allow", "package:zoom", "--until", "2h"))
    shown = done(stage.run("rules", "ask", "package:zoom", "--once"))
    assert "Stored r1: ask" in shown
    assert "in place of r1: allow" in shown
    [rule] = load(stage.rules)
    assert (rule.effect, rule.lasting, rule.until_utc_ns) == (Effect.ASK, Lasting.ONCE, None)


def test_rules_are_listed_and_removed(stage: Stage) -> None:
    shipped = done(stage.run("rules", "list")).splitlines()
    assert shipped[0].startswith("There are no rules")
    assert shipped[0].endswith("unexpected, but for these.")
    assert all("shipped with camguard" in line for line in shipped[2:])
    done(stage.run("rules", "allow", "package:zoom", "--until", "2999-01-01"))
    done(stage.run("rules", "block", "package:a\x1b[31mb", "--hours", "22:00-06:00"))
    heading, first, second, *others = done(stage.run("rules", "list")).splitlines()
    assert len(others) == len(shipped) - 2
    assert heading.split() == ["ID", "EFFECT", "APP", "CAMERA", "USER", "HOURS", "LASTS", "NOTE"]
    assert first.split()[:3] == ["r1", "allow", "package:zoom"]
    assert "until 2999-01-01 23:59" in first
    assert r"package:a\x1b[31mb" in second
    listed = json.loads(done(stage.run("rules", "list", "--json")))
    assert [(rule["id"], rule["effect"], rule["hours"]) for rule in listed["rules"] if not rule["shipped"]] == [
        ("r1", "allow", None),
        ("r2", "block", "22:00-06:00"),
    ]
    assert "Removed r1: allow zoom" in done(stage.run("rules", "remove", "r1"))
    assert [rule.id for rule in load(stage.rules)] == ["r2"]
    assert 'there is no rule "r1"' in done(stage.run("rules", "remove", "r1"), 1)


def test_shipped_rules_are_left_out_by_the_configuration_and_removed_by_nothing_else(stage: Stage) -> None:
    listed = json.loads(done(stage.run("rules", "list", "--json")))["rules"]
    assert all(rule["shipped"] and rule["camera_kind"] == "infrared" for rule in listed)
    assert "login.howdy.1" in {rule["id"] for rule in listed}
    said = done(stage.run("rules", "remove", "login.howdy.1"), 1)
    assert "comes with camguard" in said
    assert "shipped = false" in said
    config = stage.config.read_text()
    assert "[rules]" in config
    stage.config.write_text(config.replace("[rules]", "[rules]\nshipped = false"))
    assert json.loads(done(stage.run("rules", "list", "--json")))["rules"] == []
    assert "every use of a camera is unexpected." in done(stage.run("rules", "list"))


def test_a_supposed_circumstance_is_judged(stage: Stage) -> None:
    done(stage.run("rules", "allow", "package:zoom"))
    assert verdict(stage, "package:zoom", "--locked", "--remote") == (
        "unexpected", ["locked", "remote", "allowed-otherwise"],
    )  # fmt: skip
    assert verdict(stage, "package:zoom", "--idle", "--new") == ("expected", ["allowed-by-rule"])
    said = done(stage.run("rules", "test", "package:zoom", "--locked"), 1)
    assert "the screen is locked (locked)" in said
    assert "rule r1 allows this app otherwise (allowed-otherwise)" in said
    shown = done(stage.run("rules", "allow", "package:zoom", "--even", "remote", "--even", "locked"))
    assert "even locked, remote, always" in shown
    assert load(stage.rules)[0].even == {Circumstance.LOCKED, Circumstance.REMOTE}
    assert verdict(stage, "package:zoom", "--locked", "--remote") == ("expected", ["allowed-by-rule"])
    assert verdict(stage, "package:zoom", "--locked", "--deleted")[1] == ["deleted", "allowed-otherwise"]


@pytest.mark.parametrize("circumstance", Circumstance)
def test_each_circumstance_has_its_option_and_can_be_asked_for(stage: Stage, circumstance: Circumstance) -> None:
    every = "\n".join(f"{each.key} = true" for each in Circumstance)
    stage.config.write_text(f"{stage.config.read_text()}\n[context]\n{every}\n")
    done(stage.run("rules", "allow", "package:zoom"))
    assert verdict(stage, "package:zoom", f"--{circumstance}")[1] == [circumstance, "allowed-otherwise"]
    stage.config.write_text(
        stage.config.read_text().replace(f"{circumstance.key} = true", f"{circumstance.key} = false")
    )
    assert verdict(stage, "package:zoom", f"--{circumstance}")[1] == ["allowed-by-rule"]


def test_even_is_for_rules_that_allow(stage: Stage) -> None:
    for effect in ("ask", "block"):
        assert "--even is for" in done(stage.run("rules", effect, "package:zoom", "--even", "locked"), 2)


def test_each_change_is_in_the_log(stage: Stage) -> None:
    done(stage.run("rules", "allow", "package:zoom"))
    done(stage.run("rules", "remove", "r1"))
    with closing(sqlite3.connect(stage.journal)) as journal:
        kinds = [kind for (kind,) in journal.execute("SELECT kind FROM entries ORDER BY seq")]
    assert kinds == ["rule.added", "rule.removed"]


@pytest.mark.parametrize(
    ("app", "code", "said"),
    [
        ("cheese", 1, 'no app named "cheese" is in the log; give the path'),
        ("a17", 1, "there is no activation a17 in the log"),
        ("/no/such/file", 1, "/no/such/file"),
        ("no\x1bsuch", 1, r"no\x1bsuch"),
    ],
)
def test_an_app_that_is_not_known_is_told(stage: Stage, app: str, code: int, said: str) -> None:
    ran = stage.run("rules", "allow", app)
    assert said in done(ran, code)
    assert ran.stderr.startswith("camguard: ")
    assert not stage.rules.exists()


def test_a_camera_that_is_not_there_is_told(stage: Stage) -> None:
    ran = stage.run("rules", "test", "package:x", "--camera", "Door")
    assert f'no camera is called "Door"; there is: {CAMERA}' in done(ran, 1)


def test_what_the_log_knows_can_be_named(stage: Stage) -> None:
    with stage.running("watch", "--json") as watch:
        watch.object_with(event="camera.added")
        with stage.stranger():
            number = watch.named("alert")["activation"]
        watch.object_with(event="ended")
        watch.stop()
    path = stage.folder / "stranger.py"
    wanted = AppIdentity(AppKind.SCRIPT, str(path), None, hashlib.sha256(path.read_bytes()).hexdigest())
    done(stage.run("rules", "allow", number))
    done(stage.run("rules", "block", "Stranger.py", "--user", "otto"))
    by_number, by_name = load(stage.rules)
    assert by_number.app == wanted
    assert by_name.app == AppIdentity(AppKind.SCRIPT, str(path))
    assert verdict(stage, "stranger.py") == ("expected", ["allowed-by-rule"])
    assert verdict(stage, number, "--user", "otto") == ("blocked", ["blocked-by-rule"])
