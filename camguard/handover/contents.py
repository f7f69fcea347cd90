"""What is in an export, file by file; it is written as it is read, and nothing is kept that grows with the log."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO

import msgspec

from camguard.activity.markup import environment, resource
from camguard.core.coverage import Stretch
from camguard.handover import manifest
from camguard.handover.manifest import Exporter
from camguard.handover.model import Source, Wanted, Written
from camguard.handover.page import Said, render
from camguard.handover.parcel import BLOCK, Parcel, parcel
from camguard.handover.redacting import Pseudonyms
from camguard.handover.tally import Entries, Uses
from camguard.journal.export import as_object, write_csv, write_rows
from camguard.journal.fold import ActivationRecord

Progress = Callable[[float], object]
"""Is told which part is done, from 0 to 1."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USES_SHARE = 0.5
_LOT = 200

_plain = msgspec.json.Encoder().encode
_canonical = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Made:
    """What became of an export. `problem` says what is wrong with the log itself, None where nothing is."""

    uses: int
    entries: int
    problem: str | None
    about: dict[str, Any]


def export(source: Source, wanted: Wanted, exporter: Exporter, file: BinaryIO, folder: Path, tell: Progress) -> Made:
    """Write an export to `file`; what is needed meanwhile is in `folder`, and is never there by name.

    Raises what the source raises, and OSError where there is no room.
    """
    hidden = Pseudonyms(source.names()) if wanted.redacted else None
    with parcel(file) as into:
        return _Export(source, exporter, into, folder, tell, hidden).write(wanted)


