"""The log's head, as it is noted elsewhere: in the systemd journal, and signed in the log's own file.

A head is the number and hash of the newest entry, and all that came before follows from the hash. Who changes the log
afterwards would have to change every place where a head was noted, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from camguard.core.model import NANOSECONDS
from camguard.errors import NothingMatched
from camguard.journal.aside import Folder
from camguard.journal.chain import Flaw, opened
from camguard.journal.database import connect, transaction, translated
from camguard.journal.signing import Signed, Verifier
from camguard.journal.stub import Start, name_of, start_of

MESSAGE_ID = "1216716f21e542c49ab2306a353ecc9a"
"""What heads are found by in the systemd journal (sd_journal_print(3), MESSAGE_ID=)."""

HashAt = Callable[[int], str | None]
"""The hash of an entry, in hexadecimal; None where there is none of that number."""


@dataclass(frozen=True, slots=True)
class Head:
    """Entry `seq` of the log named `log` was its newest, with that `hash`, at `utc_ns`."""

    log: str
    seq: int
    hash: str
    utc_ns: int

    @property
    def signed_text(self) -> bytes:
        """What a signature of it is of."""
        return f"camguard head 1\n{self.log}\n{self.seq}\n{self.hash}\n{self.utc_ns}\n".encode()


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head with its signature by the key of the name `key`."""

    head: Head
    key: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """What noted heads say of a log: `fitting` of them fit, the last is `last`.

    Where one does not, `first_bad` is the first number that nothing vouches for any more, with flaw and sentence.
    """

    fitting: int = 0
    last: Head | None = None
    first_bad: int | None = None
    flaw: Flaw | None = None
    sentence: str | None = None


def newest(path: Path, utc_ns: int) -> Head | None:
    """The head of the log at `path` now; None where it has no entries. Raises as the reader does."""
    try:
        with opened(path) as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
            name = name_of(connection, start_of(connection))
    except NothingMatched:
        return None
    return None if row is None or name is None else Head(name, int(row[0]), bytes(row[1]).hex(), utc_ns)


def fields(head: Head, path: Path, signed: Signed | None = None) -> dict[str, str]:
    """A head as the systemd journal takes it."""
    told = {
        "MESSAGE_ID": MESSAGE_ID,
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "camguard",
        "MESSAGE": f"The activation log has {head.seq} entries; its head is {head.hash}",
        "CAMGUARD_LOG": head.log,
        "CAMGUARD_LOG_FILE": str(path),
        "CAMGUARD_HEAD_SEQ": str(head.seq),
        "CAMGUARD_HEAD_HASH": head.hash,
        "CAMGUARD_HEAD_UTC_NS": str(head.utc_ns),
    }
    if signed is not None:
        told |= {"CAMGUARD_HEAD_KEY": signed.key, "CAMGUARD_HEAD_SIGNATURE": signed.signatures[0].hex()}
    return told


def keep(path: Path, head: Head, signed: Signed) -> None:
    """Put a signed head into the log's file. Raises JournalError."""
    row = (head.seq, head.utc_ns, bytes.fromhex(head.hash), signed.key, signed.signatures[0])
    with closing(Folder(path)), translated(path), closing(connect(path)) as connection, transaction(connection):
        connection.execute("INSERT OR IGNORE INTO heads VALUES (?, ?, ?, ?, ?)", row)


def kept(connection: sqlite3.Connection, log: str) -> Iterator[SignedHead]:
    """The signed heads in the file of the log of that name."""
    for seq, utc_ns, digest, key, signature in connection.execute("SELECT * FROM heads ORDER BY seq"):
        yield SignedHead(Head(log, seq, bytes(digest).hex(), utc_ns), key, bytes(signature))


def held(heads: Iterable[Head], start: Start, head_seq: int, hash_at: HashAt, where: str) -> Held:
    """Whether heads that were noted of this log `where` fit what it has now, which ends with entry `head_seq`."""
    fitting, last = 0, None
    for head in sorted(heads, key=lambda head: head.seq):
        if head.seq < start.seq:
            continue  # of what was cut since
        noted = f"{where} the log had entry {head.seq} on {on(head.utc_ns)}"
        if head.seq > head_seq:
            sentence = f"entries {head_seq + 1} to {head.seq} at least were cut off at the end: {noted}"
            return Held(fitting, last, head_seq + 1, Flaw.CUT_OFF, sentence)
        if (start.hash.hex() if head.seq == start.seq else hash_at(head.seq)) != head.hash:
            bad = (start.seq if last is None else last.seq) + 1
            sentence = f"entries {bad} to {head.seq}, or some of them, were written anew: {noted}, and it was another"
            return Held(fitting, last, bad, Flaw.REWRITTEN, sentence)
        fitting, last = fitting + 1, head
    return Held(fitting, last)


def on(utc_ns: int) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(utc_ns // NANOSECONDS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def checked(signed: Iterable[SignedHead], verifier: Verifier) -> tuple[list[Head], SignedHead | None]:
    """The heads that this key signed; and the first that claims to be and is not. Other keys' are passed over."""
    good: list[Head] = []
    for each in signed:
        if each.key != verifier.key:
            continue
        if not verifier.good(each.head.signed_text, each.signature):
            return good, each
        good.append(each.head)
    return good, None
