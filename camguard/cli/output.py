"""How commands write: JSON for programs, plain columns and a little colour for people."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import click

from camguard.cli.text import columns, safe

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def say(line: str = "", **style: Any) -> None:
    """Print one line for people; `style` is as for `click.style` and is left out where colour is not wanted."""
    click.echo(styled(line, **style))


def styled(line: str, **style: Any) -> str:
    """A line as `say` prints it."""
    return click.style(line, **style) if style and coloured() else line


def page(lines: Iterable[str]) -> None:
    """Print lines that came from `styled`; page by page where they do not fit the terminal.

    The program that shows pages is $PAGER, or less, told as git tells it: to keep colours, and to leave what was
    read on the screen. As root it may start nothing and write nothing for whoever sits before it.
    """
    coming = iter(lines)
    held = list(islice(coming, shutil.get_terminal_size().lines)) if sys.stdout.isatty() else []
    if len(held) < shutil.get_terminal_size().lines or not sys.stdin.isatty():
        for line in chain(held, coming):
            click.echo(line)
        return
    os.environ.setdefault("LESS", "FRX")
    if os.geteuid() == 0:
        os.environ["LESSSECURE"] = "1"
    click.echo_via_pager(f"{line}\n" for line in chain(held, coming))


def say_json(value: Any) -> None:
    """Print one value on one line and send it off at once. What is not ASCII is escaped, as JSON allows."""
    click.echo(json.dumps(value, separators=(",", ":")))
    sys.stdout.flush()


def say_columns(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a heading, fitted to the terminal; whole where the output goes elsewhere."""
    for number, line in enumerate(columns([heading, *rows], line_width())):
        say(line, **({} if number else {"bold": True}))


def quoted(text: str, width: int = 60) -> str:
    """Text of somebody else's choosing in a line of ours: harmless, and not longer than the line bears."""
    return safe(text, width)


def quoted_sentence(text: str) -> str:
    """A sentence of ours that may hold names of others' choosing."""
    return quoted(text, 300)


def line_width() -> int | None:
    """How wide a line may be; None where no terminal sets a limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None


def coloured() -> bool:
    """Whether colour is wanted: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
