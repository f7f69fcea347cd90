"""Printing that never holds up a guard: a terminal may stand still for as long as it likes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Self

import click

LIMIT = 10_000
"""Lines that wait for the terminal; beyond them lines are left out, and their number is told."""

_FAREWELL_S = 2.0


class Printer:
    """Prints lines in their order, from a thread of its own; a context manager.

    `missed` makes the line that stands for those left out. `gone` is called, from that thread, when nothing can
    be printed any more; leaving the context raises what the system said then.
    """

    def __init__(self, missed: Callable[[int], str], gone: Callable[[], object]) -> None:
        self._missed = missed
        self._gone = gone
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._left_out = 0
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._print, name="camguard-printer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.put(None)
        self._thread.join(_FAREWELL_S)  # a terminal that stands still does not keep the process
        if self._failure is not None:
            raise self._failure

    @property
    def waiting(self) -> int:
        """How many lines wait for the terminal."""
        return self._lines.qsize()

    def put(self, line: str) -> None:
        """Print a line soon; from one thread alone."""
        if self.waiting >= LIMIT:
            self._left_out += 1
            return
        if self._left_out:
            self._lines.put(self._missed(self._left_out))
            self._left_out = 0
        self._lines.put(line)

    def _print(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                click.echo(line)
            except OSError as error:
                self._failure = error
                self._gone()
                return
