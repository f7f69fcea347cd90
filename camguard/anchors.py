"""The heads of the activation log that the systemd journal has, read by journalctl(1).

Whoever may log anything may log a head. So only entries count that journald itself marked as by the user who keeps the
log: in fields that begin with an underscore it takes nobody's word (systemd.journal-fields(7)).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from camguard.core.records import safe
from camguard.journal.heads import MESSAGE_ID, Head
from camguard.shapes import Shape

TIMEOUT_S = 60.0
"""How long journalctl may take for a journal of years."""

_FIELDS = "CAMGUARD_LOG,CAMGUARD_LOG_FILE,CAMGUARD_HEAD_SEQ,CAMGUARD_HEAD_HASH,_UID,__REALTIME_TIMESTAMP"
_LINE = 64 * 1024


class _Noted(msgspec.Struct, frozen=True):
    """An entry as ``journalctl -o json`` prints it. Text that is not UTF-8, or comes twice, is a list there."""

    log: str = msgspec.field(name="CAMGUARD_LOG")
    file: str = msgspec.field(name="CAMGUARD_LOG_FILE")
    seq: str = msgspec.field(name="CAMGUARD_HEAD_SEQ")
    hash: str = msgspec.field(name="CAMGUARD_HEAD_HASH")
    uid: str = msgspec.field(name="_UID")
    realtime_us: str = msgspec.field(name="__REALTIME_TIMESTAMP")


_NOTED: Shape[_Noted] = Shape(_Noted)


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the systemd journal has. `heads` are of all logs that one user kept in one place, by journald's clock.

    `why_not` says why nothing could be read; None where it could, be it that nothing was there.
    """

    heads: tuple[Head, ...] = ()
    why_not: str | None = None


def read(journal: Path, uid: int) -> Anchors:
    """The heads of logs that the user `uid` kept at that place."""
    command = ["journalctl", "--quiet", "--no-pager", "-o", "json", f"--output-fields={_FIELDS}"]
    command += [f"MESSAGE_ID={MESSAGE_ID}", f"_UID={uid}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except FileNotFoundError:
        return Anchors(why_not="there is no systemd journal here")
    except (OSError, subprocess.SubprocessError) as error:
        return Anchors(why_not=f"journalctl could not be run: {error}")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        return Anchors(why_not=f"the systemd journal cannot be read: {safe(said) or 'journalctl failed'}")
    return Anchors(tuple(heads_in(done.stdout, str(journal), uid)))


def heads_in(lines: bytes, file: str, uid: int) -> Iterator[Head]:
    """The heads of logs at the path `file` by the user `uid`; what is none of these is passed over."""
    for line in lines.splitlines():
        if len(line) > _LINE:
            continue
        with suppress(msgspec.DecodeError, UnicodeDecodeError, ValueError):
            noted = _NOTED.of_json(line)
            if noted.uid == str(uid) and noted.file == file and len(noted.hash) == len(noted.log) == 64:
                yield Head(noted.log, int(noted.seq), noted.hash, int(noted.realtime_us) * 1_000)
