"""The service as people meet it: a process, a socket, camguard's commands."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from camguard.access.remote import Remote
from camguard.core.coverage import KINDS
from camguard.core.events import Kind
from camguard.ipc import calls
from camguard.ipc.protocol import Event
from camguard.journal.chain import verify
from camguard.journal.lock import last_beat
from tests.support.commands import CAMERA
from tests.support.htmlpage import Page
from tests.support.service_seen import entries, extras, is_off, reachable_stage, seen_by, until_named
from tests.support.service_stage import NOBODY, ServiceStage, until
from tests.support.tampering import unprotected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest")


@pytest.fixture
def stage() -> Iterator[ServiceStage]:
    """The service, running."""
    with reachable_stage() as made:
        made.start()
        yield made


def test_it_starts_answers_and_stops_in_order(stage: ServiceStage) -> None:
    told = stage.run("status")
    assert told.returncode == 0, told.stderr
    assert "The service (camguard" in told.stderr
    assert f"A guard is watching (pid {stage.pid})" in told.stdout
    assert stage.objects("status")["answered_by"] == "service"
    assert stage.stop() == (0, "")
    assert not stage.socket.exists()
    assert [entry.kind for entry in entries(stage)][-1] == Kind.GUARD_STOPPED


def test_what_happens_is_shown_to_who_watches_and_ended_by_its_name(stage: ServiceStage) -> None:
    with stage.running("watch", "--json") as watch, seen_by(watch), stage.stranger() as stranger:
        alert = watch.object_with(event="alert")
        assert alert["process"]["pid"] == stranger.pid
        done = stage.run("end", "--yes", alert["activation"])
        assert done.returncode == 0, done.stderr
        assert stranger.wait() != 0
        completed = watch.object_with(event="action.completed")
        assert (completed["outcome"]["result"], completed["extra"]["by"]) == ("ended", "user root")


def test_for_people_it_shows_how_things_stand_and_then_what_happens(stage: ServiceStage) -> None:
    with stage.running("watch") as watch:
        watch.line_with(f"{CAMERA} is on.")
        with stage.stranger():
            assert f"is using {CAMERA}" in watch.line_with("ALERT")


def test_who_watches_hears_that_the_service_has_gone(stage: ServiceStage) -> None:
    with stage.running("watch") as watch:
        watch.line_with(f"{CAMERA} is on.")
        stage.stop()
        assert watch.process.wait(60) == 1
        assert watch.process.stderr is not None
        assert "the service has stopped" in watch.process.stderr.read()


def test_the_log_is_read_through_it(stage: ServiceStage) -> None:
    with stage.stranger():
        until_named(stage)
    until("the use is over", lambda: bool(entries(stage, Kind.ENDED)))
    [line] = stage.run("log", "--json").stdout.splitlines()
    record = json.loads(line)
    assert record["app"]["name"] == "stranger.py"
    assert stage.run("log", "--json", uid=NOBODY).stdout == ""


def test_the_page_is_made_through_it_also_of_times_when_it_did_not_run(stage: ServiceStage) -> None:
    with stage.stranger():
        until_named(stage)
    until("the use is over", lambda: bool(entries(stage, Kind.ENDED)))
    stage.stop()
    stage.start()
    ran = stage.run("log", "--html", "-")
    assert ran.returncode == 0, ran.stderr
    page = Page(ran.stdout)
    assert [row[4] for row in page.embedded] == ["stranger.py"]
    assert "The service told it" in page.text
    with closing(Remote(stage.client())) as remote:
        told = list(remote.signs())
    assert [sign.kind for sign in told] == [entry.kind for entry in entries(stage, *KINDS)]
    assert [sign.kind for sign in told].count(Kind.GUARD_GAP) == 1


def test_off_and_on(stage: ServiceStage) -> None:
    done = stage.run("off")
    assert done.returncode == 0, done.stderr
    assert f"{CAMERA} is off (checked)" in done.stdout
    assert is_off(stage)
    assert [camera["power"] for camera in stage.objects("status")["cameras"]] == ["off"]
    done = stage.run("on", "--camera", CAMERA.upper())
    assert done.returncode == 0, done.stderr
    assert stage.node.exists()


def test_off_ends_the_use_and_says_so(stage: ServiceStage) -> None:
    with stage.stranger():
        until_named(stage)
        assert stage.run("off").returncode == 0
        until("the use is over", lambda: bool(entries(stage, Kind.ENDED)))
    [ended] = entries(stage, Kind.ENDED)
    assert ended.data["ending"] == "switched-off"
    assert [extra.get("why") for extra in extras(stage, Kind.CAMERA_REMOVED)] == ["switched-off"]


def test_a_pass_ends_by_itself_and_is_announced_to_who_uses_the_camera(stage: ServiceStage) -> None:
    with stage.client() as client:
        client.call(calls.Subscribe())
        with stage.stranger():
            until_named(stage)
            done = stage.run("on", "--for", "2s")
            assert "left (checked)" in done.stdout, done.stdout
            kinds = _kinds_until(client.events(), Kind.CAMERA_REMOVED)
    assert kinds.index(Kind.PASS_ENDING) < kinds.index(Kind.PASS_ENDED) < kinds.index(Kind.CAMERA_REMOVED)
    assert is_off(stage)


def _kinds_until(events: Any, last: Kind) -> list[str]:
    kinds = []
    for happened in events:
        assert isinstance(happened, Event)
        kinds.append(happened.event["event"])
        if kinds[-1] == last:
            return kinds
    raise AssertionError(f"the service went before {last}")


def test_a_pass_goes_on_through_a_crash_and_ends_in_time(stage: ServiceStage) -> None:
    assert stage.run("on", "--for", "6s").returncode == 0
    stage.kill()
    stage.start()
    assert stage.node.exists()
    until("the camera is off", lambda: is_off(stage))
    said, ended = entries(stage, Kind.POWER_SAID)[0], entries(stage, Kind.PASS_ENDED)[0]
    assert ended.at["boottime_ns"] - said.at["boottime_ns"] >= 6_000_000_000


def test_a_pass_that_ran_out_while_no_service_ran_is_over_when_one_begins(stage: ServiceStage) -> None:
    assert stage.run("on", "--for", "1s").returncode == 0
    stage.kill()
    time.sleep(1)  # it is time itself that has to pass
    stage.start()
    until("the camera is off", lambda: is_off(stage))


def test_locked_the_camera_is_off_until_somebody_turns_it_on_for_a_time() -> None:
    with reachable_stage('[camera]\ndefault = "off"\nusual_pass = "2s"\n') as stage:
        stage.start()
        until("the camera is off", lambda: is_off(stage))
        assert "off unless somebody turns them on" in stage.run("status").stdout
        stage.run("on")
        until("it was on for a time", lambda: bool(entries(stage, Kind.PASS_ENDED)))
        assert "on" in [extra["action"] for extra in extras(stage, Kind.ACTION_COMPLETED)]
        until("the camera is off again", lambda: is_off(stage))


def test_locked_a_camera_that_is_plugged_in_is_switched_off() -> None:
    with reachable_stage('[camera]\ndefault = "off"\n') as stage:
        stage.start()
        until("the camera is off", lambda: is_off(stage))
        stage.node.with_suffix(".off").rename(stage.node)  # a replug brings it back
        until("the camera is off again", lambda: is_off(stage))


def test_a_blocked_app_is_ended_with_what_is_known_of_it_in_the_log(stage: ServiceStage) -> None:
    assert stage.run("rules", "block", stage.script("spy.py")).returncode == 0
    with stage.stranger("spy.py") as spy:
        assert spy.wait() != 0
    until("it is identified", lambda: any(entry.data["app"] for entry in entries(stage, Kind.JUDGED, Kind.ENDED)))
    until("it is checked", lambda: bool(entries(stage, Kind.ACTION_COMPLETED)))
    told = [entry.kind for entry in entries(stage)]
    assert told.index(Kind.ALERT) < told.index(Kind.ACTION_PENDING) < told.index(Kind.ACTION_COMPLETED)
    named = [entry.data["app"] for entry in entries(stage) if entry.data.get("app")]
    assert named[-1]["id"] == str(stage.script("spy.py"))
    assert named[-1]["sha256"]


def test_a_circumstance_is_judged_by_the_configuration_that_holds_now(stage: ServiceStage) -> None:
    asked = ("rules", "test", "package:zoom", "--locked")
    assert stage.run("rules", "allow", "package:zoom").returncode == 0
    assert [each["code"] for each in stage.objects(*asked)["reasons"]] == ["locked", "allowed-otherwise"]
    assert stage.run("rules", "allow", "package:zoom", "--even", "locked").returncode == 0
    assert stage.objects(*asked)["verdict"] == "expected"
    assert stage.run("rules", "allow", "package:zoom").returncode == 0
    stage.configure("[context]\nlocked = false\n")
    stage.reload()
    until("it is read", lambda: bool(entries(stage, Kind.CONFIG_READ)))
    assert extras(stage, Kind.CONFIG_READ)[0]["after_a_restart"] == []
    assert stage.objects(*asked)["verdict"] == "expected"


def test_a_broken_configuration_is_told_and_the_one_before_stays(stage: ServiceStage) -> None:
    stage.configure('[camera]\ndefault = "of"\n')
    stage.reload()
    until("it is told", lambda: bool(entries(stage, Kind.CONFIG_KEPT)))
    assert "of" in extras(stage, Kind.CONFIG_KEPT)[0]["why"]
    assert "configuration is broken" in stage.run("status").stdout
    assert stage.node.exists()
    stage.configure('[camera]\ndefault = "off"\n')
    stage.reload()
    until("the new one holds", lambda: is_off(stage))
    assert extras(stage, Kind.CONFIG_READ)[0]["after_a_restart"] == []


def test_with_a_broken_configuration_it_starts_by_the_last_good_one() -> None:
    with reachable_stage('[camera]\ndefault = "off"\n') as stage:
        stage.start()
        stage.stop()
        stage.configure("[camera\n")
        stage.start()
        until("the camera is off", lambda: is_off(stage))
        assert "not valid TOML" in extras(stage, Kind.CONFIG_KEPT)[0]["why"]


def test_a_log_that_was_changed_meanwhile_is_shouted_and_the_service_guards() -> None:
    with reachable_stage() as stage:
        stage.start()
        stage.stop()
        with unprotected(stage.journal) as connection:
            connection.execute("UPDATE entries SET body = replace(body, 'guard', 'gourd') WHERE seq = 2")
        stage.start()
        until("it is told", lambda: bool(entries(stage, Kind.JOURNAL_BROKEN)))
        assert extras(stage, Kind.JOURNAL_BROKEN)[0]["first_bad"] == 2
        assert "THE LOG WAS CHANGED: entry 2" in stage.run("status").stdout


def test_a_removed_socket_is_made_anew(stage: ServiceStage) -> None:
    stage.socket.unlink()
    until("it is there again", stage.socket.exists)
    assert stage.run("status").returncode == 0


def test_a_second_service_is_turned_away(stage: ServiceStage) -> None:
    code, err = stage.try_another()
    assert code == 1
    assert "another guard" in err
    assert stage.run("status").returncode == 0


def test_killed_it_says_at_the_next_start_since_when_nobody_watched(stage: ServiceStage) -> None:
    before = entries(stage)[-1].at["utc_ns"]
    until("a sign of life", lambda: (beat := last_beat(stage.journal)) is not None and beat.utc_ns > before)
    stage.kill()
    stage.start()
    [gap] = extras(stage, Kind.GUARD_GAP)
    assert gap["how"] == "died"
    assert before < gap["from"]["utc_ns"] < gap["to"]["utc_ns"]  # the last sign of life was later than the last entry
    assert verify(stage.journal).ok


def test_a_use_goes_on_being_seen_after_a_crash(stage: ServiceStage) -> None:
    with stage.stranger() as stranger:
        until_named(stage)
        stage.kill()
        stage.start()
        until("it is found", lambda: bool(entries(stage, Kind.PRESENT)))
        assert entries(stage, Kind.PRESENT)[0].data["process"]["pid"] == stranger.pid


def test_off_outlasts_a_crash_and_on_stop_restore_undoes_it() -> None:
    with reachable_stage('[camera]\non_stop = "restore"\n') as stage:
        stage.start()
        assert stage.run("off").returncode == 0
        stage.kill()
        assert is_off(stage)
        stage.start()
        assert [camera["power"] for camera in stage.objects("status")["cameras"]] == ["off"]
        stage.stop()
        assert stage.node.exists()


def test_a_stop_leaves_the_camera_off_unless_configured(stage: ServiceStage) -> None:
    assert stage.run("off").returncode == 0
    stage.stop()
    assert is_off(stage)


def test_a_damaged_file_of_what_was_said_is_set_aside_and_told(stage: ServiceStage) -> None:
    assert stage.run("off").returncode == 0
    stage.stop()
    path = stage.journal.with_name("cameras.json")
    path.write_text('{"version":1,"standing":')
    stage.start()
    assert path.with_name("cameras.json.damaged").exists()
    assert "damaged" in extras(stage, Kind.GUARD_BLIND)[0]["why"]
    assert is_off(stage)  # found off, and left so
    assert stage.run("on").returncode == 0
    assert stage.node.exists()


def test_without_the_service_a_command_named_to_ask_it_says_so() -> None:
    with reachable_stage() as stage:
        done = stage.run("status")
        assert done.returncode == 2
        assert "no service answers" in done.stderr


def test_a_switch_that_somebody_asks_for_and_leaves_is_carried_out(stage: ServiceStage) -> None:
    client = stage.client()
    client._send(b'{"call":"switch","id":1,"power":"off"}\n')
    client.close()
    until("the camera is off", lambda: is_off(stage))


def test_told_to_stop_in_the_middle_of_a_call_it_answers_first(stage: ServiceStage) -> None:
    with stage.client() as client:
        client._send(b'{"call":"switch","id":1,"power":"off"}\n')
        os.kill(stage.pid, signal.SIGTERM)
        assert client._next() is not None
    stage.stop()
    assert verify(stage.journal).ok
