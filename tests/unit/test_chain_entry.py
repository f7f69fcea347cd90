"""How entries are tied together."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import AppIdentity, AppKind
from camguard.journal.entry import GENESIS, Draft, decode_entry, decode_head, key_of, link, seal_all
from tests.support.journal_data import FIREFOX, life


def test_the_chain_begins_with_a_documented_text() -> None:
    assert hashlib.sha256(b"camguard activation log, version 1").digest() == GENESIS


def test_a_hash_covers_the_one_before_and_every_byte() -> None:
    assert link(GENESIS, b"body") == hashlib.sha256(GENESIS + b"body").digest()


def test_rows_are_numbered_and_tied_and_their_columns_are_in_the_body() -> None:
    rows = seal_all([Draft.of(report) for report in life(17, 0)], 41, GENESIS)
    previous = GENESIS
    for number, row in enumerate(rows, 42):
        body = row[5].encode()
        assert row[:5] == decode_head(body).columns
        assert row[0] == number
        assert row[6] == link(previous, body)
        previous = row[6]


def test_uses_are_filed_under_the_app_and_looks_are_not() -> None:
    rows = seal_all([Draft.of(report) for report in life(17, 0)], 0, GENESIS)
    assert [row[4] for row in rows] == [None, None, key_of(FIREFOX.identity), key_of(FIREFOX.identity)]


def test_a_body_is_canonical() -> None:
    body = seal_all([Draft.of(life(17, 0)[0])], 0, GENESIS)[0][5].encode()
    assert msgspec.json.encode(msgspec.json.decode(body), order="sorted") == body


def test_an_entry_reads_back_as_the_line_that_was_printed() -> None:
    report = life(17, 0)[1]
    row = seal_all([Draft.of(report)], 6, GENESIS)[0]
    entry = decode_entry(row[5])
    assert entry.line["seq"] == 7
    assert entry.line["event"] == "judged"
    assert entry.line["activation"] == "a17"
    assert entry.activation == 17


def test_what_is_no_body_is_refused() -> None:
    for damaged in (b"", b"{}", b"[]", b'{"v":1,"seq":"x"}', b"\xff"):
        with pytest.raises(msgspec.DecodeError):
            decode_head(damaged)


@given(st.text(st.characters()), st.none() | st.text(st.characters()))
def test_keys_of_different_apps_differ(app_id: str, path: str | None) -> None:
    one = key_of(AppIdentity(AppKind.SCRIPT, app_id, path, "ab"))
    assert one == key_of(AppIdentity(AppKind.SCRIPT, app_id, path, "cd"))
    assert one != key_of(AppIdentity(AppKind.EXECUTABLE, app_id, path))
    assert one != key_of(AppIdentity(AppKind.SCRIPT, app_id + "x", path))
    assert one != key_of(AppIdentity(AppKind.SCRIPT, app_id, "x" if path is None else None))
