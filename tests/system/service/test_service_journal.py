"""What the installed service tells the systemd journal, as journalctl reads it there; and its hooks, in their unit."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from camguard.core.events import Kind
from camguard.journalentry.kinds import KINDS
from tests.support.guest import WEBCAM, Desk, until
from tests.support.installed import CONFIGURATION, KEY, UNIT, FromWheel, camguard, logged, restart, show

pytestmark = pytest.mark.system

HOOKS = "camguard-hooks.service"
HOOK = Path("/usr/local/bin/hook")


def journal(*matches: str) -> list[dict[str, Any]]:
    """The entries that journalctl finds, oldest first."""
    done = subprocess.run(
        ["journalctl", "--boot", "--output=json", "--quiet", *matches], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def entry_of(kind: Kind, **wanted: str) -> dict[str, Any]:
    """Wait for the entry of this kind with these fields; the newest of them."""
    matches = (f"MESSAGE_ID={KINDS[kind].message_id}", *(f"CAMGUARD_{name}={value}" for name, value in wanted.items()))
    until(f"{kind} {wanted} in the systemd journal", lambda: bool(journal(*matches)))
    return journal(*matches)[-1]


def end_of(alert: dict[str, Any]) -> dict[str, Any]:
    """End the use by kid that an alert is about once all is known of it, which an alert does not wait for; its end."""
    logged("who it is", pid=int(alert["CAMGUARD_PID"]), user="kid")
    ended = camguard("end", "--yes", alert["CAMGUARD_ACTIVATION"])
    assert ended.returncode == 0, ended.stderr
    return entry_of(Kind.ENDED, ACTIVATION=alert["CAMGUARD_ACTIVATION"])


def proves(by: str) -> None:
    """Have the guard stop, which it does not without leaving proof of the log's head; that proof holds."""
    restart()
    checked = camguard("log", "verify", "--json")
    told = json.loads(checked.stdout)
    assert (checked.returncode, told["ok"], told[by]["why_not"]) == (0, True, None), checked.stdout
    assert told[by]["fitting"] > 0
    assert 0 < told[by]["last_seq"] <= told["head_seq"]


def test_the_systemd_journal_has_each_event_by_its_fields(service: FromWheel, desk: Desk) -> None:
    program = desk.program("mmap", user="kid", app="told-to-journald")
    alert = entry_of(Kind.ALERT, PID=str(program.pid))
    assert alert["_SYSTEMD_UNIT"] == UNIT
    assert alert["SYSLOG_IDENTIFIER"] == "camguard"
    assert alert["PRIORITY"] == "4"
    assert (alert["CAMGUARD_EVENT"], alert["CAMGUARD_VERDICT"]) == ("alert", "unexpected")
    assert (alert["CAMGUARD_UID"], alert["CAMGUARD_CAMERA"]) == ("1000", WEBCAM)
    assert f" uses {WEBCAM} unexpectedly: " in alert["MESSAGE"]
    over = end_of(alert)
    assert int(over["CAMGUARD_SEQ"]) > int(alert["CAMGUARD_SEQ"])
    assert (over["CAMGUARD_USER"], over["CAMGUARD_APP_ID"]) == ("kid", f"script:{desk.app('told-to-journald')}")
    assert over["MESSAGE"].startswith(f"{over['CAMGUARD_APP']} (user kid) has stopped using {WEBCAM} after ")
    outcome = entry_of(Kind.ACTION_COMPLETED, ACTIVATION=alert["CAMGUARD_ACTIVATION"])
    assert (outcome["CAMGUARD_OUTCOME"], outcome["CAMGUARD_BY"]) == ("ended", "user root")


def test_the_systemd_journal_bears_witness_to_the_log(service: FromWheel) -> None:
    proves("anchors")


def test_the_heads_of_the_log_are_signed_by_a_key_that_stays(service: FromWheel) -> None:
    found = KEY.stat()
    assert (found.st_uid, found.st_gid, stat.filemode(found.st_mode)) == (0, 0, "-rw-------")
    key = KEY.read_bytes()
    done = service.run("service", "install", "--sign")
    assert done.returncode == 0, done.stderr
    assert KEY.read_bytes() == key
    proves("signatures")


