"""Answers to alerts, through the real service and without one: written down, done, checked, and told."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camguard.core.decisions import Decision
from camguard.core.events import Kind
from camguard.errors import NothingMatched
from camguard.ipc import calls
from camguard.journal.chain import verify
from camguard.journal.entry import Entry
from camguard.journal.queries import Reader
from tests.support.commands import CAMERA, Stage
from tests.support.service_stage import NOBODY, ServiceStage, until

ANOTHER = 1001

root = pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest")


@pytest.fixture
def stage() -> Iterator[ServiceStage]:
    """The service, running, where other users can reach it."""
    with tempfile.TemporaryDirectory(prefix="camguard-") as folder:
        made = ServiceStage(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.close()


def entries(journal: Path, *kinds: Kind) -> list[Entry]:
    with Reader(journal) as reader:
        return reader.entries(0, kinds or None)


def alert(stage: ServiceStage, times: int = 1) -> str:
    """Wait until somebody was alerted so often, and it is known to whom; the last alert's activation."""
    until("an alert", lambda: len(entries(stage.journal, Kind.ALERT)) == times)
    number = entries(stage.journal, Kind.ALERT)[-1].activation
    until("its app", lambda: any(e.activation == number and e.data["app"] for e in entries(stage.journal, Kind.JUDGED)))
    return f"a{number}"


def is_over(stage: ServiceStage, times: int = 1) -> None:
    until("the use is over", lambda: len(entries(stage.journal, Kind.ENDED)) == times)


def kinds_of(stage: ServiceStage, *kinds: Kind) -> list[str]:
    return [entry.kind for entry in entries(stage.journal, *kinds)]


def unanswered(stage: ServiceStage, uid: int | None = None) -> list[str]:
    return [each["activation"] for each in stage.objects("alerts", "list", uid=uid)["alerts"]]


ACTS = (Kind.DECIDED, Kind.ACTION_PENDING, Kind.ACTION_COMPLETED, Kind.POWER_SAID, Kind.RULE_ADDED)


@root
def test_off_is_written_down_then_the_use_ended_then_the_camera_switched_off(stage: ServiceStage) -> None:
    with stage.stranger() as stranger:
        name = alert(stage)
        assert unanswered(stage) == [name]
        done = stage.run("alerts", "answer", name, "off")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{name}: Ended. The camera is off.\n"
        assert stranger.wait() != 0
    assert not stage.node.exists()
    assert kinds_of(stage, *ACTS) == [
        Kind.DECIDED,
        Kind.ACTION_PENDING,
        Kind.ACTION_COMPLETED,
        Kind.POWER_SAID,
        Kind.ACTION_PENDING,
        Kind.ACTION_COMPLETED,
    ]
    [decided] = entries(stage.journal, Kind.DECIDED)
    assert decided.data["extra"] == {"decision": "off", "by": "user root"}
    assert f"a{decided.activation}" == name
    assert decided.data["app"]["name"] == "stranger.py"
    assert unanswered(stage) == []
    assert verify(stage.journal).ok


@root
def test_end_leaves_the_camera_on(stage: ServiceStage) -> None:
    with stage.stranger() as stranger:
        told = stage.objects("alerts", "answer", alert(stage), "end")
        assert stranger.wait() != 0
    [answer] = told["answers"]
    assert (answer["outcome"]["result"], answer["power"], answer["not_off"]) == ("ended", None, None)
    assert told["answered_by"] == "service"
    assert stage.node.exists()
    assert kinds_of(stage, *ACTS) == [Kind.DECIDED, Kind.ACTION_PENDING, Kind.ACTION_COMPLETED]


@root
@pytest.mark.parametrize("decision", ["keep", "seen"])
def test_keep_and_seen_do_nothing_but_to_answer(stage: ServiceStage, decision: str) -> None:
    with stage.stranger() as stranger:
        done = stage.run("alerts", "answer", alert(stage), decision)
        assert done.returncode == 0, done.stderr
        assert unanswered(stage) == []
        assert stranger.poll() is None
        assert kinds_of(stage, *ACTS) == [Kind.DECIDED]


@root
def test_allow_makes_a_rule_for_the_caller_alone_and_the_use_is_expected_at_once(stage: ServiceStage) -> None:
    with stage.stranger("mine.py", uid=NOBODY) as mine:
        name = alert(stage)
        done = stage.run("alerts", "answer", name, "allow", uid=NOBODY)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{name}: From now on this app is expected.\n"
        assert mine.poll() is None
    is_over(stage)
    [rule] = stage.own_rules()
    assert (rule["effect"], rule["user"], rule["by"]) == ("allow", "nobody", "nobody")
    assert rule["path"].endswith("/as_user.py")  # which runs it as another user
    with stage.stranger("mine.py", uid=NOBODY):
        until("it is judged again", lambda: entries(stage.journal, Kind.JUDGED)[-1].data["verdict"] == "expected")
    with stage.stranger("mine.py", uid=ANOTHER):  # the same program
        alert(stage, 2)


