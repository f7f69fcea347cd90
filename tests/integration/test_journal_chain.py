"""Whatever is done to an entry in the middle is found, also by one who first takes the triggers away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camguard.core.events import Kind
from camguard.errors import NothingMatched
from camguard.journal.chain import Flaw, verify
from camguard.journal.entry import GENESIS, link
from camguard.journal.quickly import verify_quickly
from camguard.journal.store import Journal
from tests.support.journal_data import FixedClock, fill, life, simple
from tests.support.tampering import changed, rewrite, unprotected

ENTRIES = 14
STRETCH = 400
COLUMNS = ("utc_ns", "kind", "activation", "app_key", "body", "hash")
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("chain") / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0, pid=1)])
        for number in (1, 2, 3):
            journal.append(life(number, number * 100))
        journal.append([simple(Kind.GUARD_STOPPED, 999, pid=1)])
    return path.read_bytes()


@pytest.fixture
def copy(original: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    path.write_bytes(original)
    return path


def test_what_was_written_is_good(copy: Path) -> None:
    found = verify(copy)
    assert found.ok
    assert found.checked == found.head_seq == ENTRIES
    assert "head hash" in found.unproven
    with closing(sqlite3.connect(copy)) as connection:
        (head,) = connection.execute("SELECT hash FROM entries WHERE seq = ?", (ENTRIES,)).fetchone()
    assert found.head == head.hex()


def test_it_can_go_on_from_an_entry_that_was_checked_before(copy: Path) -> None:
    found = verify(copy, 5)
    assert found.ok
    assert found.checked == ENTRIES - 5
    assert found.head == verify(copy).head
    assert verify(copy, ENTRIES).checked == 0


def test_no_log_and_no_such_entry_are_told(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingMatched):
        verify(tmp_path / "none.db")
    with pytest.raises(NothingMatched):
        verify(copy, ENTRIES + 1)


def test_an_empty_log_is_good(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path, FixedClock()).close()
    assert verify(path).ok
    assert verify(path).head == GENESIS.hex()


@MANY
@given(st.integers(1, ENTRIES), st.sampled_from(COLUMNS), st.integers(0, 5000), st.booleans())
def test_any_edit_is_found(copy: Path, original: bytes, seq: int, column: str, byte: int, covered: bool) -> None:
    """`covered`: the editor also makes the entry's own hash fit, which the next entry's then does not."""
    copy.write_bytes(original)
    with unprotected(copy) as connection:
        (value,) = connection.execute(f"SELECT {column} FROM entries WHERE seq = ?", (seq,)).fetchone()
        new = changed(value, byte)
        connection.execute(f"UPDATE entries SET {column} = ? WHERE seq = ?", (new, seq))
        rehashed = covered and column == "body" and seq < ENTRIES
        if rehashed:
            before = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq - 1,)).fetchone()
            digest = link(before[0] if before else GENESIS, new.encode())
            connection.execute("UPDATE entries SET hash = ? WHERE seq = ?", (digest, seq))
    found = verify(copy)
    assert found.first_bad in ({seq, seq + 1} if rehashed or column == "hash" else {seq})
    assert found.sentence
    if column in {"utc_ns", "kind", "activation", "app_key"}:
        assert found.flaw is Flaw.COLUMN
    elif not rehashed:
        assert found.flaw in {Flaw.EDITED, Flaw.MISPLACED}


@MANY
@given(st.integers(1, ENTRIES - 1), st.integers(1, 5), st.booleans())
def test_any_deletion_before_the_end_is_found(
    copy: Path, original: bytes, seq: int, count: int, renumbered: bool
) -> None:
    copy.write_bytes(original)
    last = min(seq + count, ENTRIES) - 1
    with unprotected(copy) as connection:
        connection.execute("DELETE FROM entries WHERE seq BETWEEN ? AND ?", (seq, last))
        if renumbered:
            gone = last - seq + 1
            connection.execute("UPDATE entries SET seq = -(seq - ?) WHERE seq > ?", (gone, last))
            connection.execute("UPDATE entries SET seq = -seq WHERE seq < 0")
    found = verify(copy)
    assert found.first_bad == seq
    assert found.flaw is (Flaw.MISPLACED if renumbered else Flaw.MISSING)


@MANY
@given(st.integers(0, ENTRIES - 1), st.integers(1, ENTRIES))
def test_any_insertion_before_the_end_is_found(copy: Path, original: bytes, place: int, like: int) -> None:
    """Behind number `place` comes a copy of an entry, hashed to fit there; those behind it move up."""
    copy.write_bytes(original)
    with unprotected(copy) as connection:
        row = connection.execute(
            "SELECT utc_ns, kind, activation, app_key, body FROM entries WHERE seq = ?", (like,)
        ).fetchone()
        before = connection.execute("SELECT hash FROM entries WHERE seq = ?", (place,)).fetchone()
        connection.execute("UPDATE entries SET seq = -(seq + 1) WHERE seq > ?", (place,))
        connection.execute("UPDATE entries SET seq = -seq WHERE seq < 0")
        digest = link(before[0] if before else GENESIS, row[4].encode())
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", (place + 1, *row, digest))
    found = verify(copy)
    assert found.first_bad in {place + 1, place + 2}
    assert found.flaw is Flaw.MISPLACED


def test_an_entry_put_before_the_first_is_found(copy: Path) -> None:
    with unprotected(copy) as connection:
        connection.execute("INSERT INTO entries SELECT 0, utc_ns, kind, NULL, NULL, body, hash FROM entries LIMIT 1")
    assert verify(copy).flaw is Flaw.MISPLACED


@MANY
@given(st.integers(1, ENTRIES), st.integers(1, ENTRIES))
def test_any_reordering_is_found(copy: Path, original: bytes, one: int, other: int) -> None:
    copy.write_bytes(original)
    with unprotected(copy) as connection:
        connection.execute("UPDATE entries SET seq = -1 WHERE seq = ?", (one,))
        connection.execute("UPDATE entries SET seq = ? WHERE seq = ?", (one, other))
        connection.execute("UPDATE entries SET seq = ? WHERE seq = -1", (other,))
    found = verify(copy)
    assert found.first_bad == (None if one == other else min(one, other))


def test_an_unreadable_body_is_found_where_its_hashes_fit(copy: Path) -> None:
    with unprotected(copy) as connection:
        (before,) = connection.execute("SELECT hash FROM entries WHERE seq = 4").fetchone()
        connection.execute("UPDATE entries SET body = CAST(x'ff7b' AS TEXT) WHERE seq = 5")
        connection.execute("UPDATE entries SET hash = ? WHERE seq = 5", (link(before, b"\xff{"),))
    found = verify(copy)
    assert (found.first_bad, found.flaw) == (5, Flaw.EDITED)


def test_what_no_file_can_prove_is_said_and_so(copy: Path) -> None:
    """Entries taken from the end leave a sound log: only a head hash kept elsewhere tells."""
    head = verify(copy).head
    with unprotected(copy) as connection:
        connection.execute("DELETE FROM entries WHERE seq > 10")
    found = verify(copy)
    assert found.ok
    assert found.head != head


def test_bulk_filled_journals_are_sound(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert fill(path, 500) == 2001
    assert verify(path).checked == 2001


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "journal.db"
    fill(path, 3 * STRETCH // 4)
    return path


def test_several_processes_find_what_one_finds(long: Path) -> None:
    told: list[int] = []
    assert verify_quickly(long, told.append, processes=2, stretch=STRETCH) == verify(long)
    assert told == sorted(told)
    assert told[-1] == verify(long).checked


@pytest.mark.parametrize("seq", [STRETCH, 2 * STRETCH + 1])
def test_several_processes_name_the_first_bad_entry(long: Path, seq: int) -> None:
    with unprotected(long) as connection:
        (body,) = connection.execute("SELECT body FROM entries WHERE seq = ?", (seq,)).fetchone()
        connection.execute("UPDATE entries SET body = ? WHERE seq = ?", (changed(body, seq), seq))
    try:
        found = verify_quickly(long, processes=2, stretch=STRETCH)
        assert found == verify(long)
        assert (found.first_bad, found.ok) == (seq, False)
    finally:
        with unprotected(long) as connection:
            connection.execute("UPDATE entries SET body = ? WHERE seq = ?", (body, seq))


def test_a_stretch_that_fits_itself_and_not_the_one_before_is_found(long: Path, tmp_path: Path) -> None:
    """Written anew from the second stretch on: each is sound, and the first does not lead to it."""
    other = tmp_path / "journal.db"
    with sqlite3.connect(long) as source, closing(sqlite3.connect(other)) as copy:
        source.backup(copy)
    with unprotected(other) as connection:
        connection.execute("UPDATE entries SET hash = zeroblob(32) WHERE seq = ?", (STRETCH,))
        rewrite(connection, STRETCH + 1)
    found = verify_quickly(other, processes=2, stretch=STRETCH)
    assert found == verify(other)
    assert found.first_bad == STRETCH
