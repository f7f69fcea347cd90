"""``camguard log``: who used a camera when, and whether the log is whole."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from camguard.cli.activations import print_csv, print_json, print_rows
from camguard.cli.logexport import export
from camguard.cli.logverify import CHANGED, key, verify
from camguard.cli.output import json_option, quoted
from camguard.cli.settings import access, understood
from camguard.cli.times import PAST_FORMS, local_now, parse_past, to_ns
from camguard.core.events import Kind
from camguard.core.records import local_time
from camguard.errors import NothingMatched, UsageError

if TYPE_CHECKING:
    from camguard.access import Access
    from camguard.journal.filter import Filter

USUAL_LIMIT = 50

_EPILOG = f"""\b
Examples:
  camguard log                                  the newest {USUAL_LIMIT}
  camguard log --since yesterday --until yesterday
  camguard log --since 3d --unexpected
  camguard log --app cheese --limit 0 --csv > cheese.csv
  camguard log --follow
  camguard log --since 7d --html week.html      a page to look at, to search and to print
  camguard log verify
  camguard log export --since 7d evidence.zip   for the police: see its --help

\b
Times: {PAST_FORMS}.
A day stands for its beginning after --since, for its end after --until.

\b
Columns: BEGAN is local time, as it was then. LASTED is from the first open to the last close, "still on" while it
lasts, "not known" where the guard stopped watching first. VERDICT is what your rules made of it; "looked only" took
no pictures.
JSON has more: reasons, process, executable and its SHA-256, parents, actions.
What is longer than the terminal is shown through $PAGER, or less.

\b
The page is one file that fetches nothing. It shows all uses, not only the newest {USUAL_LIMIT}, each camera day by day,
and when no guard was running.

\b
Exit code: 1 when nothing matches what was asked for, {CHANGED} when `verify` finds the log changed.
"""


@click.group(invoke_without_command=True, epilog=_EPILOG)
@click.option("--since", metavar="WHEN", help="Uses that lasted into the time from WHEN on.")
@click.option("--until", metavar="WHEN", help="Uses that began before WHEN.")
@click.option("--app", metavar="TEXT", help="Uses by apps with TEXT in their name, identity or path.")
@click.option("--camera", metavar="TEXT", help="Uses of cameras with TEXT in their name or id.")
@click.option("--unexpected", is_flag=True, help="Uses that nobody expected, or that were blocked.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=USUAL_LIMIT,
    help=f"How many of the newest; 0: all. Where not given {USUAL_LIMIT}, on a page all.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV for spreadsheets.")
@click.option("--html", metavar="FILE", help="Write a page for a browser to FILE; - is standard output.")
@click.option("--force", is_flag=True, help="With --html: replace a file that is there.")
@click.option("--no-pager", is_flag=True, help="Print all of it at once.")
@click.pass_context
def command(
    context: click.Context,
    since: str | None,
    until: str | None,
    app: str | None,
    camera: str | None,
    unexpected: bool,
    limit: int,
    follow: bool,
    as_json: bool,
    as_csv: bool,
    html: str | None,
    force: bool,
    no_pager: bool,
) -> None:
    """Show who used a camera when, the newest last."""
    if context.invoked_subcommand is not None:
        return
    _check_forms(as_json=as_json, as_csv=as_csv, html=html, follow=follow, force=force)
    from camguard.journal.filter import Filter

    if html is not None and context.get_parameter_source("limit") is ParameterSource.DEFAULT:
        limit = 0
    wanted = Filter(_instant(since), _instant(until, end=True), app, camera, unexpected, limit or None)
    with access(say=not (as_json or as_csv or html)) as guard:
        if html is not None:
            from camguard.cli.activitypage import write_page

            write_page(guard, wanted, html, force=force)
            return
        if not (as_json or as_csv) and wanted.since is not None:
            _say_what_was_cut(guard, wanted.since)
        coming = guard.following(wanted) if follow else None
        logged = guard.activations(wanted)
        first = next(logged, None)
        if first is None and not follow:
            _say_nothing(guard, wanted)
            return
        begin = () if first is None else (first,)
        show = print_json if as_json else print_csv if as_csv else partial(print_rows, paged=not no_pager)
        show(chain(begin, logged), coming)


def _check_forms(*, as_json: bool, as_csv: bool, html: str | None, follow: bool, force: bool) -> None:
    """Raises UsageError where options do not go together."""
    if as_json + as_csv + (html is not None) > 1:
        raise UsageError("--json, --csv and --html exclude one another")
    if html is not None and follow:
        raise UsageError("a page is written once, and cannot follow; leave --follow or --html out")
    if force and html is None:
        raise UsageError("--force is about the file of --html")


command.add_command(verify)
command.add_command(key)


def _say_what_was_cut(guard: Access, since: int) -> None:
    """Tell whoever asks for older uses than the log keeps, away from the uses."""
    cuts = [sign for sign in guard.signs() if sign.kind == Kind.JOURNAL_CUT]
    last = cuts[-1].end if cuts else None
    if last is not None and last.utc_ns >= since:
        until, when = (quoted(local_time(at)[:16].replace("T", " ")) for at in (last, cuts[-1].at))
        click.echo(
            f"camguard: entries up to {until} were cut on {when}: the log keeps {quoted(cuts[-1].why)}.", err=True
        )


def _say_nothing(guard: Access, wanted: Filter) -> None:
    """Tell why nothing is shown, away from what a program reads. Raises NothingMatched where a choice was made."""
    if wanted != type(wanted)(limit=wanted.limit):
        raise NothingMatched("no use of a camera in the log matches; `camguard log --limit 0` shows all of them")
    none_yet = guard.no_guard_yet()
    if none_yet is not None:
        click.echo(f"camguard: no guard has kept a log at {quoted(none_yet, 200)}; `camguard watch` does.", err=True)
    else:
        click.echo("camguard: no use of a camera is in the log.", err=True)


def _instant(text: str | None, *, end: bool = False) -> int | None:
    if text is None:
        return None
    with understood():
        return to_ns(parse_past(text, local_now(), end=end))


command.add_command(export)
