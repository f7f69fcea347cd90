"""The journal's file: what is acknowledged is there, what is damaged is set aside, what is another's is left."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from camguard.core.events import Kind
from camguard.errors import JournalCorrupt, JournalError, JournalWriteError
from camguard.journal import schema
from camguard.journal.chain import verify
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.journal_data import FixedClock, bodies, life, moment, simple

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


AS_NOBODY = """
import os, pathlib, sys
from camguard.errors import AccessDenied
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.journal_data import FixedClock

path = pathlib.Path(sys.argv[1])
os.seteuid(65534)
for use in (lambda: Journal.open(path, FixedClock()), lambda: Reader(path).next_number()):
    try:
        use()
    except AccessDenied as error:
        print(error)
"""


def opened(path: Path) -> closing[Journal]:
    return closing(Journal.open(path, FixedClock()))


def writer(path: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.journal_writer", str(path), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def set_aside(path: Path) -> list[Path]:
    return sorted(p for p in path.parent.glob("*.corrupt-*") if not p.name.endswith(("-wal", "-shm")))


def test_entries_are_numbered_kept_and_read_back(path: Path) -> None:
    with opened(path) as journal:
        first = journal.append(life(1, 0))
        second = journal.append([simple(Kind.GUARD_STOPPED, 99)])
        assert journal.append([]) == ()
    assert [report.seq for report in (*first, *second)] == [1, 2, 3, 4, 5]
    assert [report.kind for report in first] == [report.kind for report in life(1, 0)]
    with Reader(path) as reader:
        assert [entry.kind for entry in reader.entries()] == ["opened", "judged", "capturing", "ended", "guard.stopped"]
    assert verify(path).ok


def test_nobody_else_can_read_it(path: Path) -> None:
    with opened(path) as journal:
        journal.append(life(1, 0))
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes) == {"journal.db", "journal.db-wal", "journal.db-shm"}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_every_commit_is_synced(path: Path) -> None:
    with opened(path) as journal:
        assert journal._connection is not None
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 2",
        "INSERT OR REPLACE INTO entries SELECT seq, 0, kind, activation, app_key, body, hash FROM entries LIMIT 1",
        "INSERT INTO entries SELECT 9, utc_ns, kind, activation, app_key, body, hash FROM entries LIMIT 1",
    ],
)
def test_the_file_itself_refuses_everything_but_the_next_entry(path: Path, statement: str) -> None:
    with opened(path) as journal:
        journal.append(life(1, 0))
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert verify(path).ok


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    with opened(path) as journal:
        journal.append(life(1, 0))
        unwritable = simple(Kind.GUARD_BLIND, what=object())
        with pytest.raises(TypeError):
            journal.append([*life(2, 100), unwritable])
        assert [report.seq for report in journal.append(life(3, 200))] == [5, 6, 7, 8]
    assert verify(path).checked == 8


def test_it_may_be_written_from_any_thread(path: Path) -> None:
    with opened(path) as journal:
        for number in range(1, 4):
            with ThreadPoolExecutor(1) as pool:
                pool.submit(journal.append, life(number, number)).result()
    assert verify(path).checked == 12


def test_two_writers_keep_one_chain(path: Path) -> None:
    with opened(path):
        writers = [writer(path, "60"), writer(path, "60")]
        said = [process.communicate()[0] for process in writers]
    numbers = sorted(int(line) for text in said for line in text.split())
    assert [process.returncode for process in writers] == [0, 0]
    assert numbers == list(range(1, 481))
    assert verify(path).checked == 480


def test_a_reader_sees_whole_batches_while_another_process_writes(path: Path) -> None:
    with writer(path, "100") as process, Reader(path) as reader:
        assert process.stdout is not None
        process.stdout.readline()
        counts = set()
        while process.poll() is None:
            counts.add(reader.last_seq())
            assert verify(path).ok
            process.stdout.readline()
    assert all(count % 4 == 0 for count in counts)
    assert reader.last_seq() == 400
    reader.close()


def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    """At a random moment, again and again on the same file, beside a reader that keeps the log in use or not."""
    chance = random.Random(2)
    acknowledged = 0
    for _ in range(15):
        with writer(path) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            timer = threading.Timer(chance.uniform(0, 0.06), process.send_signal, (signal.SIGKILL,))
            timer.start()
            lines += process.stdout.readlines()
            timer.join()
        assert process.returncode == -signal.SIGKILL
        numbers = [int(line) for line in lines if line.endswith("\n")]
        assert numbers[0] > acknowledged
        acknowledged = numbers[-1]
        found = verify(path)
        assert found.ok, found
        assert found.head_seq >= acknowledged
    assert set_aside(path) == []


def test_a_torn_write_ahead_log_is_recovered_not_set_aside(path: Path) -> None:
    with writer(path) as process:
        assert process.stdout is not None
        for _ in range(40):
            process.stdout.readline()
        process.kill()
    wal = path.with_name("journal.db-wal")
    os.truncate(wal, wal.stat().st_size - 1000)
    with opened(path) as journal:
        assert journal.set_aside is None
        journal.append(life(1, 0))
    assert verify(path).ok


def damage_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 100)


def overwrite(path: Path, page: int) -> None:
    """From another process: closing the file in this one would drop the locks of the connections it has."""
    at = ["bs=4096", f"seek={page}", "count=1", "conv=notrunc", "status=none"]
    subprocess.run(["dd", "if=/dev/urandom", f"of={path}", *at], check=True)


def damage_a_middle_page(path: Path) -> None:
    overwrite(path, path.stat().st_size // 4096 // 2)


def damage_the_time_index(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries_time'").fetchone()
    overwrite(path, page - 1)


def tear(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


@pytest.mark.parametrize("damage", [damage_header, damage_a_middle_page, damage_the_time_index, tear])
def test_a_damaged_file_is_set_aside_byte_for_byte(
    path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path) as journal:
        for number in range(1, 40):
            journal.append(life(number, number))
    damage(path)
    content = path.read_bytes()
    with closing(Journal.open(path, FixedClock(moment(0)))) as journal:
        (old,) = set_aside(path)
        assert journal.set_aside is not None
        assert journal.set_aside.path == old
        assert [report.seq for report in journal.append(life(1, 0))] == [2, 3, 4, 5]
    assert old.name == "journal.db.corrupt-20231114T221320Z"
    assert old.read_bytes() == content
    assert "set aside" in caplog.text
    with Reader(path) as reader:
        told = reader.entries()[0]
    assert told.kind == "journal.set-aside"
    assert told.data["extra"]["file"] == old.name
    assert told.data["extra"]["size"] == len(content)
    assert verify(path).ok


def test_nothing_that_was_set_aside_is_overwritten(path: Path) -> None:
    for round_number in range(3):
        with opened(path) as journal:
            journal.append(life(1, round_number))
        damage_header(path)
    with opened(path):
        names = [old.name for old in set_aside(path)]
    stem = "journal.db.corrupt-20231114T221320Z"
    assert names == [stem, f"{stem}-2", f"{stem}-3"]


def test_the_last_readable_hash_of_a_damaged_file_is_told(path: Path) -> None:
    with opened(path) as journal:
        for number in range(1, 40):
            journal.append(life(number, number))
    head = verify(path)
    damage_the_time_index(path)
    with opened(path) as journal:
        assert journal.set_aside is not None
        assert (journal.set_aside.last_seq, journal.set_aside.last_hash) == (head.head_seq, head.head)


def test_damage_met_while_writing_is_told_and_a_new_file_begun(path: Path) -> None:
    with opened(path) as journal:
        for number in range(1, 40):
            journal.append(life(number, number))
    with opened(path) as journal:
        damage_the_time_index(path)
        with pytest.raises(JournalCorrupt):
            journal.append([report for number in range(40, 60) for report in life(number, number)])
        journal.begin_anew("damaged")
        assert [report.seq for report in journal.append(life(60, 60))] == [2, 3, 4, 5]
        assert len(set_aside(path)) == 1
    assert verify(path).checked == 5


def test_a_damaged_file_that_another_has_open_is_left_to_that_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camguard.journal.aside.BUSY_TIMEOUT_S", 0.05)
    with opened(path) as journal:
        for number in range(1, 40):
            journal.append(life(number, number))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage_a_middle_page(path)
        with pytest.raises(JournalError, match="open"):
            Journal.open(path, FixedClock())
        assert set_aside(path) == []
    with opened(path):
        assert len(set_aside(path)) == 1


def test_it_follows_its_path_when_the_file_is_taken_away(path: Path) -> None:
    with opened(path) as journal:
        journal.append(life(1, 0))
        head = verify(path)
        path.rename(path.with_name("elsewhere.db"))
        assert [report.seq for report in journal.append(life(2, 1))] == [2, 3, 4, 5]
        journal.append(life(3, 2))
    with Reader(path) as reader:
        told = reader.entries()[0]
    assert told.kind == "journal.set-aside"
    assert told.data["extra"]["last_hash"] == head.head
    assert verify(path).checked == 9
    assert verify(path.with_name("elsewhere.db")).checked == 4


def test_a_newer_journal_is_refused_and_left(path: Path) -> None:
    with opened(path) as journal:
        journal.append(life(1, 0))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    content = path.read_bytes()
    with pytest.raises(JournalError, match="newer camguard"):
        Journal.open(path, FixedClock())
    with Reader(path) as reader, pytest.raises(JournalError, match="newer camguard"):
        reader.next_number()
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_another_programs_database_is_refused_and_left(path: Path, mode: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE cookies (name TEXT)")
        connection.commit()
    content = path.read_bytes()
    with pytest.raises(JournalError, match="another program"):
        Journal.open(path, FixedClock())
    assert path.read_bytes() == content
    assert set_aside(path) == []


def test_a_lock_that_is_not_let_go_is_an_error_that_may_pass(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camguard.journal.database.BUSY_TIMEOUT_S", 0.05)
    with opened(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalWriteError, match="locked"):
            journal.append(life(1, 0))
        other.execute("ROLLBACK")
        assert journal.append(life(1, 0))[0].seq == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError, match="cannot be used"):
        Journal.open(tmp_path / "file" / "journal.db", FixedClock())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user: run the tests with `sudo`")
def test_another_users_journal_is_not_waited_for() -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "state" / "journal.db"
        Path(place).chmod(0o755)
        with opened(path) as journal:
            journal.append(life(1, 0))
        for mode in (0o700, 0o755):
            path.parent.chmod(mode)
            said = subprocess.run(
                [sys.executable, "-c", AS_NOBODY, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
            )
            assert said.stdout.count("you may not use the activation log") == 2, said


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&b#c%20 ü" / "j.db"
    with opened(path) as journal:
        journal.append(life(1, 0))
    assert verify(path).checked == 4
    assert len(list(bodies_of(path))) == 4


def bodies_of(path: Path) -> list[tuple[int, bytes]]:
    """Read from a copy with a plain name."""
    plain = path.parent.parent / "plain.db"
    plain.write_bytes(path.read_bytes())
    return list(bodies(plain))
