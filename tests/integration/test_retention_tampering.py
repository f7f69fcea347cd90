"""What was done to a log after it was cut is found, and what is not sound is not cut."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camguard.journal import retention
from camguard.journal.chain import Flaw, verify
from tests.support.cutting import FEW, SECONDS, cut, log_of_lives, numbers, plan
from tests.support.tampering import changed, rewrite, unprotected


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("retention") / "journal.db"
    log_of_lives(path)
    return path.read_bytes()


@pytest.fixture
def copy(original: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    path.write_bytes(original)
    return path


def _edit(connection: sqlite3.Connection, seq: int, other: int) -> None:
    (body,) = connection.execute("SELECT body FROM entries WHERE seq = ?", (seq,)).fetchone()
    connection.execute("UPDATE entries SET body = ? WHERE seq = ?", (changed(body, other), seq))


def _delete(connection: sqlite3.Connection, seq: int, _: int) -> None:
    connection.execute("DELETE FROM entries WHERE seq = ?", (seq,))


def _delete_from_the_old_end(connection: sqlite3.Connection, seq: int, _: int) -> None:
    """As a cut does it, of which nothing is said in the log."""
    (digest,) = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
    connection.execute("DELETE FROM entries WHERE seq <= ?", (seq,))
    connection.execute("UPDATE stub SET seq = ?, hash = ?", (seq, digest))


def _swap(connection: sqlite3.Connection, seq: int, other: int) -> None:
    last = connection.execute("SELECT max(seq) FROM entries").fetchone()[0]
    with_which = seq + 1 + other % (last - seq)
    for old, new in ((seq, -1), (with_which, seq), (-1, with_which)):
        connection.execute("UPDATE entries SET seq = ? WHERE seq = ?", (new, old))


def _put_in_before(connection: sqlite3.Connection, seq: int, other: int) -> None:
    """A copy of an entry, where the log does not reach any more."""
    connection.execute(
        "INSERT INTO entries SELECT (SELECT seq FROM stub) - ?, utc_ns, kind, NULL, NULL, body, hash"
        " FROM entries WHERE seq = ?",
        (other % 5, seq),
    )


def _put_in(connection: sqlite3.Connection, seq: int, _: int) -> None:
    connection.execute("UPDATE entries SET seq = -(seq + 1) WHERE seq > ?", (seq,))
    connection.execute("UPDATE entries SET seq = -seq WHERE seq < 0")
    connection.execute(
        "INSERT INTO entries SELECT seq + 1, utc_ns, kind, activation, app_key, body, hash FROM entries WHERE seq = ?",
        (seq,),
    )
    rewrite(connection, seq + 1)


def _move_the_stub(connection: sqlite3.Connection, _: int, other: int) -> None:
    connection.execute("UPDATE stub SET seq = seq - 1 - ?", (other % 3,))


def _change_the_stub(connection: sqlite3.Connection, _: int, other: int) -> None:
    (digest,) = connection.execute("SELECT hash FROM stub").fetchone()
    connection.execute("UPDATE stub SET hash = ?", (changed(digest, other),))


def _drop_the_stub(connection: sqlite3.Connection, _: int, __: int) -> None:
    connection.execute("DELETE FROM stub")


TAMPERINGS = (
    _edit,
    _delete,
    _delete_from_the_old_end,
    _swap,
    _put_in_before,
    _put_in,
    _move_the_stub,
    _change_the_stub,
    _drop_the_stub,
)


@pytest.mark.parametrize("tampering", TAMPERINGS)
@settings(FEW, max_examples=5)
@given(second=st.integers(150, 560), place=st.integers(0, 100), other=st.integers(0, 500))
def test_any_tampering_after_a_cut_is_found(
    copy: Path, original: bytes, tampering: object, second: int, place: int, other: int
) -> None:
    copy.write_bytes(original)
    cut(copy, second)
    assert verify(copy).ok
    there = numbers(copy)[:-1]  # of the last one only what is noted elsewhere tells that it is gone
    with unprotected(copy) as connection:
        assert callable(tampering)
        tampering(connection, there[place % len(there)], other)
    found = verify(copy)
    assert not found.ok
    assert found.sentence


def test_a_cut_that_nothing_in_the_log_speaks_of_is_found(copy: Path) -> None:
    with unprotected(copy) as connection:
        (digest,) = connection.execute("SELECT hash FROM entries WHERE seq = 7").fetchone()
        connection.execute("DELETE FROM entries WHERE seq <= 7")
        connection.execute("INSERT INTO stub VALUES (1, 7, ?)", (digest,))
    found = verify(copy)
    assert (found.flaw, found.cut_seq) == (Flaw.MISSING, 7)
    assert "nothing in the log says that they were cut" in (found.sentence or "")


def test_what_is_not_sound_is_not_cut(copy: Path) -> None:
    with unprotected(copy) as connection:
        _edit(connection, 5, 200)
    assert plan(copy, 3 * SECONDS)
    with closing(retention.Cutter(copy)) as cutter:
        found = cutter.step()
    assert found is not None
    assert found.first_bad == 5
    assert numbers(copy)[0] == 1


def test_entries_missing_among_the_old_ones_are_found_before_they_are_cut(copy: Path) -> None:
    assert plan(copy, 3 * SECONDS)
    with unprotected(copy) as connection:
        connection.execute("DELETE FROM entries WHERE seq BETWEEN 9 AND 10")
    with closing(retention.Cutter(copy)) as cutter:
        found = cutter.step()
    assert found is not None
    assert (found.first_bad, found.flaw) == (9, Flaw.MISSING)
