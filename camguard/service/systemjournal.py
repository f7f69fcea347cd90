"""Every event to the systemd journal, as an entry of its own; the guard never waits for it."""

from __future__ import annotations

from pathlib import Path

from camguard.core.authority import Caller, shown
from camguard.core.records import Record
from camguard.journald import SOCKET, send
from camguard.journalentry.fields import entry, left_out
from camguard.journalentry.settings import Share

_ANYBODY = 2**32 - 2
"""Nobody's number: who reads the systemd journal may be anybody."""


class SystemJournal:
    """Tells the systemd journal, as far as it takes it. What it does not take is counted, and the number told later.

    The activation log has all of it: this is a copy, for those who collect the systemd journal.
    """

    def __init__(self, share: Share, path: Path = SOCKET, *, private: bool = False) -> None:
        """`private`: the log of each user is kept from everybody else but root, and so from those who read this."""
        self.share = share
        self._private = private
        self._reader = Caller(_ANYBODY, 0, private=private)
        self._path = path
        self.left_out = 0
        """How many events it did not take since it last took one."""

    def tell(self, record: Record) -> None:
        """Tell it of an event, given as ``core.records.line`` makes it."""
        if self.share is Share.NONE:
            return
        whole = self.share is Share.ALL and not self._private
        told = record if whole else shown(self._reader, record, None)
        if told is None:
            return
        self.catch_up()
        if self.left_out or not self._sent(entry(told)):
            self.left_out += 1

    def catch_up(self) -> None:
        """Say how many events were left out, where there are any and it listens again."""
        if self.left_out and self._sent(left_out(self.left_out)):
            self.left_out = 0

    def _sent(self, fields: dict[str, str]) -> bool:
        """Whether the systemd journal took it. It is full, it starts anew, or this machine has none: all are no."""
        try:
            send(fields, self._path)
        except OSError:
            return False
        return True
