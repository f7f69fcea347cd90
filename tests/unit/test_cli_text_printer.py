"""Printing beside a guard: nothing that a terminal does may hold the guard up."""

from __future__ import annotations

import os
import threading

import click
import pytest

from camguard.cli import printer
from camguard.cli.printer import Printer


class Terminal:
    """Takes the place of click.echo: stands still until it is let go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.busy = threading.Event()
        self.lines: list[str] = []

    def echo(self, line: str) -> None:
        self.busy.set()
        self.free.wait(30)
        self.lines.append(line)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(click, "echo", made.echo)
    return made


def test_lines_come_in_their_order(terminal: Terminal) -> None:
    terminal.free.set()
    with Printer(str, lambda: None) as out:
        for number in range(1000):
            out.put(str(number))
    assert terminal.lines == [str(number) for number in range(1000)]


def test_a_terminal_that_stands_still_holds_nobody_up(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printer, "LIMIT", 3)
    with Printer("({} left out)".format, lambda: None) as out:
        out.put("shown")
        assert terminal.busy.wait(30)
        for number in range(10):
            out.put(str(number))
        terminal.free.set()
        while out.waiting:
            pass
        out.put("last")
    assert terminal.lines == ["shown", "0", "1", "2", "(7 left out)", "last"]


def test_a_reader_that_is_gone_is_told_once_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setattr(click, "echo", lambda line: os.write(write, line.encode()))
    gone = threading.Event()
    out = Printer(str, gone.set)
    out.__enter__()
    out.put("a line")
    assert gone.wait(30)
    out.put("another")
    with pytest.raises(BrokenPipeError):
        out.__exit__()
    os.close(write)
