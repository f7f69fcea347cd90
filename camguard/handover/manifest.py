"""The manifest of an export: where it comes from, what it holds, and the hash of every file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from camguard import __version__
from camguard.activity.overview import Sort
from camguard.core.coverage import Stretch, Watch
from camguard.core.records import Record
from camguard.handover.model import Source, Wanted
from camguard.handover.parcel import Packed
from camguard.handover.redacting import LEFT_OUT, Pseudonyms
from camguard.handover.tally import Entries, Uses
from camguard.journal.entry import GENESIS

FORMAT = 1
"""The version of the export's shape; it grows when a file or a key changes its meaning or goes away."""

WHAT = {
    "README.txt": "what each file is, how to check it, and what the log does not know",
    "SHA256SUMS": "the hashes of all files",
    "coverage.json": "when the cameras were watched",
    "entries.jsonl": "the entries of the log, one a line",
    "hashes.txt": "the number and the hash of each of those entries",
    "report.html": "all of it to be read and printed",
    "uses.csv": "the uses, for a spreadsheet",
    "uses.jsonl": "the uses with all details, one JSON object a line",
    "verify.py": "checks the export without camguard",
}

ENTRIES_ARE = {
    ("file", False): "Every entry of the log, one a line, byte by byte as it was written.",
    ("file", True): "Every entry of the log, one a line, with what was left out.",
    ("service", False): "The entries of the log that this user may read, one a line. Those about others say less.",
    ("service", True): "The entries of the log that this user may read, one a line, with what was left out.",
}
HASHES_ARE = {
    "file": "The number and the hash of each line of entries.jsonl.",
    "service": "Empty: a user is not told the hashes of the log.",
}
_CHAIN = {
    "whole": "Each of the {count:,} entries bears the hash of itself and of the one before.",
    "hidden": "The text of the entries was left out in part, so that their hashes cannot be checked from here.",
    "service": "It was not read from the log's file, so that there are no hashes to check.",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Who makes the export, and the machine as `machine.facts` has it."""

    user: str
    uid: int
    machine: Record


@dataclass(frozen=True, slots=True)
class Told:
    """All that the manifest is made of."""

    wanted: Wanted
    source: Source
    exporter: Exporter
    uses: Uses
    entries: Entries
    coverage: Sequence[Stretch]
    hidden: Pseudonyms | None = None

    @property
    def zone(self) -> tzinfo:
        """The machine's time zone; UTC where that is not known."""
        try:
            return ZoneInfo(str(self.exporter.machine["time_zone"]))
        except (KeyError, ValueError, OSError):
            return UTC

    def document(self) -> dict[str, Any]:
        """The manifest without the files, and with ``origin``, pairs of words for the page."""
        about: dict[str, Any] = {
            "format": FORMAT,
            "tool": {"name": "camguard", "version": __version__},
            "exported_by": self._exporter(),
            "options": {
                "since": self._maybe(self.wanted.since),
                "until": self._maybe(self.wanted.until),
                "redact": self.wanted.redacted,
            },
            "time": self._time(),
            "machine": self._machine(),
            "clock": self._clock(),
            "counts": self._counts(),
            "chain": self._chain(),
            "redaction": self._redaction(),
        }
        return {**about, "origin": list(self._origin(about))}

    def _exporter(self) -> dict[str, Any]:
        user = self.exporter.user if self.hidden is None else self.hidden.value(self.exporter.user, "user")
        uid = self.exporter.uid if self.hidden is None else self.hidden.value(self.exporter.uid, "uid")
        holds = {
            "file": "This export holds every use of that time that is in the log's file.",
            "service": f"This export holds what the user {user} may read through the service: the own uses.",
        }
        return {"user": user, "uid": uid, "way": self.source.way, "holds": holds[self.source.way]}

    def _time(self) -> dict[str, Any]:
        extent = self.source.extent
        return {
            "begin": self._iso(extent.begin),
            "end": self._iso(extent.end),
            "begin_utc_ns": extent.begin,
            "end_utc_ns": extent.end,
            "watched_ns": sum(
                each.end_utc_ns - each.begin_utc_ns for each in self.coverage if each.watch is Watch.WATCHED
            ),
        }

    def _machine(self) -> Record:
        if self.hidden is None:
            return self.exporter.machine
        return {**self.exporter.machine, "hostname": LEFT_OUT}

    def _clock(self) -> dict[str, Any]:
        starts = [self._start(record) for record in self.source.starts()]
        return {
            "utc_offsets_s": sorted(self.entries.offsets),
            "boots": [{"boot_id": boot, "first_entry": seq} for boot, seq in self.entries.boots.items()],
            "newest_starts_of_the_guard": starts,
        }

    def _start(self, record: Record) -> dict[str, Any]:
        extra = record.get("extra")
        said = extra if isinstance(extra, dict) else {}
        if self.hidden is not None:
            said = self.hidden.value(said)
        kept = ("version", "platform", "method", "uid", "clock_synchronised")
        return {"entry": record["seq"], "at": record["at"], **{key: said.get(key) for key in kept}}

    def _counts(self) -> dict[str, int]:
        sorts = {sort.value: number for sort, number in self.uses.sorts.items()}
        return {"uses_and_looks": self.uses.count, **sorts, "entries": self.entries.chained.count}

    def _chain(self) -> dict[str, Any]:
        chained, extent = self.entries.chained, self.source.extent
        case = "hidden" if self.hidden is not None else "whole" if chained.runs else "service"
        if self.source.way == "service":
            case = "service"
        return {
            "checkable": case == "whole",
            "said": _CHAIN[case].format(count=chained.count),
            "problem": chained.problem,
            "genesis": GENESIS.hex(),
            "runs": [
                {"first": run.first, "last": run.last, "after": run.after, "hash": run.head.hex()}
                for run in chained.runs
            ],
            "head": {"seq": extent.head, "hash": extent.head_hash},
            "cut": self.source.stub(),
        }

    def _redaction(self) -> dict[str, Any] | None:
        if self.hidden is None:
            return None
        said = "Names of users, folders that are not the system's, command lines and the computer's name are left out."
        return {"said": said, "users": len(self.hidden.users)}

    def _origin(self, about: dict[str, Any]) -> Iterable[tuple[str, str]]:
        machine, clock, chain = about["machine"], about["clock"], about["chain"]
        exporter = about["exported_by"]
        yield "Computer", ", ".join(str(machine.get(key)) for key in ("hostname", "system", "kernel", "architecture"))
        yield "Its mark", f"{machine.get('machine')} (a hash of its machine id)"
        yield "Time zone", f"{machine.get('time_zone') or 'not known'}; {_offsets(clock['utc_offsets_s'])}"
        yield "Clock", _clock_words(clock["newest_starts_of_the_guard"])
        yield "Boots told of", f"{len(clock['boots'])}, the last {next(reversed(self.entries.boots), 'not known')}"
        yield "Exported by", f"{exporter['user']}, from the log's {exporter['way']}, with camguard {__version__}"
        yield "Uses and looks", f"{self.uses.count:,}, of which {self.uses.sorts[Sort.LOOKED]:,} only looked"
        runs = ", ".join(f"{run['first']} to {run['last']}" for run in chain["runs"][:20])
        yield "Entries of the log", f"{self.entries.chained.count:,}" + (f": {runs}" if runs else "")
        head = chain["head"]
        yield "Newest entry then", f"number {head['seq']}" + (f", hash {head['hash']}" if head["hash"] else "")

    def _maybe(self, utc_ns: int | None) -> str | None:
        return None if utc_ns is None else self._iso(utc_ns)

    def _iso(self, utc_ns: int) -> str:
        return (
            (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(self.zone).isoformat(timespec="microseconds")
        )


def with_files(about: dict[str, Any], packed: Iterable[Packed]) -> dict[str, Any]:
    """The manifest as it goes into the export."""
    files = {each.name: {"bytes": each.bytes, "sha256": each.sha256, "what": WHAT[each.name]} for each in packed}
    return {**{key: value for key, value in about.items() if key != "origin"}, "files": dict(sorted(files.items()))}


def _offsets(offsets_s: Sequence[int]) -> str:
    said = ", ".join(
        f"{'-' if offset < 0 else '+'}{abs(offset) // 3600:02}:{abs(offset) // 60 % 60:02}" for offset in offsets_s
    )
    return f"entries were written at {said} from UTC" if said else "no entry says how far from UTC"


def _clock_words(starts: Sequence[dict[str, Any]]) -> str:
    known = [start["clock_synchronised"] for start in starts if start["clock_synchronised"] is not None]
    if not known:
        return "whether it was kept right (NTP) is not in the log; see what was said beside the export"
    right = sum(known)
    return f"kept right (NTP) at {right} of the newest {len(known)} starts of the guard"
