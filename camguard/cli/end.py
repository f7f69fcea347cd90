"""``camguard end``: stop a use of a camera."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from camguard.cli.eventlines import sentence, who
from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_json
from camguard.cli.settings import access
from camguard.core.model import Result, Step
from camguard.core.records import SCHEMA
from camguard.errors import UsageError
from camguard.wording import CUT_ONLY

if TYPE_CHECKING:
    from camguard.access import Found

_FREE = {Result.ENDED, Result.GONE}

_EPILOG = """\b
Examples:
  camguard end a17          the use that the log calls a17
  camguard end 4242         whatever process 4242 does with a camera
  camguard end cheese       the app of that name, or whose name begins so
  camguard end 4242 --yes   without asking, for scripts

\b
The process is asked to stop (SIGTERM), given the patience of the configuration, then killed. Before each signal
it is made sure that the pid is still that process. Afterwards the camera is looked at again: children that hold on
are ended too. A program that has the camera from PipeWire only loses its connection to it, and goes on; it is ended
itself where it takes the camera again at once and is ended once more. Some are never ended: the system's own parts,
the session's, and other users' processes unless you are root or in the group camguard; it says which and why.

\b
Exit code: 0 when the camera is free of it, 1 when not or nothing matched, 2 for wrong usage.
"""


@click.command(epilog=_EPILOG)
@click.argument("target")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def command(target: str, yes: bool, as_json: bool) -> None:
    """End the use of a camera by TARGET: an activation, a pid, or an app's name.

    The attempt is logged before it is made, and its outcome, as found by looking again, after.
    """
    if not yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; to end a use without being asked, add --yes")
    with access(say=not as_json) as guard:
        uses = guard.uses(target)
        if not yes and not _agreed(uses):
            say("Nothing was done.")
            click.get_current_context().exit(1)
        results: list[Any] = guard.end(uses, _quiet if as_json else _tell)
        if as_json:
            say_json({"schema": SCHEMA, "answered_by": guard.answered_by, "target": target, "results": results})
        else:
            for result in results:
                _show(result)
    if any(result["outcome"]["result"] not in _FREE for result in results):
        click.get_current_context().exit(1)


def _agreed(uses: tuple[Found, ...]) -> bool:
    warnings: dict[Any, None] = {}
    for use in uses:
        view = _view(use)
        warnings[(view.get("process") or {}).get("warning")] = None
        verdict = f"{quoted(str(view['verdict']))}: {sentence(view)}"
        click.echo(f"{quoted(view['camera']['name'])} is held by {who(view)}; {verdict}.", err=True)
    for warning in filter(None, warnings):
        click.echo(quoted_sentence(str(warning)), err=True)
    which = "this use" if len(uses) == 1 else f"these {len(uses)} uses"
    through = all((_view(use).get("process") or {}).get("through") for use in uses)
    loss = CUT_ONLY if through else "What the process has not saved is lost."
    return click.confirm(f"End {which}? {loss}", err=True)


def _view(use: Found) -> Any:
    return use.view


def _tell(step: Step) -> None:
    say(f"  {quoted_sentence(step.what)}: {quoted_sentence(step.result)}")


def _quiet(step: Step) -> None:
    """Steps are in the outcome."""


def _show(result: dict[str, Any]) -> None:
    outcome = result["outcome"]
    use: dict[str, Any] = next(iter(result["uses"]), {})
    camera, whom = quoted((use.get("camera") or {}).get("name", "the camera")), who(use)
    why = f" {quoted_sentence(outcome['why'])}" if outcome["why"] else ""
    match outcome["result"]:
        case Result.ENDED:
            say(f"Ended: {camera} is free of {whom}.{why}", fg="green")
        case Result.GONE:
            say(f"It had let go already: {camera} is free of {whom}.{why}", fg="green")
        case Result.REFUSED:
            say(f"Not done: {whom} still holds {camera}.{why}", fg="red")
        case Result.STILL_HELD:
            left = ", ".join(who({"process": process}) for process in outcome["left"])
            say(f"Not ended: {camera} is still held by {left or whom}.{why}", fg="red")
        case _:
            say(f"It failed: {whom} may still hold {camera}.{why}", fg="red")
