"""`camguard log verify` and `log key` as people run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from camguard.core.events import Kind, Report
from camguard.journal import heads, retention
from camguard.journal.chain import verify
from camguard.journal.checkpoint import of_check
from camguard.journal.store import Journal
from tests.support.commands import Stage
from tests.support.journal_data import FixedClock, life, moment, simple
from tests.support.tampering import unprotected


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A log of nine entries, and a systemd journal with its head."""
    stage = Stage(tmp_path)
    with closing(Journal.open(stage.journal, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0, pid=1), *life(1, 10), *life(2, 1000)])
    head = heads.newest(stage.journal, moment(2000).utc_ns)
    assert head is not None
    noted = {**heads.fields(head, stage.journal), "_UID": str(os.getuid()), "__REALTIME_TIMESTAMP": "1700000000000000"}
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "noted").write_text(json.dumps(noted))
    (folder / "journalctl").write_text(f"#!/bin/sh\ncat {folder}/noted\n")
    (folder / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return stage


def test_it_says_what_is_proven_and_what_is_not(stage: Stage) -> None:
    ran = stage.run("log", "verify")
    assert ran.exit_code == 0
    assert "The log is whole: 9 entries." in ran.stdout
    assert "Up to entry 9 it is what the systemd journal noted on 2023-11-14 22:13:20 UTC (1 head fits)." in ran.stdout
    assert "No signature was checked: there is no key." in ran.stdout
    assert "Not proven:" in ran.stdout


def test_what_was_cut_off_is_named_and_the_exit_code_tells(stage: Stage) -> None:
    with unprotected(stage.journal) as connection:
        connection.execute("DELETE FROM entries WHERE seq > 7")
    ran = stage.run("log", "verify")
    assert ran.exit_code == 3
    assert "entries 8 to 9 at least were cut off at the end" in ran.stdout
    told = json.loads(stage.run("log", "verify", "--json").stdout)
    assert (told["ok"], told["first_bad"], told["flaw"], told["anchors"]["fitting"]) == (False, 8, "cut off", 0)


def test_an_edited_entry_is_named_with_its_time(stage: Stage) -> None:
    with unprotected(stage.journal) as connection:
        connection.execute("UPDATE entries SET body = replace(body, 'Camera', 'Kamera') WHERE seq = 5")
    ran = stage.run("log", "verify")
    assert ran.exit_code == 3
    assert "The first bad entry is number 5 (edited), filed under 2023-11-14 22:14:30 UTC." in ran.stdout
    assert "The 4 entries before number 5 are as they were written." in ran.stdout


def test_a_key_is_made_once_and_used(stage: Stage) -> None:
    made = stage.run("log", "key", "create")
    assert made.exit_code == 0
    assert "log.pub" in made.stdout
    again = stage.run("log", "key", "create")
    assert (again.exit_code, "there is a key already" in again.stderr) == (1, True)
    key = stage.journal.with_name("log.key").read_bytes()
    kept = stage.run("log", "key", "create", "--keep")
    assert (kept.exit_code, "it is kept" in kept.stdout) == (0, True)
    assert stage.journal.with_name("log.key").read_bytes() == key
    assert "Nothing in it is signed by the key" in stage.run("log", "verify").stdout


def test_a_key_that_is_not_there_is_told(stage: Stage) -> None:
    ran = stage.run("log", "verify", "--key", "/nowhere/log.pub")
    assert (ran.exit_code, "there is no key at" in ran.stderr) == (1, True)


def cut_the_first_use(stage: Stage) -> None:
    said = retention.plan(stage.journal, moment(500).utc_ns, moment(5000).utc_ns, "1y")
    assert said is not None
    with closing(Journal.open(stage.journal, FixedClock())) as journal:
        journal.append([Report(Kind.JOURNAL_CUT, moment(5000), extra=said.extra)])
    with closing(retention.Cutter(stage.journal)) as cutter:
        while cutter.step() is not None:
            pass


def test_an_export_of_a_log_that_was_cut_is_sound(stage: Stage, tmp_path: Path) -> None:
    cut_the_first_use(stage)
    ran = stage.run("log", "export", str(tmp_path / "out.zip"))
    assert (ran.exit_code, "CHANGED" in ran.stdout) == (0, False)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "camguard-export"
    checked = subprocess.run([sys.executable, "-I", folder / "verify.py"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout.startswith("All files are as they were exported.")) == (0, True)
    chain = json.loads((folder / "manifest.json").read_text())["chain"]
    assert (chain["problem"], chain["cut"]["last_seq"], chain["cut"]["said"]["keep"]) == (None, 5, "1y")
    assert chain["runs"][0]["after"] == chain["cut"]["last_hash"]


def test_what_was_cut_is_told_where_it_is_asked_for(stage: Stage) -> None:
    cut_the_first_use(stage)
    said = "Entries up to number 5, of 2023-11-15 00:14:30, were cut: the log keeps 1y."
    assert said in stage.run("log", "verify").stdout
    asked = stage.run("log", "--since", "2023-11-01")
    assert "entries up to 2023-11-15 00:14 were cut on 2023-11-15 01:36: the log keeps 1y" in asked.stderr
    assert "a2" in asked.stdout
    assert "cut" not in stage.run("log", "--since", "2024-01-01").stderr


def test_doctor_says_that_the_log_was_changed(stage: Stage) -> None:
    assert "9 entries in" in stage.run("doctor").stdout
    with unprotected(stage.journal) as connection:
        connection.execute("UPDATE entries SET body = replace(body, 'Camera', 'Kamera') WHERE seq = 5")
    kind, extra = of_check(verify(stage.journal))
    with closing(Journal.open(stage.journal, FixedClock())) as journal:
        journal.append([Report(kind, moment(3000), extra=dict(extra))])
    ran = stage.run("doctor")
    assert ran.exit_code == 1
    assert "log: it was changed: entry 5" in ran.stdout
