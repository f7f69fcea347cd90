"""What the service lets each user see, do and rule: the own uses, and no more of others' than that there was one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from camguard.core.events import Kind
from camguard.ipc import calls
from tests.support.commands import CAMERA
from tests.support.service_seen import entries, extras, reachable_stage, seen_by, until_named
from tests.support.service_stage import NOBODY, ServiceStage, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest")


@pytest.fixture
def stage() -> Iterator[ServiceStage]:
    """The service, running."""
    with reachable_stage() as made:
        made.start()
        yield made


def test_was_on_tells_each_user_the_own_uses_and_of_others_that_there_was_one(stage: ServiceStage) -> None:
    with stage.stranger():
        until_named(stage)
    until("the use is over", lambda: bool(entries(stage, Kind.ENDED)))
    whole, less = (stage.objects("was-on", "2h", "--within", "4h", uid=uid) for uid in (None, NOBODY))
    assert whole["answer"] == less["answer"] == "yes"
    [own], [others] = whole["uses"], less["uses"]
    assert (own["whole"], own["app"]["name"]) == (True, "stranger.py")
    assert (others["whole"], others["app"], others["process"], others["reasons"]) == (False, None, None, [])
    assert (others["camera"], others["opened_at"]) == (own["camera"], own["opened_at"])
    assert "stranger" not in json.dumps(less)
    assert [stretch["watch"] for stretch in whole["coverage"]] == ["not watched", "watched"]
    said = stage.run("was-on", "1m", uid=NOBODY)
    assert said.returncode == 3, said.stderr
    assert "another user's program used Pretend Webcam" in said.stdout
    assert stage.run("was-on", "1m", "--camera", "none such", uid=NOBODY).returncode == 1


def test_another_user_may_not_end_switch_or_allow_and_each_refusal_is_in_the_log(stage: ServiceStage) -> None:
    with stage.stranger() as stranger:
        until_named(stage)
        [activation] = [entry.activation for entry in entries(stage, Kind.OPENED)]
        ended = stage.run("end", "--yes", f"a{activation}", uid=NOBODY)
        assert ended.returncode == 1
        assert stranger.poll() is None
    switched = stage.run("off", uid=NOBODY)
    assert switched.returncode == 1
    assert "may switch cameras" in switched.stderr
    assert stage.node.exists()
    allowed = stage.run("rules", "allow", stage.script("stranger.py"), "--user", "root", uid=NOBODY)
    assert allowed.returncode == 1
    assert not stage.rules.exists()
    wanted = {"uses", "switch", "add-rule"}
    until("all are written down", lambda: wanted <= {extra["call"] for extra in extras(stage, Kind.CALL_REFUSED)})


def test_a_use_of_another_user_cannot_be_ended_by_what_names_it(stage: ServiceStage) -> None:
    with stage.stranger() as stranger, stage.client() as client:
        until_named(stage)
        [use] = client.call(calls.Uses(target="stranger.py"))["uses"]
        ref = json.dumps(use["ref"])
        script = (
            "import json, sys\nfrom pathlib import Path\nfrom camguard.ipc import calls, client\n"
            "service = client.connect(Path(sys.argv[1]))\n"
            "service.call(calls.End(uses=(calls.UseRef(**json.loads(sys.argv[2])),)))\n"
        )
        (stage.folder / "attack.py").write_text(script)
        done = stage.run_script(stage.folder / "attack.py", str(stage.socket), ref, uid=NOBODY)
        assert "Refused" in done.stderr
        assert stranger.poll() is None
        until("it is written down", lambda: bool(extras(stage, Kind.CALL_REFUSED)))
        assert [extra["call"] for extra in extras(stage, Kind.CALL_REFUSED)] == ["end"]


def test_a_user_sees_that_a_camera_is_used_but_not_by_whom(stage: ServiceStage) -> None:
    with stage.running("watch", "--json", uid=NOBODY) as watch, seen_by(watch), stage.stranger("secret-app.py"):
        seen = watch.object_with(event="capturing")
        assert seen["camera"]["name"] == CAMERA
        assert (seen["app"], seen["process"]) == (None, None)
        [use] = stage.objects("status", uid=NOBODY)["uses"]
        assert "secret-app" not in json.dumps([seen, use])


def test_a_user_makes_rules_for_himself_alone(stage: ServiceStage) -> None:
    with stage.stranger("mine.py", uid=NOBODY):
        until_named(stage)
    [activation] = {entry.activation for entry in entries(stage, Kind.JUDGED)}
    done = stage.run("rules", "allow", f"a{activation}", uid=NOBODY)
    assert done.returncode == 0, done.stderr
    [rule] = stage.own_rules(NOBODY)
    assert rule["user"] == rule["by"] == "nobody"
    with stage.stranger("mine.py", uid=NOBODY):
        until_named(stage, 2)
    assert entries(stage, Kind.JUDGED)[-1].data["verdict"] == "expected"
    assert stage.run("rules", "remove", rule["id"], uid=NOBODY).returncode == 0


def test_users_make_no_rules_where_the_configuration_says_so() -> None:
    with reachable_stage('[access]\nrules = "admins"\n') as stage:
        stage.start()
        done = stage.run("rules", "block", stage.script("mine.py"), uid=NOBODY)
        assert done.returncode == 1
        assert "only root and the group camguard" in done.stderr
        assert not stage.rules.exists()


def test_a_rule_of_an_administrator_is_not_a_users_to_remove(stage: ServiceStage) -> None:
    assert stage.run("rules", "block", stage.script("spy.py")).returncode == 0
    done = stage.run("rules", "remove", "r1", uid=NOBODY)
    assert done.returncode == 1
    assert "was not made by you" in done.stderr
    assert len(stage.own_rules()) == 1


def test_everybody_sees_the_rules_that_come_along_and_nobody_removes_them(stage: ServiceStage) -> None:
    for uid in (None, NOBODY):
        shipped = [rule for rule in stage.objects("rules", "list", uid=uid)["rules"] if rule["shipped"]]
        assert {rule["id"].split(".")[1] for rule in shipped} >= {"gdm", "howdy"}
        done = stage.run("rules", "remove", shipped[0]["id"], uid=uid)
        assert done.returncode == 1
        assert "comes with camguard" in done.stderr


def test_verify_is_for_who_may_read_the_file(stage: ServiceStage) -> None:
    done = stage.run("log", "verify", uid=NOBODY)
    assert done.returncode == 1
    assert "sudo camguard log verify" in done.stderr
