"""``camguard log export``: whole, the same each time, checked without camguard, and never half there."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import venv
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from camguard import handover
from camguard.core.context import Context, SessionState
from camguard.core.events import Kind
from camguard.core.model import Outcome, Result, Step
from camguard.handover.manifest import WHAT
from camguard.journal.store import Journal
from tests.support.commands import ENVIRONMENT, Stage
from tests.support.cutting import cut
from tests.support.exported import Export
from tests.support.htmlpage import Page, hash_of
from tests.support.journal_data import SCRIPT, FixedClock, bodies, life, moment, simple
from tests.support.lifelike import hostile, household

LAST = datetime.fromisoformat("2026-10-25T20:00")
VERIFY = Path(handover.__file__).parent / "templates" / "verify.py"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A stage with some weeks of a household in its log."""
    stage = Stage(tmp_path_factory.mktemp("home"))
    household(stage.journal, LAST)
    return stage


@pytest.fixture(scope="module")
def whole(home: Stage) -> Export:
    """An export of all of it."""
    return exported(home, home.folder / "whole.zip")


def exported(stage: Stage, path: Path, *options: str, code: int = 0) -> Export:
    ran = stage.run("log", "export", path, *options)
    assert ran.exit_code == code, ran.stderr
    return Export(path, path.with_suffix(""))


def wrong(stage: Stage, *arguments: str | Path) -> tuple[int, str]:
    ran = stage.run("log", "export", *arguments)
    return ran.exit_code, ran.stderr


