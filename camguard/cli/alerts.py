"""``camguard alerts``: what the tray's alerts say and ask, without a tray."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_columns, say_json
from camguard.cli.settings import access
from camguard.cli.times import local_now, spoken_time
from camguard.core.decisions import Decision
from camguard.core.model import Result
from camguard.core.records import SCHEMA
from camguard.errors import UsageError

if TYPE_CHECKING:
    from camguard.journal.fold import ActivationRecord

_DONE = {None, Result.ENDED.value, Result.GONE.value}

_EPILOG = """\b
Examples:
  camguard alerts                    what waits for an answer
  camguard alerts answer a17 off     end that use, and switch the camera off
  camguard alerts answer a17 allow   expect that app from now on
  camguard alerts answer all seen    all of them are known
  camguard alerts test               see whether an alert reaches you
"""

_ANSWERS = """\b
The answer is one of
  off     end the use, and switch the camera off
  end     end the use
  keep    let it go on until it stops
  allow   expect this app from now on: a rule is made
  seen    it is known; nothing is to be done

\b
ALERT is an activation such as a17, or all.

\b
Exit code: 0 when it was done, 1 when not or there is no such alert, 2 for wrong usage.
"""


@click.group(invoke_without_command=True, epilog=_EPILOG)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List alerts that nobody has answered, and answer them.

    One answer is enough, wherever it is given: here, by a button of the notification, or in the tray's menu. Each
    answer, and who gave it, is in the log.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_alerts, limit=50, as_json=False)


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@json_option
def list_alerts(limit: int, as_json: bool) -> None:
    """List the alerts that wait for an answer, oldest first."""
    with access(say=not as_json) as guard:
        found = _unanswered(guard, limit)
    if as_json:
        from camguard.journal.export import as_object

        say_json({"schema": SCHEMA, "alerts": [as_object(record) for record in found]})
    elif found:
        say_columns(("ALERT", "BEGAN", "APP", "CAMERA", "NOW", "WHY"), [_row(record) for record in found])
        say()
        say("To answer: camguard alerts answer ALERT off|end|keep|allow|seen")
    else:
        say("No alert waits for an answer.")


@command.command(epilog=_ANSWERS)
@click.argument("alert")
@click.argument("answer", type=click.Choice([decision.value for decision in Decision]))
@json_option
def answer(alert: str, answer: str, as_json: bool) -> None:
    """Answer an alert; what it asks for is done, checked, and told."""
    decision = Decision(answer)
    with access(say=not as_json) as guard:
        numbers = _numbers(guard, alert, decision)
        told: list[Any] = [guard.decide(number, decision) for number in numbers]
        if as_json:
            say_json({"schema": SCHEMA, "answered_by": guard.answered_by, "answers": told})
        else:
            for each in told:
                _show(each)
            if not told:
                say("No alert waits for an answer.")
    if any((each["outcome"] or {}).get("result") not in _DONE or each["not_off"] for each in told):
        click.get_current_context().exit(1)


@command.command()
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.IntRange(0, 600),
    default=30,
    show_default=True,
    help="How long to wait for a click.",
)
@json_option
def test(wait: int, as_json: bool) -> None:
    """Show a harmless alert, and report what arrives.

    It says who shows notifications here, whether with buttons, and what became of yours: clicked, closed, or not
    answered in time.

    Exit code: 0 when it was shown, 1 when nobody shows notifications here.
    """
    from camguard.desktop.trial import try_alert

    if not as_json:
        say("Showing a test alert. Click its button where it has one.")
    report = asyncio.run(try_alert(wait))
    if as_json:
        say_json({"schema": SCHEMA, **report.as_object()})
    else:
        for sentence, good in report.sentences():
            say(quoted_sentence(sentence), fg="green" if good else "red")
    if not report.shown:
        click.get_current_context().exit(1)


def _unanswered(guard: Any, limit: int | None) -> list[ActivationRecord]:
    from camguard.journal.filter import Filter

    return list(guard.activations(Filter(unanswered=True, limit=limit)))


def _numbers(guard: Any, alert: str, decision: Decision) -> list[int]:
    from camguard.uses import activation_number

    if alert == "all":
        if decision is not Decision.SEEN:
            raise UsageError('all alerts at once can only be "seen"; answer one by one for anything else')
        return [record.number for record in _unanswered(guard, None)]
    number = activation_number(alert)
    if number is None:
        raise UsageError(f'"{alert}" is no alert; write for example a17, as `camguard alerts` lists them')
    return [number]


def _row(record: ActivationRecord) -> tuple[str, ...]:
    from camguard.activity.words import app_of, lasted

    why = "; ".join(str(reason.get("sentence", "")) for reason in record.reasons)
    state = "still on" if not (record.over or record.interrupted) else f"over, {lasted(record)}"
    return (record.id, spoken_time(record.opened_at, local_now()), app_of(record), record.camera_name, state, why)


def _show(told: Any) -> None:
    from camguard.desktop.words import decided

    good = (told["outcome"] or {}).get("result") in _DONE and not told["not_off"]
    say(f"{quoted(told['activation'])}: {quoted_sentence(decided(told))}", fg="green" if good else "red")
