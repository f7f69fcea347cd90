"""What the heads that were noted elsewhere, and signatures, prove of a log that fits itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camguard import anchors
from camguard.anchors import Anchors, heads_in
from camguard.core.events import Kind, Report
from camguard.errors import NothingMatched, Refused, SigningError
from camguard.journal import heads, retention, signing
from camguard.journal.chain import Flaw
from camguard.journal.heads import Head
from camguard.journal.store import Journal
from camguard.proof import Proof, prove
from tests.support.journal_data import FixedClock, life, moment, simple
from tests.support.tampering import rewrite, unprotected

UID = os.getuid()


class Book:
    """What the systemd journal has, as `journalctl -o json` prints it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[bytes] = []

    def note(self, second: float = 100, uid: int = UID) -> Head:
        head = heads.newest(self.path, moment(second).utc_ns)
        assert head is not None
        fields = {**heads.fields(head, self.path), "_UID": str(uid), "__REALTIME_TIMESTAMP": str(head.utc_ns // 1000)}
        self.lines.append(json.dumps(fields).encode())
        return head

    def read(self, path: Path, uid: int) -> Anchors:
        return Anchors(tuple(heads_in(b"\n".join(self.lines), str(path), uid)))

    def prove(self, key: Path | None = None) -> Proof:
        return prove(self.path, key=key, read_anchors=self.read)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0, pid=1), *life(1, 10), *life(2, 20)])
    return Book(path)


def test_heads_that_fit_are_told_and_what_they_leave_open(book: Book) -> None:
    book.note()
    with closing(Journal.open(book.path, FixedClock())) as journal:
        journal.append(life(3, 200))
    proof = book.prove()
    assert proof.ok
    assert proof.anchored.last is not None
    assert (proof.anchored.fitting, proof.anchored.last.seq, proof.chain.head_seq) == (1, 9, 13)
    assert "behind number 9" in proof.unproven[0]


def test_without_heads_what_no_file_can_prove_is_said(book: Book) -> None:
    proof = book.prove()
    assert proof.ok
    assert "head hash" in proof.unproven[0]


def cut_off(book: Book) -> None:
    with unprotected(book.path) as connection:
        connection.execute("DELETE FROM entries WHERE seq > 6")


def write_anew(book: Book) -> None:
    """One word changed, and every hash from there to the end made to fit."""
    with unprotected(book.path) as connection:
        connection.execute("UPDATE entries SET body = replace(body, 'Firefox', 'Firefux') WHERE seq = 7")
        rewrite(connection, 7)


@pytest.mark.parametrize(
    ("tampering", "bad", "flaw", "said"),
    [(cut_off, 7, Flaw.CUT_OFF, "cut off at the end"), (write_anew, 1, Flaw.REWRITTEN, "written anew")],
)
def test_what_the_file_alone_cannot_tell_a_head_tells(
    book: Book, tampering: Callable[[Book], None], bad: int, flaw: Flaw, said: str
) -> None:
    book.note()
    tampering(book)
    assert prove(book.path, read_anchors=lambda *_: Anchors()).ok
    found = book.prove().chain
    assert (found.first_bad, found.flaw) == (bad, flaw)
    assert said in (found.sentence or "")


def test_what_comes_after_the_last_head_that_fits_is_in_doubt(tmp_path: Path) -> None:
    book = Book(tmp_path / "journal.db")
    with closing(Journal.open(book.path, FixedClock())) as journal:
        for number in (1, 2):
            journal.append(life(number, number * 10))
            book.note(number * 100)
    cut_off(book)
    found = book.prove()
    assert (found.chain.first_bad, found.chain.flaw) == (7, Flaw.CUT_OFF)
    assert found.anchored.last is not None
    assert found.anchored.last.seq == 4


ENTRIES = 12


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    """A log, and the hash of each of its entries."""
    path = tmp_path_factory.mktemp("proof") / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([report for number in (1, 2, 3) for report in life(number, number * 10)])
    with unprotected(path) as connection:
        hashes = [bytes(digest).hex() for (digest,) in connection.execute("SELECT hash FROM entries ORDER BY seq")]
    return path.read_bytes(), hashes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.integers(1, ENTRIES - 1), st.sets(st.integers(1, ENTRIES)), st.booleans())
