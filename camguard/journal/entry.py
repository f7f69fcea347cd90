"""One entry: its body, and the hash that ties it to the one before.

A body is canonical JSON (keys sorted, no spaces, UTF-8)::

    {"activation":17,"at":{…},"data":{…},"kind":"opened","seq":41,"v":1}

with `at` as `records.moment` and `data` as `records.describe` give them. An entry's hash is
SHA-256(hash of the entry before, 32 bytes, followed by the body's bytes); the first is tied to `GENESIS`.
Whatever the journal can be asked is in the bodies; the other columns are indices of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from camguard.core import records
from camguard.core.events import Kind, Report
from camguard.core.model import AppIdentity

VERSION = 1
GENESIS = hashlib.sha256(b"camguard activation log, version 1").digest()
"""Stands for the hash before the first entry."""

Row = tuple[int, records.JSON, str, int | None, str | None, str, bytes]
"""A row of the table: seq, utc_ns, kind, activation, app_key, body, hash."""

KEYED = frozenset({Kind.CAPTURING, Kind.ENDED})
"""The entries that an app's earlier uses are counted by; a look (a probe) has none of them."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class AppHead(msgspec.Struct):
    """Of an app, what its key is made of."""

    kind: str
    id: str
    path: str | None = None


class DataHead(msgspec.Struct):
    """Of `data`, what the columns are made of."""

    app: AppHead | None = None


class AtHead(msgspec.Struct):
    """Of `at`, what the columns are made of."""

    utc_ns: int


class Head(msgspec.Struct):
    """Of a body, what the columns are made of."""

    v: int
    seq: int
    kind: str
    at: AtHead
    activation: int | None
    data: DataHead

    @property
    def columns(self) -> tuple[int, int, str, int | None, str | None]:
        """The columns that this body asks for: seq, utc_ns, kind, activation, app_key."""
        key = None
        if self.kind in KEYED and self.data.app is not None:
            key = app_key(self.data.app.kind, self.data.app.id, self.data.app.path)
        return (self.seq, self.at.utc_ns, self.kind, self.activation, key)


class Entry(msgspec.Struct, frozen=True):
    """An entry as it is read back; `at` and `data` as `records` made them."""

    seq: int
    kind: str
    at: dict[str, Any]
    activation: int | None
    data: dict[str, Any]

    @property
    def line(self) -> records.Record:
        """The object that ``watch --json`` printed for it."""
        return records.as_line(self.kind, self.seq, self.at, self.data)


decode_head = msgspec.json.Decoder(Head).decode
"""A body's head. Raises msgspec.DecodeError where it is no body."""

decode_app = msgspec.json.Decoder(AppHead).decode
"""An app's head from what a body says of it. Raises msgspec.DecodeError where it is none."""

decode_entry = msgspec.json.Decoder(Entry).decode
"""A whole entry from its body. Raises msgspec.DecodeError where it is no body."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A report made ready as far as can be without knowing its place in the chain."""

    kind: str
    at: records.Record
    activation: int | None
    app_key: str | None
    data: records.Record

    @classmethod
    def of(cls, report: Report, shared: records.Shared | None = None) -> Self:
        """The draft of a report; `shared` is kept for others that speak of the same."""
        activation = None if report.activation is None else report.activation.number
        user = report.app if report.kind in KEYED else None
        key = None if user is None else key_of(user.identity)
        return cls(report.kind.value, records.moment(report.at), activation, key, records.describe(report, shared))

    def seal(self, seq: int, previous: bytes) -> Row:
        """The row for place `seq`, tied to the hash of the entry before."""
        body = _encode(
            {
                "v": VERSION,
                "seq": seq,
                "kind": self.kind,
                "at": self.at,
                "activation": self.activation,
                "data": self.data,
            }
        )
        text = body.decode("utf-8")
        return (seq, self.at["utc_ns"], self.kind, self.activation, self.app_key, text, link(previous, body))


def drafts(reports: Sequence[Report]) -> list[Draft]:
    """The drafts of reports that are written together."""
    shared: records.Shared = {}
    return [Draft.of(report, shared) for report in reports]


def seal_all(drafts: Sequence[Draft], seq: int, previous: bytes) -> list[Row]:
    """Rows for all drafts, following entry `seq` with the hash `previous`."""
    rows = []
    for draft in drafts:
        seq += 1
        row = draft.seal(seq, previous)
        previous = row[-1]
        rows.append(row)
    return rows


def link(previous: bytes, body: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(previous + body).digest()


def app_key(kind: str, app_id: str, path: str | None) -> str:
    """What an app is looked up by."""
    return _encode([kind, app_id, path]).decode("utf-8")


def key_of(identity: AppIdentity) -> str:
    """The key under which the uses of an app with this identity are found."""
    path = None if identity.path is None else str(records.safe(identity.path))
    return app_key(identity.kind.value, str(records.safe(identity.id)), path)
