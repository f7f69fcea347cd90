"""Something that happened, on its way to many clients: encoded once for all who may see the same of it."""

from __future__ import annotations

from camguard.core.authority import reduced
from camguard.core.records import Record
from camguard.ipc import protocol

Told = tuple[bool, bytes | None]
"""Whether an audience is shown it, and the event; None where that is longer than a client reads."""


NOTHING: Told = (False, None)


class News:
    """A record, and the user whose it is."""

    __slots__ = ("_line", "_reduced", "_whole", "kind", "owner_uid", "seq")

    def __init__(self, line: Record, owner_uid: int | None) -> None:
        seq = line.get("seq")
        self.kind = line.get("event")
        self.seq = seq if isinstance(seq, int) else None
        self.owner_uid = owner_uid
        self._line = line
        self._whole: Told | None = None
        self._reduced: Told | None = None

    def whole(self) -> Told:
        """For whose it is, and administrators."""
        if self._whole is None:
            self._whole = (True, protocol.event(self._line))
        return self._whole

    def reduced(self) -> Told:
        """For everybody else."""
        if self._reduced is None:
            line = reduced(self._line)
            self._reduced = NOTHING if line is None else (True, protocol.event(line))
        return self._reduced
