"""Who sees and may do what through the service's socket: everybody the own, administrators all, nobody another's."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.core.events import Kind
from tests.support.guest import WEBCAM, WEBCAM_LINK, Desk, back, dark, light
from tests.support.installed import FromWheel, camguard, newest, subscriber, told

pytestmark = pytest.mark.system

KID, MALLORY = 1000, 1001
ADMINISTRATORS = pytest.mark.parametrize(("user", "groups"), [("root", ()), ("mallory", ("camguard",))])


def test_a_user_is_told_of_the_own_use_whole(service: FromWheel, desk: Desk) -> None:
    watch = subscriber(desk, "kid")
    program = desk.program("mmap", user="kid", app="own")
    alert = watch.wait_event("alert", pid=program.pid)
    assert "reduced" not in alert
    assert alert["camera"]["name"] == WEBCAM
    assert (alert["process"]["uid"], alert["verdict"]) == (KID, "unexpected")
    assert alert["reasons"]
    # An alert does not wait for all that there is to know.
    judged = watch.wait_event("judged", activation=alert["activation"], user="kid")
    assert "reduced" not in judged
    assert (judged["app"]["kind"], judged["app"]["id"]) == ("script", str(desk.app("own")))
    assert judged["process"]["script"] == str(desk.app("own"))


@pytest.mark.parametrize("user", ["kid", "mallory"])
def test_of_anothers_use_only_that_there_is_one(service: FromWheel, desk: Desk, user: str) -> None:
    watch, all_of_it = subscriber(desk, user), subscriber(desk, "root")
    program = desk.program("mmap", app="roots-own")
    whole = all_of_it.wait_event("alert", pid=program.pid)
    alert = watch.wait_event("alert", activation=whole["activation"])
    assert alert["reduced"] is True
    assert (alert["app"], alert["process"], alert["verdict"], alert["reasons"]) == (None, None, None, [])
    assert alert["camera"]["name"] == WEBCAM
    assert not any("roots-own" in line or f'"pid":{program.pid}' in line for line in watch.lines)


def test_a_user_ends_the_own_use(service: FromWheel, desk: Desk) -> None:
    watch = subscriber(desk, "kid")
    program = desk.program("mmap", user="kid")
    alert = watch.wait_event("alert", pid=program.pid)
    done = camguard("end", "--yes", alert["activation"], user="kid")
    assert done.returncode == 0, done.stderr
    assert program.wait() == -signal.SIGTERM, program.said()
    dark()
    completed = watch.wait_event("action.completed", activation=alert["activation"])
    assert (completed["outcome"]["result"], completed["extra"]["by"]) == ("ended", "user kid")
    watch.wait_event("ended", activation=alert["activation"])


def test_nobody_ends_anothers_use_and_the_attempt_is_in_the_log(service: FromWheel, desk: Desk) -> None:
    watch = subscriber(desk, "root")
    program = desk.program("mmap", user="kid")
    alert = watch.wait_event("alert", pid=program.pid)
    program.wait_word("frames")  # the buffers are there, and alerted of, before the light
    before = newest()
    done = camguard("end", "--yes", alert["activation"], user="mallory")
    assert done.returncode == 1
    assert "only the user whose use it is" in done.stderr
    assert told(Kind.CALL_REFUSED, before, call="uses", uid=MALLORY).data["extra"]["why"] in done.stderr
    watch.wait_event("call.refused")
    for target in (str(program.pid), "app"):  # which process it is, and which app, is not for everybody to know
        done = camguard("end", "--yes", target, user="mallory")
        assert (done.returncode, "no use of a camera that you may end" in done.stderr) == (1, True), done.stderr
    assert light()
    assert program.process.poll() is None


def test_nobody_makes_rules_for_others(service: FromWheel) -> None:
    before = newest()
    for arguments in (
        ("allow", "package:v4l-utils", "--user", "kid"),
        ("block", "package:v4l-utils", "--user", "root"),
    ):
        done = camguard("rules", *arguments, user="mallory")
        assert done.returncode == 1
        assert "you may make rules for yourself" in done.stderr
    refused = told(Kind.CALL_REFUSED, before, call="add-rule", uid=MALLORY)
    assert refused.data["extra"]["caller"].startswith("mallory (pid ")
    assert "package:v4l-utils" not in camguard("rules", "list").stdout


def test_what_a_user_allows_for_himself_helps_nobody_else(service: FromWheel, desk: Desk) -> None:
    done = camguard("rules", "allow", f"script:{desk.app('shared')}", user="mallory")
    assert done.returncode == 0, done.stderr
    watch = subscriber(desk, "kid")
    program = desk.program("mmap", user="kid", app="shared")
    alert = watch.wait_event("alert", pid=program.pid)
    assert alert["verdict"] == "unexpected"
    judged = watch.wait_event("judged", activation=alert["activation"], user="kid")  # with all that is known of it
    assert (judged["app"]["id"], judged["verdict"]) == (str(desk.app("shared")), "unexpected")
    rule = done.stdout.split()[1].rstrip(":")
    assert camguard("rules", "remove", rule, user="kid").returncode == 1
    assert camguard("rules", "remove", rule, user="mallory").returncode == 0


@pytest.mark.parametrize(("user", "uid"), [("mallory", MALLORY), ("kid", KID)])
def test_who_does_not_sit_at_the_machine_switches_nothing(service: FromWheel, user: str, uid: int) -> None:
    before = newest()
    for arguments in (("off",), ("off", "--camera", WEBCAM), ("on", "--for", "1h")):
        done = camguard(*arguments, user=user)
        assert done.returncode == 1
        assert "may switch cameras" in done.stderr
    assert told(Kind.CALL_REFUSED, before, call="switch", uid=uid)
    assert WEBCAM_LINK.exists()


@ADMINISTRATORS
def test_administrators_switch(service: FromWheel, user: str, groups: tuple[str, ...]) -> None:
    done = camguard("off", "--camera", WEBCAM, user=user, groups=groups)
    assert done.returncode == 0, done.stderr
    assert f"{WEBCAM} is off (checked)" in done.stdout
    assert not WEBCAM_LINK.exists()
    done = camguard("on", "--camera", WEBCAM, user=user, groups=groups)
    assert done.returncode == 0, done.stderr
    back()


@ADMINISTRATORS
def test_administrators_end_anybodys_use(service: FromWheel, desk: Desk, user: str, groups: tuple[str, ...]) -> None:
    watch = subscriber(desk, "kid")
    program = desk.program("mmap", user="kid")
    alert = watch.wait_event("alert", pid=program.pid)
    done = camguard("end", "--yes", alert["activation"], user=user, groups=groups)
    assert done.returncode == 0, done.stderr
    assert program.wait() == -signal.SIGTERM
    completed = watch.wait_event("action.completed", activation=alert["activation"])
    assert completed["extra"]["by"] == f"user {user}"


@pytest.fixture
def kid_sits_here() -> Iterator[None]:
    """What logind says where the kid's session is the active one at the machine's seat; see sd-login(3)."""
    users = Path("/run/systemd/users")
    users.mkdir(exist_ok=True)
    said = users / str(KID)
    before = said.read_text() if said.exists() else None
    said.write_text(
        "# This is private data. Do not parse.\nNAME=kid\nSTATE=active\nSTOPPING=no\nDISPLAY=1\n"
        "SESSIONS=1\nSEATS=seat0\nACTIVE_SESSIONS=1\nONLINE_SESSIONS=1\nACTIVE_SEATS=seat0\nONLINE_SEATS=seat0\n"
    )
    yield
    if before is None:
        said.unlink()
    else:
        said.write_text(before)


@pytest.mark.usefixtures("kid_sits_here")
def test_who_sits_at_the_machine_switches_and_nobody_else(service: FromWheel) -> None:
    done = camguard("off", "--camera", WEBCAM, user="kid")
    assert done.returncode == 0, done.stderr
    assert not WEBCAM_LINK.exists()
    assert camguard("on", "--camera", WEBCAM, user="mallory").returncode == 1
    done = camguard("on", "--camera", WEBCAM, user="kid")
    assert done.returncode == 0, done.stderr
    back()


@pytest.mark.usefixtures("kid_sits_here")
def test_an_alert_is_turned_off_by_whose_use_it_is_and_by_nobody_else(service: FromWheel, desk: Desk) -> None:
    watch = subscriber(desk, "kid")
    program = desk.program("mmap", user="kid", app="unasked")
    alert = watch.wait_event("alert", pid=program.pid)
    program.wait_word("frames")
    assert alert["activation"] in camguard("alerts", user="kid").stdout
    refused = camguard("alerts", "answer", alert["activation"], "off", user="mallory")
    assert (refused.returncode, "may answer this alert" in refused.stderr) == (1, True), refused.stderr
    assert light()
    done = camguard("alerts", "answer", alert["activation"], "off", user="kid")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert "Ended. The camera is off." in done.stdout
    assert program.wait() == -signal.SIGTERM, program.said()
    dark()
    assert not WEBCAM_LINK.exists()
    decided = watch.wait_event("decided", activation=alert["activation"])
    assert decided["extra"] == {"decision": "off", "by": "user kid"}
    assert camguard("on", "--camera", WEBCAM).returncode == 0
    back()