@root
def test_a_users_own_alert_is_the_users_to_answer_and_nobody_elses(stage: ServiceStage) -> None:
    with stage.stranger() as stranger:
        name = alert(stage)
        assert unanswered(stage, uid=NOBODY) == []
        for decision in Decision:
            done = stage.run("alerts", "answer", name, decision.value, uid=NOBODY)
            assert done.returncode == 1
            assert "only the user whose use it is" in done.stderr
        assert stranger.poll() is None
    assert stage.node.exists()
    assert kinds_of(stage, *ACTS) == []
    assert not stage.rules.exists()
    until("it is written down", lambda: bool(entries(stage.journal, Kind.CALL_REFUSED)))
    assert {entry.data["extra"]["call"] for entry in entries(stage.journal, Kind.CALL_REFUSED)} == {"decide"}


@root
def test_where_the_switch_is_refused_the_use_is_ended_and_it_says_why(stage: ServiceStage) -> None:
    with stage.stranger("mine.py", uid=NOBODY) as mine:
        name = alert(stage)
        done = stage.run("alerts", "answer", name, "off", uid=NOBODY)
        assert done.returncode == 1
        assert done.stdout.startswith(f"{name}: Ended. The camera is not switched off: only ")
        assert "may switch cameras" in done.stdout
        assert mine.wait() != 0
    assert stage.node.exists()


@root
def test_one_that_is_over_can_be_answered_from_what_the_log_says(stage: ServiceStage) -> None:
    with stage.stranger():
        name = alert(stage)
    is_over(stage)
    before = stage.objects("log")
    assert before["decision"] is None
    told = stage.objects("alerts", "answer", name, "end")["answers"][0]
    assert told["outcome"]["result"] == "already gone"
    after = stage.objects("log")
    assert after["decision"]["decision"] == "end"
    changing = {"decision"}
    assert {key: value for key, value in after.items() if key not in changing} == {
        key: value for key, value in before.items() if key not in changing
    }
    [ended], [decided] = entries(stage.journal, Kind.ENDED), entries(stage.journal, Kind.DECIDED)
    same = ("activation", "state", "app", "camera", "verdict", "reasons", "duration_ms", "ended_at", "ending", "opens")
    assert {key: decided.data[key] for key in same} == {key: ended.data[key] for key in same}
    assert stage.objects("alerts", "answer", name, "allow")["answers"][0]["rule"]["app"]["id"].endswith("stranger.py")


@root
def test_answered_twice_nothing_is_done_twice(stage: ServiceStage) -> None:
    with stage.stranger() as stranger:
        name = alert(stage)
        stage.run("alerts", "answer", name, "end")
        assert stranger.wait() != 0
        is_over(stage)
        again = stage.run("alerts", "answer", name, "end")
    assert again.returncode == 0
    assert again.stdout == f"{name}: It had stopped already.\n"
    assert kinds_of(stage, Kind.ACTION_PENDING) == [Kind.ACTION_PENDING]


@root
def test_a_later_use_by_the_same_program_is_not_ended_by_an_answer_to_the_one_before(stage: ServiceStage) -> None:
    with stage.stranger():
        name = alert(stage)
    is_over(stage)
    with stage.stranger() as another:
        alert(stage, 2)
        stage.run("alerts", "answer", name, "end")
        assert another.poll() is None


@root
def test_what_there_is_not_cannot_be_answered(stage: ServiceStage) -> None:
    done = stage.run("alerts", "answer", "a99", "off")
    assert done.returncode == 1
    assert "there is no such use in the log" in done.stderr
    assert stage.node.exists()
    with stage.client() as client, pytest.raises(NothingMatched):
        client.call(calls.Decide(activation=99, decision=Decision.KEEP))
    for wrong in (("stranger", "off"), ("all", "off"), ("a1", "burn")):
        assert stage.run("alerts", "answer", *wrong).returncode == 2
    assert not entries(stage.journal, Kind.DECIDED)


@root
def test_ending_a_use_another_way_answers_its_alert(stage: ServiceStage) -> None:
    with stage.stranger():
        name = alert(stage)
        assert stage.run("end", "--yes", name).returncode == 0
    assert unanswered(stage) == []
    assert kinds_of(stage, *ACTS)[:2] == [Kind.DECIDED, Kind.ACTION_PENDING]