def test_what_is_done_to_the_end_is_found_where_a_head_behind_it_was_noted(
    tmp_path: Path, original: tuple[bytes, list[str]], last: int, noted: set[int], cut_short: bool
) -> None:
    """Entries behind the `last` are taken away, or written anew; without a head of any of them it is said as open."""
    path = tmp_path / "journal.db"
    path.write_bytes(original[0])
    with unprotected(path) as connection:
        if cut_short:
            connection.execute("DELETE FROM entries WHERE seq > ?", (last,))
        else:
            connection.execute("UPDATE entries SET body = replace(body, 'Camera', 'Kamera') WHERE seq > ?", (last,))
            rewrite(connection, last + 1)
    own = tuple(Head(original[1][0], seq, original[1][seq - 1], moment(100).utc_ns) for seq in sorted(noted))
    proof = prove(path, read_anchors=lambda *_: Anchors(own))
    vouched = max((seq for seq in noted if seq <= last), default=0)
    assert proof.ok == (not any(seq > last for seq in noted))
    assert (0 if proof.anchored.last is None else proof.anchored.last.seq) == vouched
    if not proof.ok:
        assert proof.chain.flaw is (Flaw.CUT_OFF if cut_short else Flaw.REWRITTEN)
        assert proof.chain.first_bad == (last if cut_short else vouched) + 1
    elif vouched < proof.chain.head_seq:
        assert "nowhere else yet" in proof.unproven[0] or "Keep the head hash" in proof.unproven[0]


def test_another_users_word_counts_for_nothing(book: Book) -> None:
    head = book.note()
    wrong = {
        **heads.fields(Head(head.log, 3, "ab" * 32, head.utc_ns), book.path),
        "_UID": str(UID + 1),
        "__REALTIME_TIMESTAMP": "1",
    }
    book.lines.append(json.dumps(wrong).encode())
    assert book.prove().ok
    assert book.prove().anchored.fitting == 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'{"CAMGUARD_LOG":null}',
        b'{"CAMGUARD_LOG":[1,2],"_UID":"0"}',
        b"\xff\xfe",
        b"x" * 100_000,
    ],
)
def test_lines_that_are_no_heads_are_passed_over(book: Book, line: bytes) -> None:
    book.lines.append(line)
    book.note()
    assert book.prove().anchored.fitting == 1


def test_a_number_that_is_none_is_passed_over(book: Book) -> None:
    book.note()
    book.lines = [line.replace(b'"CAMGUARD_HEAD_SEQ": "9"', b'"CAMGUARD_HEAD_SEQ": "9x"') for line in book.lines]
    assert book.prove().anchored.fitting == 0


def test_another_log_in_its_place_is_found(book: Book, tmp_path: Path) -> None:
    """Written anew from its first entry: it is another log, and began before the heads of the one that was here."""
    book.note()
    with unprotected(book.path) as connection:
        connection.execute("UPDATE entries SET body = replace(body, '\"pid\":1', '\"pid\":2')")
        rewrite(connection, 1)
    assert prove(book.path, read_anchors=lambda *_: Anchors()).ok
    found = book.prove().chain
    assert found.flaw is Flaw.REWRITTEN
    assert "not the log that was kept here" in (found.sentence or "")


def test_a_log_begun_after_another_one_is_no_fault(book: Book) -> None:
    book.note(100)
    book.path.unlink()
    with closing(Journal.open(book.path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 200)])
    assert book.prove().ok


def test_heads_of_what_was_cut_since_do_no_harm(book: Book) -> None:
    with closing(Journal.open(book.path, FixedClock())) as journal:
        book.note()
        journal.append(life(3, 1000))
    cut(book.path, 500)
    book.note(2000)
    proof = book.prove()
    assert proof.ok
    assert proof.cut is not None
    assert (proof.cut.last_seq, proof.anchored.fitting) == (9, 2)  # the first is of the very last that was cut


def cut(path: Path, second: float) -> None:
    said = retention.plan(path, moment(second).utc_ns, moment(5000).utc_ns, "1y")
    assert said is not None
    if signing.key_of(path).exists():
        signed = signing.sign(signing.key_of(path), [said.signed_text])
        said = msgspec.structs.replace(said, key=signed.key, signature=signed.signatures[0].hex())
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([Report(Kind.JOURNAL_CUT, moment(1500), extra=said.extra)])
    with closing(retention.Cutter(path)) as cutter:
        while cutter.step() is not None:
            pass


# Signatures


def sign_head(path: Path, second: float = 100) -> None:
    head = heads.newest(path, moment(second).utc_ns)
    assert head is not None
    heads.keep(path, head, signing.sign(signing.key_of(path), [head.signed_text]))


