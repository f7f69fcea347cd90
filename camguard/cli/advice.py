"""``camguard advice``: what to do if somebody threatens a person with pictures. It asks no guard, and tells none."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from camguard.advice.country import code_of, guessed
from camguard.advice.language import LANGUAGES, preferred
from camguard.cli.output import json_option, line_width, page, quoted, say, say_json, styled
from camguard.cli.settings import understood
from camguard.errors import PageError, UsageError

if TYPE_CHECKING:
    from camguard.advice.advising import Advice
    from camguard.advice.texts import Topic

_TOPICS = {
    "start": "the first question: which of the two cases is it?",
    "email": "an e-mail says that it has filmed you",
    "contact": "a person threatens you",
    "report": "where to report it",
    "prevent": "how to keep the camera safe",
    "safe": "who can see that you were here, and who can read the log",
}

_EPILOG = (
    "\b\nTopics:\n"
    + "\n".join(f"  {name:9}{line}" for name, line in _TOPICS.items())
    + """

\b
Examples:
  camguard advice                       begin here
  camguard advice contact --country GB
  camguard advice --open                as a page in the browser
  camguard advice report --language de

\b
It works without a guard, sends nothing, and no log says that it was read. Who takes reports is known for some
countries; where you do not name one, it is guessed from your locale.
"""
)


def _countries(_context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    from camguard.advice.places import places

    known = places().countries
    return [CompletionItem(each.code, help=each.name) for each in known if each.code.startswith(begun.upper())]


@click.command(epilog=_EPILOG)
@click.argument("topic", type=click.Choice(list(_TOPICS)), default="start", metavar="[TOPIC]")
@click.option("--country", metavar="XX", shell_complete=_countries, help="Where to report in this country, such as GB.")
@click.option("--language", type=click.Choice(list(LANGUAGES)), help="In this language, and not in that of the locale.")
@click.option("--open", "opened", is_flag=True, help="Show all topics as a page in the browser.")
@click.option("--html", metavar="FILE", help="Write that page to FILE; - is standard output.")
@click.option("--force", is_flag=True, help="With --html: replace a file that is there.")
@json_option
@click.option("--no-pager", is_flag=True, help="Print all of it at once.")
def command(
    topic: str,
    country: str | None,
    language: str | None,
    opened: bool,
    html: str | None,
    force: bool,
    as_json: bool,
    no_pager: bool,
) -> None:
    """Say what to do if someone threatens you with pictures, or claims to have some.

    First comes the question which of two cases it is, then what to do, step by step, and where to report it.
    """
    if as_json + opened + (html is not None) > 1:
        raise UsageError("--json, --html and --open exclude one another")
    if force and html is None:
        raise UsageError("--force is about the file of --html")
    with understood():
        wanted = guessed() if country is None else code_of(country)
    from camguard.advice.advising import advice
    from camguard.advice.texts import Topic

    given = advice(language or preferred(), wanted)
    if opened:
        _open(given)
    elif html is not None:
        _write(given, html, force=force)
    elif as_json:
        from camguard.advice.advising import record
        from camguard.core.records import SCHEMA

        say_json({"schema": SCHEMA, **record(given, Topic(topic))})
    else:
        _show(given, Topic(topic), paged=not no_pager)


def _show(given: Advice, topic: Topic, *, paged: bool) -> None:
    """Print a page; after the first question a person at a terminal can answer it at once."""
    from camguard.advice.terminal import lines
    from camguard.advice.texts import CASES, Topic

    shown = lines(given, topic, line_width(), partial(styled, bold=True))
    if paged:
        page(shown)
    else:
        _print(shown)
    if topic is not Topic.START or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    say()
    numbers = {str(number): case for number, case in enumerate(CASES, 1)}
    answer = click.prompt(given.labels.ask, default="", show_default=False, type=click.Choice(["", *numbers]))
    if answer:
        say()
        _show(given, numbers[answer], paged=paged)


def _print(shown: Iterable[str]) -> None:
    for line in shown:
        click.echo(line)


def _write(given: Advice, name: str, *, force: bool) -> None:
    """Write the page. Raises what `files.write_new` raises, and UsageError where it would go to a terminal."""
    from camguard.activity.files import write_new
    from camguard.advice.page import render

    if name == "-":
        if sys.stdout.isatty():
            raise UsageError("a page is for a browser, not for a terminal; name a file, or say --open")
        for part in render(given):
            click.echo(part, nl=False)
        return
    path = Path(name)
    write_new(path, render(given), force=force)
    say(given.labels.written.format(path=quoted(str(path), 200)))


def _open(given: Advice) -> None:
    """Write the page where the tray does, and open it. Raises PageError, with what to do instead."""
    from camguard.activity.files import write_new
    from camguard.advice.page import render
    from camguard.desktop.activity import ADVICE_PAGE
    from camguard.desktop.folders import runtime

    path = runtime() / ADVICE_PAGE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PageError(f"{path.parent} cannot be made: {error.strerror}; use --html FILE instead") from error
    write_new(path, render(given), force=True)
    if not webbrowser.open(path.as_uri()):
        raise PageError(f"no browser could be started; open this yourself: {path}")
    say(given.labels.opened.format(path=quoted(str(path), 200)))
