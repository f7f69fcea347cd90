"""``camguard log --html``: the log as a page."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from camguard import __version__
from camguard.activity.files import refuse_to_replace, write_new
from camguard.activity.page import Activity, render
from camguard.activity.spans import Span, local, not_watched, wall
from camguard.cli.output import quoted, say
from camguard.cli.times import from_ns, local_now
from camguard.errors import UsageError

if TYPE_CHECKING:
    from camguard.access import Access
    from camguard.core.coverage import Sign
    from camguard.journal.filter import Filter
    from camguard.journal.fold import ActivationRecord

_SOURCES = {
    "service": "The service told it; it shows each user the own uses, and administrators all of them.",
    "tray": "The guard of the tray told it.",
    "command": "It was read from the log's file.",
}
"""Where the page has it from, by `Access.answered_by`."""


def write_page(guard: Access, wanted: Filter, name: str, *, force: bool) -> None:
    """Write the page about what is asked for to the file of that name, or to standard output where it is ``-``.

    Raises UsageError where that is a terminal, Refused where a file is there already, PageError where it cannot be
    written; then there is no file.
    """
    path = None if name == "-" else Path(name)
    if path is None and sys.stdout.isatty():
        raise UsageError("a page is for a browser, not for a terminal; name a file: --html activity.html")
    if path is not None:
        refuse_to_replace(path, force=force)
    records = list(guard.activations(wanted))
    parts = render(_activity(guard, wanted, records, list(guard.signs())))
    if path is None:
        for part in parts:
            click.echo(part, nl=False)
        return
    write_new(path, parts, force=force)
    say(f"{len(records):,} {'use is' if len(records) == 1 else 'uses are'} on the page {quoted(str(path), 200)}.")


def _activity(guard: Access, wanted: Filter, records: list[ActivationRecord], signs: list[Sign]) -> Activity:
    now = wall(local_now())
    limits = _limits(wanted, records, signs, now)
    return Activity(
        records=records,
        away=not_watched(signs, limits, guard.watching_until()),
        limits=limits,
        now=now,
        source=_SOURCES[guard.answered_by],
        choice=_choice(wanted),
        version=__version__,
    )


def _limits(wanted: Filter, records: list[ActivationRecord], signs: list[Sign], now: datetime) -> Span:
    """The time that the page is about: as was asked for, but not from before the log begins, nor after now."""
    starts = [wall(record.opened_at) for record in records[:1]]
    if wanted.limit is None:
        starts += [local(sign.at) for sign in signs[:1]]
    begin = min(starts, default=now)
    if wanted.since is not None:
        begin = max(begin, wall(from_ns(wanted.since)))
    end = now if wanted.until is None else min(now, wall(from_ns(wanted.until)))
    return Span(min(begin, end), end)


def _choice(wanted: Filter) -> str:
    """Which uses were asked for, in words; their time is told apart."""
    said = []
    if wanted.unexpected:
        said.append("unexpected uses")
    if wanted.app is not None:
        said.append(f'apps with "{wanted.app}" in their name')
    if wanted.camera is not None:
        said.append(f'cameras with "{wanted.camera}" in their name')
    if wanted.limit is not None:
        said.append(f"the newest {wanted.limit:,}")
    return ", ".join(said)