class _Export:
    def __init__(
        self,
        source: Source,
        exporter: Exporter,
        into: Parcel,
        folder: Path,
        tell: Progress,
        hidden: Pseudonyms | None,
    ) -> None:
        self._source = source
        self._exporter = exporter
        self._into = into
        self._folder = folder
        self._tell = tell
        self._hidden = hidden
        self._uses = Uses()
        self._extra: list[int] = []
        self._entries = Entries(source.before, change=self._changed)

    def write(self, wanted: Wanted) -> Made:
        """All files, in the order in which they can be known."""
        with self._spool() as rows:
            self._into.add("uses.jsonl", self._lines_of_uses(rows))
            self._into.add("uses.csv", _content(rows))
        self._entries.shown = self._uses.shown
        with self._spool() as hashes:
            self._into.add("entries.jsonl", self._lines_of_entries(hashes))
            self._into.add("hashes.txt", _content(hashes))
        coverage = self._source.coverage()
        told = manifest.Told(wanted, self._source, self._exporter, self._uses, self._entries, coverage, self._hidden)
        about = told.document()
        zone = told.zone
        self._into.add("coverage.json", [_indented(_watched(coverage, self._hidden, zone))])
        self._into.add("report.html", render(Said(self._uses, self._entries, coverage, about, zone)))
        self._into.add("README.txt", [_readme(about, zone)])
        self._into.add("verify.py", [resource_of("verify.py")])
        about = manifest.with_files(about, self._into.packed)
        self._into.add("manifest.json", [_indented(about)])
        sums = sorted((packed.name, packed.sha256) for packed in self._into.packed)
        self._into.add("SHA256SUMS", ["".join(f"{sha256}  {name}\n" for name, sha256 in sums).encode()])
        self._tell(1.0)
        return Made(self._uses.count, self._entries.chained.count, self._entries.chained.problem, about)

    def _lines_of_uses(self, rows: IO[bytes]) -> Iterator[bytes]:
        """The lines of JSON; the rows of CSV are written meanwhile."""
        text = io.TextIOWrapper(rows, encoding="utf-8", newline="", write_through=True)
        write_csv((), text)
        records = self._records()
        while lot := [(record, as_object(record)) for record in islice(records, _LOT)]:
            held = io.StringIO(newline="")
            write_rows(lot, held)
            text.write(held.getvalue())
            yield b"".join([_plain(told) + b"\n" for _, told in lot])
        text.detach()

    def _records(self) -> Iterator[ActivationRecord]:
        extent = self._source.extent
        span = max(1, extent.last - extent.first + 1)
        for record in self._source.uses():
            if record.first_seq > extent.head:  # it began meanwhile
                continue
            if record.first_seq < extent.first or record.last_seq > extent.last:
                self._extra += self._source.others(record.number)
            shown = record if self._hidden is None else self._hidden.use(record)
            self._uses.take(shown)
            if self._uses.count % _LOT == 0:
                self._tell(_USES_SHARE * min(1.0, max(0.0, (record.first_seq - extent.first) / span)))
            yield shown

    def _lines_of_entries(self, hashes: IO[bytes]) -> Iterator[bytes]:
        """The entries' lines; their hashes are written meanwhile."""
        extent, take, line = self._source.extent, self._entries.take, self._line
        number = max(1, extent.last - extent.first + 1)
        entries = self._source.entries(sorted(self._extra))
        while lot := list(islice(entries, _LOT)):
            for written in lot:
                take(written)
            said = [f"{each.seq} {each.hash.hex()}\n" for each in lot if each.hash is not None]
            hashes.write("".join(said).encode())
            self._tell(_USES_SHARE + (1 - _USES_SHARE) * min(1.0, self._entries.chained.count / number))
            yield b"".join(map(line, lot))

    def _line(self, written: Written) -> bytes:
        if self._hidden is None:
            # A line end in a body is none of ours: as a blank it stays one line, and its hash is wrong as it was.
            return written.body.replace(b"\n", b" ") + b"\n"
        try:
            body = _decode(written.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = {"data": {}, "seq": written.seq, "v": 1}  # nobody knows which names are in it
        return _canonical({**body, "data": self._changed(body.get("data"))}) + b"\n"

    def _changed(self, value: Any) -> Any:
        return value if self._hidden is None else self._hidden.value(value)

    def _spool(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self._folder)


def resource_of(name: str) -> bytes:
    """A file of this package as it is."""
    from importlib.resources import files

    return (files("camguard.handover") / "templates" / name).read_bytes()


def _content(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(BLOCK):
        yield block


def _indented(value: object) -> bytes:
    return msgspec.json.format(_plain(value), indent=1) + b"\n"


def _watched(coverage: Iterable[Stretch], hidden: Pseudonyms | None, zone: tzinfo) -> dict[str, Any]:
    return {
        "stretches": [
            {
                "from": _iso(stretch.begin_utc_ns, zone),
                "to": _iso(stretch.end_utc_ns, zone),
                "from_utc_ns": stretch.begin_utc_ns,
                "to_utc_ns": stretch.end_utc_ns,
                "watch": stretch.watch.value,
                "why": [why if hidden is None else hidden.text(why) for why in stretch.why],
            }
            for stretch in coverage
        ]
    }


def _iso(utc_ns: int, zone: tzinfo) -> str:
    return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(zone).isoformat(timespec="microseconds")


def _readme(about: dict[str, Any], zone: tzinfo) -> bytes:
    """The text that comes with it; made by Jinja without HTML's escapes, of words that are all our own."""
    chain, time = about["chain"], about["time"]
    made = environment("camguard.handover")
    made.autoescape = False
    text = made.from_string(resource("camguard.handover", "README.txt") + "\n").render(
        begin=_iso(time["begin_utc_ns"], zone),
        end=_iso(time["end_utc_ns"], zone),
        holds=_folded(about["exported_by"]["holds"], 16),
        redaction=None if about["redaction"] is None else _folded(about["redaction"]["said"], 16),
        entries=_folded(manifest.ENTRIES_ARE[about["exported_by"]["way"], about["redaction"] is not None], 17),
        hashes=_folded(manifest.HASHES_ARE[about["exported_by"]["way"]], 17),
        chain=_folded((chain["problem"] and f"The log is not whole: {chain['problem']}.") or chain["said"], 2),
        head_seq=chain["head"]["seq"],
        head_hash=chain["head"]["hash"],
    )
    return text.encode("utf-8")


def _folded(text: str, indent: int) -> str:
    import textwrap

    return textwrap.fill(text, 79 - indent).replace("\n", "\n" + " " * indent)