def test_a_hostile_name_stays_one_value_there(service: FromWheel, desk: Desk) -> None:
    program = desk.program("mmap", user="kid", app="x\nPRIORITY=0\nCAMGUARD_VERDICT=expected")
    alert = entry_of(Kind.ALERT, PID=str(program.pid))
    over = end_of(alert)
    assert "\n" in over["CAMGUARD_APP"]
    assert (alert["PRIORITY"], alert["CAMGUARD_VERDICT"]) == ("4", "unexpected")
    assert over["PRIORITY"] != "0"
    assert over.get("CAMGUARD_VERDICT") != "expected"
    assert "\n" not in alert["MESSAGE"] + over["MESSAGE"]


def test_the_catalog_explains_it(service: FromWheel, desk: Desk) -> None:
    explained = subprocess.run(
        ["journalctl", "--boot", "--catalog", "--quiet", f"MESSAGE_ID={KINDS[Kind.GUARD_STARTED].message_id}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"Subject: {KINDS[Kind.GUARD_STARTED].subject}" in explained


def test_an_alert_is_no_trouble_of_the_services(service: FromWheel, desk: Desk) -> None:
    program = desk.program("mmap", user="kid", app="no-trouble")
    entry_of(Kind.ALERT, PID=str(program.pid))
    told = json.loads(camguard("service", "status", "--json").stdout)
    assert not any("unexpectedly" in line for line in told["trouble"])


def test_a_broken_configuration_is_told_once(service: FromWheel, configured: Callable[[str], None]) -> None:
    configured("")
    before = journal(f"_SYSTEMD_UNIT={UNIT}")[-1]["__CURSOR"]
    CONFIGURATION.write_text("[gate]\nmood = 1\n")
    subprocess.run(["systemctl", "reload", UNIT], check=True)
    entry_of(Kind.CONFIG_KEPT)
    since = journal(f"--after-cursor={before}", f"_SYSTEMD_UNIT={UNIT}")
    assert len([entry for entry in since if "mood" in str(entry["MESSAGE"])]) == 1
    told = json.loads(camguard("service", "status", "--json").stdout)
    assert any("mood" in line for line in told["trouble"])


@pytest.fixture
def hooks(service: FromWheel) -> Iterator[None]:
    HOOK.write_text(
        "#!/bin/sh\ncat\nid -u\nid -G\n"
        "/usr/local/bin/camguard off >&2\n"
        "/usr/local/bin/camguard log --limit 1 --no-pager >/dev/null && echo reads the log\n"
    )
    HOOK.chmod(0o755)
    CONFIGURATION.write_text(f'[hooks.tell]\non = ["alert"]\nrun = ["{HOOK}"]\ntimeout = "60s"\n')
    done = service.run("service", "install", "--hooks")
    assert done.returncode == 0, done.stderr
    # Active says only that it was started; on what happens before it follows the guard it runs nothing.
    until(
        "the hooks' unit follows the guard",
        lambda: any("following the guard" in str(entry["MESSAGE"]) for entry in journal(f"_SYSTEMD_UNIT={HOOKS}")),
    )
    yield
    CONFIGURATION.unlink()
    HOOK.unlink()
    done = service.run("service", "install", "--no-hooks")
    assert done.returncode == 0, done.stderr
    assert not Path(f"/etc/systemd/system/{HOOKS}").exists()


def test_a_hook_sees_everything_and_may_do_nothing(hooks: None, service: FromWheel, desk: Desk) -> None:
    unit = f"/etc/systemd/system/{HOOKS}"
    analysed = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    assert analysed.returncode == 0, analysed.stdout
    done = camguard("hooks", "test", "tell", "--json")
    assert done.stdout, done.stderr
    [ran] = json.loads(done.stdout)["runs"]
    lines = ran["output"].splitlines()
    assert json.loads(lines[0])["event"] == "alert"
    assert lines[1] != "0"
    assert (ran["ran_by"], str(ran["uid"])) == ("unit", lines[1])
    assert "may switch cameras" in ran["output"]
    assert lines[-1] == "reads the log"
    assert ran["well"], ran
    program = desk.program("mmap", user="kid", app="for-the-hook")
    alert = entry_of(Kind.ALERT, PID=str(program.pid))
    said = f'"event":"alert","seq":{alert["CAMGUARD_SEQ"]},'
    until(
        "the hook's output in its log",
        lambda: any(said in str(entry["MESSAGE"]) for entry in journal(f"_SYSTEMD_UNIT={HOOKS}")),
    )
    assert show("ActiveState") == "active"