def test_all_files_are_there_and_the_manifest_has_the_hash_of_each(whole: Export) -> None:
    assert whole.names == sorted([*WHAT, "manifest.json"])
    files = whole.manifest["files"]
    assert sorted([*files, "SHA256SUMS", "manifest.json"]) == whole.names
    for name, said in files.items():
        content = (whole.folder / name).read_bytes()
        assert (said["bytes"], said["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert name in whole.text("README.txt")
    told = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=whole.folder, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


def test_it_says_where_it_comes_from(home: Stage, whole: Export) -> None:
    told = whole.manifest
    [head] = list(bodies(home.journal))[-1:]
    assert told["chain"]["head"]["seq"] == head[0]
    assert told["exported_by"]["way"] == "file"
    assert "every use of that time that is in the log's file" in told["exported_by"]["holds"]
    assert told["machine"]["kernel"] == os.uname().release
    assert told["machine"]["machine"] not in {None, Path("/etc/machine-id").read_text().strip()}
    assert told["clock"]["utc_offsets_s"] == [7200]
    assert told["tool"]["name"] == "camguard"


def test_the_entries_are_the_logs_own_bytes(home: Stage, whole: Export) -> None:
    lines = (whole.folder / "entries.jsonl").read_bytes().splitlines()
    assert lines == [body for _, body in bodies(home.journal)]
    with closing(sqlite3.connect(home.journal)) as connection:
        rows = connection.execute("SELECT seq, hash FROM entries ORDER BY seq").fetchall()
    assert whole.text("hashes.txt") == "".join(f"{seq} {found.hex()}\n" for seq, found in rows)


def test_uses_are_those_that_the_log_shows(home: Stage, whole: Export) -> None:
    shown = home.run("log", "--limit", "0", "--json").stdout.splitlines()
    assert whole.objects("uses.jsonl") == [json.loads(line) for line in shown]
    rows = list(csv.DictReader(whole.text("uses.csv").splitlines()))
    assert [row["activation"] for row in rows] == [use["activation"] for use in whole.objects("uses.jsonl")]


def test_plain_python_finds_it_whole(whole: Export, tmp_path: Path) -> None:
    venv.create(tmp_path / "clean", with_pip=False, symlinks=True)
    code, said = whole.verify(str(tmp_path / "clean" / "bin" / "python"))
    assert (code, said.startswith("All files are as they were exported. Each of the ")) == (0, True)


def test_the_program_that_checks_is_short_and_old_pythons_read_it() -> None:
    text = VERIFY.read_text()
    assert len(text.splitlines()) <= 40
    tree = ast.parse(text, feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"hashlib", "json", "os", "sys"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_the_same_log_gives_the_same_bytes_wherever_and_whenever(home: Stage, tmp_path: Path) -> None:
    first, second = tmp_path / "one.zip", tmp_path / "two.zip"
    assert home.run("log", "export", first).exit_code == 0
    elsewhere = {**ENVIRONMENT, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    command = home.command("log", "export", second)
    assert subprocess.run(command, env=elsewhere, cwd="/", umask=0o77, capture_output=True).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    third = tmp_path / "three.zip"
    assert home.run("log", "export", third, "--until", "2026-10-20").exit_code == 0
    assert first.read_bytes() != third.read_bytes()


def test_what_changes_by_itself_is_told_beside_it(home: Stage, tmp_path: Path) -> None:
    ran = home.run("log", "export", "--json", tmp_path / "out.zip")
    told = json.loads(ran.stdout)
    assert told["sha256"] == hashlib.sha256((tmp_path / "out.zip").read_bytes()).hexdigest()
    assert {"exported_at", "exported_by", "clock_synchronised", "boot_id"} <= told.keys()
    assert told["problem"] is None
    assert stat.S_IMODE((tmp_path / "out.zip").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["out.zip"]


def test_a_time_has_the_uses_that_lasted_into_it_and_all_their_entries(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    journal = Journal.open(stage.journal, FixedClock())
    long, inside, after = life(1, 100, lasting_s=5_000), life(2, 3_000), life(3, 9_000)
    for report in (simple(Kind.GUARD_STARTED), *long[:3], *inside, long[3], *after, simple(Kind.GUARD_STOPPED, 9_500)):
        journal.append([report])
    journal.close()
    given = exported(stage, tmp_path / "out.zip", "--since", moment_text(2_000), "--until", moment_text(4_000))
    assert [use["activation"] for use in given.objects("uses.jsonl")] == ["a1", "a2"]
    seqs = [entry["seq"] for entry in given.objects("entries.jsonl")]
    assert seqs == [2, 3, 4, 5, 6, 7, 8, 9]
    runs = [(run["first"], run["last"]) for run in given.manifest["chain"]["runs"]]
    assert runs == [(2, 9)]
    assert given.verify()[0] == 0
    [watched] = json.loads(given.text("coverage.json"))["stretches"]
    assert (watched["watch"], watched["from_utc_ns"]) == ("watched", moment(2_000).utc_ns)


def test_uses_that_began_long_before_bring_their_entries_and_no_others(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    journal = Journal.open(stage.journal, FixedClock())
    long = life(1, 100, lasting_s=90_000)
    for report in (*long[:3], *life(2, 1_000), *life(3, 50_000), *life(4, 60_000), long[3]):
        journal.append([report])
    journal.close()
    given = exported(stage, tmp_path / "out.zip", "--since", moment_text(49_000), "--until", moment_text(55_000))
    runs = [(run["first"], run["last"]) for run in given.manifest["chain"]["runs"]]
    assert runs == [(1, 3), (8, 11), (16, 16)]
    assert given.verify()[0] == 0
    lines = (given.folder / "entries.jsonl").read_bytes().splitlines()
    (given.folder / "entries.jsonl").write_bytes(b"\n".join([*lines[:3], *lines[4:]]) + b"\n")
    given.reseal()
    assert "entry 8 is not what was written" in given.verify()[1]


def test_a_log_that_was_changed_is_exported_and_said_to_be(home: Stage, tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    household(stage.journal, LAST)
    with closing(sqlite3.connect(stage.journal, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("UPDATE entries SET body = replace(body, '+02:00', '+03:00') WHERE seq = 20")
    ran = stage.run("log", "export", tmp_path / "out.zip")
    assert ran.exit_code == 1
    assert (
        "THE LOG WAS CHANGED, OR IS NOT WHOLE: entry 20, or the hash before it, is not what was written." in ran.stdout
    )
    given = Export(tmp_path / "out.zip", tmp_path / "out")
    assert given.verify() == (
        1,
        "SOMETHING IS WRONG: entry 20 is not what was written, or what came before it is missing",
    )
    assert "The log was changed, or is not whole: entry 20" in given.text("report.html")
    assert "The log is not whole: entry 20" in given.text("README.txt")


def test_entries_that_are_missing_are_named(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    household(stage.journal, LAST)
    with closing(sqlite3.connect(stage.journal, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER entries_no_delete")
        connection.execute("DELETE FROM entries WHERE seq BETWEEN 30 AND 34")
    ran = stage.run("log", "export", tmp_path / "out.zip")
    assert (ran.exit_code, "what entry 35 follows is missing from the log" in ran.stdout) == (1, True)
    code, said = Export(tmp_path / "out.zip", tmp_path / "out").verify()
    assert (code, "entry 35 is not what was written" in said) == (1, True)


@pytest.mark.parametrize("redacted", [(), ("--redact",)])
def test_a_log_that_was_cut_is_whole_from_there_on(tmp_path: Path, redacted: tuple[str, ...]) -> None:
    stage = Stage(tmp_path)
    with closing(Journal.open(stage.journal, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED), *life(1, 100), *life(2, 200), *life(3, 300)])
    cut(stage.journal, 250)
    given = exported(stage, tmp_path / "out.zip", *redacted)
    chain = given.manifest["chain"]
    [run] = chain["runs"]
    assert (chain["problem"], run["first"] - 1, run["after"]) == (
        None,
        chain["cut"]["last_seq"],
        chain["cut"]["last_hash"],
    )
    assert chain["cut"]["last_seq"] > 1
    assert (chain["cut"]["allowed"], chain["cut"]["said"]["keep"]) == (True, "1y")
    assert given.verify()[0] == 0
    if redacted:
        assert b"anna" not in b"".join((given.folder / name).read_bytes() for name in given.names)


def test_redacted_no_file_has_a_name_a_home_or_a_command_line(home: Stage, tmp_path: Path) -> None:
    given = exported(home, tmp_path / "out.zip", "--redact")
    everything = b"".join((given.folder / name).read_bytes() for name in given.names)
    for word in (b"anna", b"/home/", b"meet.example.org", os.uname().nodename.encode() + b'"'):
        assert word not in everything
    uses = given.objects("uses.jsonl")
    assert {use["process"]["user"] for use in uses if use["process"].get("user")} == {"user-1"}
    known = [use for use in uses if use["app"]]
    assert {tuple(use["process"]["command"]) for use in known} == {("[left out]",)}
    assert {use["app"]["path"] for use in known if use["app"]["name"] == "snap.py"} == {"folder-1/snap.py"}
    assert given.manifest["chain"]["checkable"] is False
    code, said = given.verify()
    assert (code, "their hashes cannot be checked from here" in said) == (0, True)
    assert "could tell from its hash that the\n  guess was right" in given.text("README.txt")


def test_nothing_that_is_there_is_replaced(home: Stage, tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    path.write_text("mine")
    code, said = wrong(home, path)
    assert (code, f"{path} is there already; choose another name" in said) == (1, True)
    assert "--force" not in said
    assert path.read_text() == "mine"


def test_an_export_is_a_file_and_not_standard_output(home: Stage) -> None:
    code, said = wrong(home, Path("-"))
    assert (code, "an export is a file, not standard output" in said) == (2, True)


def test_a_full_disk_leaves_no_file(home: Stage, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        code, said = wrong(home, tmp_path / "out.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (code, "cannot be written: File too large" in said) == (1, True)
    assert os.listdir(tmp_path) == []


def test_a_killed_command_leaves_no_file(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom camguard.activity.files import creating\n"
        "with creating(Path(sys.argv[1])) as file:\n"
        " file.write(b'x' * 100_000); file.flush()\n os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, tmp_path / "out.zip"], env=ENVIRONMENT)
    assert ran.returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--since", "2026-10-05", "--until", "2026-10-04"), 2, "--since is after --until"),
        (("--since", "the day before"), 2, "is no time that is understood"),
    ],
)
def test_what_is_not_understood_is_told(
    home: Stage, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert wrong(home, *arguments, tmp_path / "out.zip")[0] == code
    assert said in wrong(home, *arguments, tmp_path / "out.zip")[1]
    assert os.listdir(tmp_path) == []


def test_where_there_is_no_log_there_is_nothing_to_export(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    code, said = wrong(stage, tmp_path / "out.zip")
    assert (code, "there is no activation log at" in said) == (1, True)
    assert not (tmp_path / "out.zip").exists()


def test_the_page_fetches_nothing_runs_nothing_and_has_every_use(whole: Export) -> None:
    html = whole.text("report.html")
    found = Page(html)
    [style] = found.raw["style"]
    assert found.policy == f"default-src 'none'; style-src {hash_of(style)}; base-uri 'none'; form-action 'none'"
    assert not {"script", "img", "iframe", "object", "embed", "base", "link"} & set(found.elements)
    assert all(value is not None and value.startswith("#") for _, key, value in found.attributes if key == "href")
    assert found.elements["article"] == len(whole.objects("uses.jsonl"))


def test_the_page_states_what_an_investigator_wants(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    ended(stage.journal)
    text = Page(exported(stage, tmp_path / "out.zip").text("report.html")).text
    for wanted in (
        *("2023-11-15 00:15:00.000000 +02:00", "UTC 2023-11-14 22:15:00.000000", "100.000000 s since the boot"),
        *("Integrated Camera, usb-046d:0825-1A2B3C4D, USB 046d:0825", "pid 3001", "start time in clock ticks"),
        *("/home/anna/bin/snap.py", "ef" * 32, "anna, uid 1000", "gnome-shell (pid 2000", "app-firefox-2711.scope"),
        *("locked: yes", "the program had the camera's buffers mapped", "1 min", "none was raised"),
        *("end, on the word of user anna: ended", "asked it to end (SIGTERM): ended after 0.1 s"),
        *("/home/anna/secret.txt", "tcp 192.0.2.7:443 (established)", "/home/anna"),
        "first use of a camera by this app",
    ):
        assert wanted in text, wanted


def test_hostile_names_are_text_in_every_file(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    hostile(stage.journal, LAST)
    given = exported(stage, tmp_path / "out.zip")
    found = Page(given.text("report.html"))
    assert not {"script", "img"} & set(found.elements)
    assert "\x1b" not in found.text
    assert given.verify()[0] == 0


def ended(path: Path) -> None:
    """A log of one use that was ended, with all that can be known of it."""
    locked = Context(SessionState("c1", locked=True))
    opened, judged, capturing, over = (replace(report, context=locked) for report in life(1, 100, SCRIPT))
    about = {"action": "end", "by": "user anna", "pids": [3001]}
    had = {
        "pid": 3001,
        "cwd": "/home/anna",
        "files": ["/home/anna/secret.txt"],
        "sockets": [{"protocol": "tcp", "local": "198.51.100.2:5", "remote": "192.0.2.7:443", "state": "established"}],
    }
    seen = replace(judged, kind=Kind.PRESERVED, at=moment(110), extra={"by": "user anna", "processes": [had]})
    pending = replace(judged, kind=Kind.ACTION_PENDING, at=moment(110), extra=about)
    outcome = Outcome(Result.ENDED, (Step(3001, "asked it to end (SIGTERM)", "ended after 0.1 s"),))
    done = replace(pending, kind=Kind.ACTION_COMPLETED, at=moment(111), outcome=outcome)
    journal = Journal.open(path, FixedClock())
    journal.append([simple(Kind.GUARD_STARTED), opened, judged, capturing, seen, pending, done, over])
    journal.close()


def moment_text(second: float) -> str:
    """A time as the command takes it."""
    return datetime.fromtimestamp(moment(second).utc_ns / 1e9, UTC).isoformat(sep=" ")