@root
def test_an_answer_is_heard_by_whom_the_use_concerns(stage: ServiceStage) -> None:
    with stage.running("watch", "--json") as watch, stage.running("watch") as people:
        watch.object_with(event="status")
        people.line_with(f"{CAMERA} is on.")
        with stage.stranger():
            name = alert(stage)
            stage.run("alerts", "answer", name, "keep")
            heard = watch.object_with(event="decided")
            assert (heard["activation"], heard["extra"]["decision"]) == (name, "keep")
            assert "answered   keep, said user root" in people.line_with("answered")


@root
def test_all_that_wait_are_listed_paged_through_and_seen(stage: ServiceStage) -> None:
    for number in range(1, 4):
        with stage.stranger(f"app{number}.py"):
            alert(stage, number)
        is_over(stage, number)
    told = stage.run("alerts")
    assert told.returncode == 0, told.stderr
    assert [line.split()[0] for line in told.stdout.splitlines()[:4]] == ["ALERT", "a1", "a2", "a3"]
    assert "camguard alerts answer ALERT off|end|keep|allow|seen" in told.stdout
    assert [each["activation"] for each in stage.objects("alerts", "list", "--limit", "2")["alerts"]] == ["a2", "a3"]
    with stage.client() as client:
        page = client.call(calls.Log(unanswered=True, limit=2))
        assert ([each["number"] for each in page["activations"]], page["more"]) == ([3, 2], True)
        page = client.call(calls.Log(unanswered=True, limit=2, before=2))
        assert ([each["number"] for each in page["activations"]], page["more"]) == ([1], False)
        assert len(client.call(calls.Log(limit=10))["activations"]) == 3
    assert stage.run("alerts", "answer", "a2", "seen").returncode == 0
    assert unanswered(stage) == ["a1", "a3"]
    done = stage.run("alerts", "answer", "all", "seen")
    assert (done.returncode, done.stdout) == (0, "a1: Seen.\na3: Seen.\n")
    assert stage.run("alerts").stdout == "No alert waits for an answer.\n"
    assert stage.run("alerts", "answer", "all", "seen").stdout == "No alert waits for an answer.\n"


# Where no service can be asked.


@pytest.fixture
def alone(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def by_hand(stage: Stage, *arguments: str) -> tuple[int, str]:
    done = stage.run_apart("--local", "alerts", *arguments)
    return done.returncode, done.stdout if done.returncode in (0, 1) and done.stdout else done.stderr


def objects(stage: Stage, *arguments: str) -> Any:
    return json.loads(by_hand(stage, *arguments, "--json")[1])


def test_beside_a_guard_that_cannot_be_asked_a_use_is_ended_and_why_the_camera_is_on_is_said(alone: Stage) -> None:
    with alone.running("watch", "--json") as watch, alone.stranger() as stranger:
        name = watch.object_with(event="alert")["activation"]
        assert [each["activation"] for each in objects(alone, "list")["alerts"]] == [name]
        code, said = by_hand(alone, "answer", name, "off")
        assert code == 1
        assert said.startswith(
            f"{name}: Ended. The camera is not switched off: a guard (pid {watch.process.pid}) keeps"
        )
        assert stranger.wait() != 0
    found = [entry.kind for entry in entries(alone.journal, Kind.DECIDED, Kind.ACTION_PENDING, Kind.ACTION_COMPLETED)]
    assert found[:3] == [Kind.DECIDED, Kind.ACTION_PENDING, Kind.ACTION_COMPLETED]
    assert alone.node.exists()
    assert objects(alone, "list")["alerts"] == []
    assert verify(alone.journal).ok


def test_without_a_guard_what_is_over_is_answered_from_the_log(alone: Stage) -> None:
    with alone.running("watch", "--json") as watch:
        with alone.stranger():
            name = watch.named("alert")["activation"]
        watch.object_with(event="ended")
        watch.stop()
    code, said = by_hand(alone, "answer", name, "end")
    assert (code, said) == (0, f"{name}: It had stopped already.\n")
    [told] = objects(alone, "answer", name, "allow")["answers"]
    assert told["rule"]["app"]["id"].endswith("stranger.py")
    assert by_hand(alone, "answer", name, "off") == (0, f"{name}: It had stopped already. The camera is off.\n")
    assert not alone.node.exists()
    said_so = [entry.data["extra"]["decision"] for entry in entries(alone.journal, Kind.DECIDED)]
    assert said_so == ["end", "allow", "off"]
    assert by_hand(alone, "answer", "all", "seen") == (0, "No alert waits for an answer.\n")
    code, said = by_hand(alone, "answer", "a99", "seen")
    assert code == 1
    assert "there is no activation a99 in the log" in said
    assert verify(alone.journal).ok


def test_without_a_log_no_alert_waits(alone: Stage) -> None:
    assert by_hand(alone) == (0, "No alert waits for an answer.\n")
    code, said = by_hand(alone, "answer", "a1", "keep")
    assert code == 1
    assert "there is no activation a1 in the log" in said
