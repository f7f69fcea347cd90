"""How far the activation log can be trusted: its chain, the heads noted elsewhere, and its signatures, together."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from camguard import anchors
from camguard.anchors import Anchors
from camguard.errors import NothingMatched, SigningError
from camguard.journal import heads
from camguard.journal.chain import Flaw, Tell, Verification, opened
from camguard.journal.heads import Head, Held, held
from camguard.journal.quickly import verify_quickly
from camguard.journal.signing import Verifier, public_of
from camguard.journal.stub import CutSaid, Start, name_of, start_of

IN_JOURNAL = "in the systemd journal"
BY_SIGNATURE = "by a signed head"

ReadAnchors = Callable[[Path, int], Anchors]


@dataclass(frozen=True, slots=True)
class Signatures:
    """What the signatures say: of heads, and of the newest cut. `key` is the name of the key they were checked by.

    `why_not` says why none were checked.
    """

    key: str | None = None
    held: Held = field(default_factory=Held)
    cut_signed: bool | None = None
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """All that is known of a log's soundness. `chain` has the first bad entry, whichever of the three found it.

    `anchored` is what the systemd journal says, `why_not_anchored` why it says nothing. `cut` is the newest cut.
    """

    chain: Verification
    anchored: Held
    why_not_anchored: str | None
    signed: Signatures
    cut: CutSaid | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the log."""
        return self.chain.ok

    @property
    def unproven(self) -> tuple[str, ...]:
        """What this does not prove, in sentences."""
        last = max((each.last.seq for each in (self.anchored, self.signed.held) if each.last is not None), default=0)
        said = []
        if not last:
            said.append(self.chain.unproven)
        elif last < self.chain.head_seq:
            said.append(
                f"That entries behind number {last} are all there, and as they were written: these are noted nowhere "
                "else yet."
            )
        said.append("Who has root's rights on this machine may change the log, the systemd journal and the key alike.")
        return tuple(said)


def prove(
    path: Path, tell: Tell = lambda _: None, key: Path | None = None, read_anchors: ReadAnchors = anchors.read
) -> Proof:
    """Check the whole log at `path`, with the public key in the file `key` where one was kept elsewhere.

    Raises NothingMatched where there is no log, or no key where one was named; SigningError where that is no key;
    JournalCorrupt where the log cannot be read to its end.
    """
    verifier, why_not = _verifier(path, key)
    chain = verify_quickly(path, tell)
    with opened(path) as connection:
        if connection is None:
            return Proof(chain, Held(), "the log is empty", Signatures(why_not=why_not))
        start = start_of(connection)
        name = name_of(connection, start) or ""
        noted = read_anchors(path, os.stat(path).st_uid)
        own = [head for head in noted.heads if head.log == name]
        anchored = _held(connection, start, own, chain, IN_JOURNAL)
        signed = Signatures(why_not=why_not)
        if verifier is not None:
            signed = _signatures(connection, start, name, chain, verifier)
        other = _another(connection, noted, name)
    cut = None if start.cut is None or start.seq == 0 else start.cut.said
    return Proof(_worst(chain, anchored, signed, other), anchored, noted.why_not, signed, cut)


def _verifier(path: Path, key: Path | None) -> tuple[Verifier | None, str | None]:
    if key is not None:
        return Verifier.read(key), None
    try:
        return Verifier.read(public_of(path)), None
    except NothingMatched:
        return None, "there is no key"
    except SigningError as error:
        return None, str(error)


def _held(connection: sqlite3.Connection, start: Start, noted: list[Head], chain: Verification, where: str) -> Held:
    """What heads say of as much of the chain as is whole: where it breaks is known better already."""

    def hash_at(seq: int) -> str | None:
        row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0]).hex()

    of_use = noted if chain.ok else [head for head in noted if head.seq <= chain.head_seq]
    return held(of_use, start, chain.head_seq, hash_at, where)


def _signatures(
    connection: sqlite3.Connection, start: Start, name: str, chain: Verification, verifier: Verifier
) -> Signatures:
    good, forged = heads.checked(heads.kept(connection, name), verifier)
    found = _held(connection, start, good, chain, BY_SIGNATURE)
    if forged is not None and found.first_bad is None:
        bad = (start.seq if found.last is None else found.last.seq) + 1
        sentence = f"the signature of head {forged.head.seq} is not by the key {verifier.key}"
        found = replace(found, first_bad=bad, flaw=Flaw.REWRITTEN, sentence=sentence)
    cut = None if start.cut is None or start.seq == 0 else start.cut.said
    if cut is None or cut.key != verifier.key or cut.signature is None:
        return Signatures(verifier.key, found, None if cut is None else False)
    if not verifier.good(cut.signed_text, _bytes(cut.signature)):
        sentence = f"the cut up to entry {cut.last_seq} is not signed by the key {verifier.key}, as it says"
        found = replace(found, first_bad=start.seq + 1, flaw=Flaw.REWRITTEN, sentence=sentence)
        return Signatures(verifier.key, found, cut_signed=False)
    return Signatures(verifier.key, found, cut_signed=True)


def _another(connection: sqlite3.Connection, noted: Anchors, name: str) -> str | None:
    """Whether another log was kept in this place after this one says that it began."""
    row = connection.execute("SELECT utc_ns FROM entries ORDER BY seq LIMIT 1").fetchone()
    if row is None:
        return None
    later = [head for head in noted.heads if head.log != name and head.utc_ns > int(row[0])]
    if not later:
        return None
    last = max(later, key=lambda head: head.utc_ns)
    return (
        f"this is not the log that was kept here: {IN_JOURNAL} another one had entry {last.seq} on "
        f"{heads.on(last.utc_ns)}, after this one began"
    )


def _worst(chain: Verification, anchored: Held, signed: Signatures, other: str | None) -> Verification:
    if not chain.ok:
        return chain
    for each in (anchored, signed.held):
        if each.first_bad is not None:
            return replace(chain, first_bad=each.first_bad, flaw=each.flaw, sentence=each.sentence)
    if other is not None:
        return replace(chain, first_bad=chain.cut_seq + 1, flaw=Flaw.REWRITTEN, sentence=other)
    return chain


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