def test_signed_heads_prove_what_they_are_of(book: Book) -> None:
    name = signing.create(book.path)
    assert signing.key_of(book.path).stat().st_mode & 0o777 == 0o600
    sign_head(book.path)
    signed = book.prove().signed
    assert signed.held.last is not None
    assert (signed.key, signed.held.last.seq, signed.cut_signed) == (name, 9, None)


@pytest.mark.parametrize("tampering", [cut_off, write_anew])
def test_signatures_find_what_the_file_alone_cannot_tell(book: Book, tampering: Callable[[Book], None]) -> None:
    signing.create(book.path)
    sign_head(book.path)
    tampering(book)
    proof = book.prove()
    assert not proof.ok
    assert "by a signed head" in (proof.chain.sentence or "")


def test_a_forged_signature_is_found(book: Book) -> None:
    signing.create(book.path)
    sign_head(book.path)
    write_anew(book)
    with unprotected(book.path) as connection:
        connection.execute("UPDATE heads SET hash = (SELECT hash FROM entries WHERE seq = 9)")
    assert "is not by the key" in (book.prove().chain.sentence or "")


def test_a_public_key_kept_elsewhere_tells_when_the_key_was_replaced(book: Book, tmp_path: Path) -> None:
    signing.create(book.path)
    kept = tmp_path / "kept.pub"
    kept.write_bytes(signing.public_of(book.path).read_bytes())
    sign_head(book.path)
    assert book.prove(key=kept).signed.held.fitting == 1
    with pytest.raises(Refused):
        signing.create(book.path)
    signing.key_of(book.path).unlink()
    signing.create(book.path)
    with unprotected(book.path) as connection:
        connection.execute("DELETE FROM heads")
    sign_head(book.path)
    assert book.prove(key=kept).signed.held.fitting == 0
    assert book.prove().signed.held.fitting == 1


def test_a_cut_is_signed_for(book: Book) -> None:
    signing.create(book.path)
    sign_head(book.path)
    with closing(Journal.open(book.path, FixedClock())) as journal:
        journal.append(life(3, 1000))
    cut(book.path, 500)
    proof = book.prove()
    assert (proof.ok, proof.signed.cut_signed) == (True, True)
    with unprotected(book.path) as connection:
        assert connection.execute("SELECT count(*) FROM heads").fetchone() == (0,)
        connection.execute('UPDATE entries SET body = replace(body, \'"signature":"\', \'"signature":"00\')')
        rewrite(connection, 10)
    assert "is not signed by the key" in (book.prove().chain.sentence or "")


def test_keys_that_are_none_are_told(book: Book, tmp_path: Path) -> None:
    with pytest.raises(NothingMatched):
        book.prove(key=tmp_path / "none.pub")
    bad = tmp_path / "bad"
    bad.write_text("no key")
    with pytest.raises(SigningError, match="no public key"):
        book.prove(key=bad)
    with pytest.raises(SigningError, match="is no key"):
        signing.sign(bad, [b"x"])
    with pytest.raises(SigningError, match="there is no key at"):
        signing.sign(tmp_path / "none", [b"x"])


# journalctl


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "journalctl"
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return program


def test_journalctl_is_asked_for_heads_by_that_user(book: Book, journalctl: Path) -> None:
    book.note()
    (journalctl.parent / "out").write_bytes(b"\n".join(book.lines))
    journalctl.write_text(f'#!/bin/sh\necho "$@" > {journalctl.parent}/asked\ncat {journalctl.parent}/out\n')
    journalctl.chmod(0o755)
    assert anchors.read(book.path, UID).heads == book.read(book.path, UID).heads
    asked = (journalctl.parent / "asked").read_text().split()
    assert {f"MESSAGE_ID={heads.MESSAGE_ID}", f"_UID={UID}", "json"} <= set(asked)
    assert prove(book.path).anchored.fitting == 1


def test_a_journalctl_that_fails_is_told_and_the_chain_checked(book: Book, journalctl: Path) -> None:
    journalctl.write_text("#!/bin/sh\necho 'No journal files were opened' >&2\nexit 1\n")
    journalctl.chmod(0o755)
    proof = prove(book.path)
    assert proof.ok
    assert "No journal files" in (proof.why_not_anchored or "")


def test_where_there_is_no_systemd_journal_that_is_told(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert prove(book.path).why_not_anchored == "there is no systemd journal here"
