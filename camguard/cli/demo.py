"""``camguard demo``: the whole of it, without a camera."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from camguard.cli import eventlines
from camguard.cli.activations import print_rows
from camguard.cli.output import quoted_sentence, say

if TYPE_CHECKING:
    from camguard.core.events import Report
    from camguard.core.model import Step
from camguard.core.records import line

_EPILOG = """\b
Examples:
  camguard demo                asks before it ends the use
  camguard demo --yes          does not ask
  camguard demo --locked       somebody uses it while the screen is locked
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 60),
    default=8,
    show_default=True,
    help="How long the pretend use lasts where it is not ended.",
)
@click.option("--yes", "-y", is_flag=True, help="End the use without asking.")
@click.option("--locked", is_flag=True, help="As if the screen were locked.")
def command(seconds: float, yes: bool, locked: bool) -> None:
    """See camguard work, on a machine without a camera.

    The real guard watches a pretend camera, a file in a temporary folder. A second process opens and maps it, is
    found, judged, alerted to, ended and logged. Nothing of it stays, and your own log and rules are not touched.
    """
    from camguard.demo import Demo

    say("A pretend camera, the real guard, and in a moment a stranger:")
    say()
    with tempfile.TemporaryDirectory(prefix="camguard-demo-") as folder:
        demo = Demo(Path(folder), seconds, locked=locked)
        asks = not yes and sys.stdin.isatty()
        ended = asyncio.run(demo.play(_show, _ask if asks else _agree, _tell))
        say()
        if ended.outcome is None:
            say("It was left alone, and went by itself.")
        else:
            say(f"The use was ended. A look at the camera afterwards says: {ended.outcome.result}.")
        say("This is what the log says now:")
        say()
        _show_log(ended.journal_path)
    say()
    say("That was all pretence but the guard. `camguard watch` does it for your cameras.")


def _show(report: Report) -> None:
    told = line(report)
    say(eventlines.line(told), **eventlines.style(told))


def _tell(step: Step) -> None:
    say(f"          -> {quoted_sentence(step.what)}: {quoted_sentence(step.result)}")


async def _agree(report: Report) -> bool:  # noqa: ARG001
    return True


async def _ask(report: Report) -> bool:  # noqa: ARG001
    """Ask at the terminal, without keeping the guard from its work."""
    click.echo("Somebody uses the camera, and you did not expect it. End it? [Y/n] ", nl=False)
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    loop.add_reader(sys.stdin, answered.set)
    try:
        await answered.wait()
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline().strip().casefold() in {"", "y", "yes"}


def _show_log(path: Path) -> None:
    from camguard.journal.queries import Reader

    with Reader(path) as reader:
        print_rows(iter(reader.activations()), None)
