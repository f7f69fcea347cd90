"""``camguard was-on``: whether a camera was on at a time."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from camguard.cli.output import json_option, quoted, say, say_json
from camguard.cli.settings import access, understood
from camguard.cli.times import local_now
from camguard.cli.whens import WHEN_FORMS, When, explained, ns, understand, width
from camguard.core.records import SCHEMA

if TYPE_CHECKING:
    from camguard.activity.answer import Asked, Finding
    from camguard.journal.known import Known, TimedUse

EXIT_CODES = {"no": 0, "yes": 3, "in part": 4, "not known": 5}
"""Apart from those that say that something went wrong."""

_WIDEST = 2_000
"""A sentence with several names of others' choosing in it is cut in the middle where it is longer."""

_EPILOG = f"""\b
Examples:
  camguard was-on "last Friday 9pm"               an hour before and after it
  camguard was-on "2026-11-20 21:30" --within 10m five minutes before and after it
  camguard was-on "yesterday evening"             from 18:00 to midnight
  camguard was-on "last Friday"                   all that day
  camguard was-on "2026-11-20 21:30 Europe/Berlin"
  camguard was-on yesterday --json | jq -r .answer

\b
WHEN: {WHEN_FORMS}.
A morning is from 6 to 12, an afternoon to 18, an evening to 24, a night from 18 to 6. A day alone is the whole of it.
It is local time, unless a zone is written. What may mean two times is not guessed at.

\b
The answers:
  No         no program used it, and the guard was watching all of the time
  Yes        one did: who, which camera, when, how long, and what was done
  In part    none was seen to use it, but not all of the time was watched
  Not known  nobody was watching
A program that only looked is no use, but is told. While the machine slept no program ran: that is watched.
Through the service you see your own uses whole; of others', that there was one, on which camera and when.

\b
Exit code: 0 no, 3 yes, 4 in part, 5 not known; 1 and 2 as everywhere.
"""


@click.command("was-on", epilog=_EPILOG)
@click.argument("when")
@click.option("--within", metavar="LENGTH", help="How wide a time around WHEN: 2h unless you say so.")
@click.option("--camera", metavar="TEXT", help="Ask about cameras with TEXT in their name or id.")
@json_option
def command(when: str, within: str | None, camera: str | None, as_json: bool) -> None:
    """Tell whether a program used the camera at a time.

    How WHEN was understood is always said. The answer never says more than the log knows.
    """
    from camguard.activity.answer import Asked, find

    with understood():
        meant = understand(when, local_now(), None if within is None else width(within))
    asked = Asked(*ns(meant), meant.zone, camera)
    with access(say=not as_json) as guard:
        known = guard.known(asked.begin_utc_ns, asked.end_utc_ns, camera)
    found = find(asked, known)
    if as_json:
        say_json(_as_object(when, meant, asked, known, found))
    else:
        _tell(meant, asked, known, found)
    click.get_current_context().exit(EXIT_CODES[found.answer])


def _tell(meant: When, asked: Asked, known: Known, found: Finding) -> None:
    from camguard.activity.answer import CAVEAT, checked, remarks

    style = {"no": "green", "yes": "yellow"}.get(found.answer)
    say(f"Understood as {explained(meant)}.")
    say()
    say(_safe(found.sentence), bold=True, **({} if style is None else {"fg": style}))
    _list("Uses", _lines(asked, found.uses))
    _list("Looks", _lines(asked, found.looks))
    _list("Began before, and may have gone on: nobody saw its end", _lines(asked, found.possible))
    _list("Coverage", remarks(asked, known))
    say()
    say(_safe(checked(known)))
    say(CAVEAT)


def _lines(asked: Asked, uses: tuple[TimedUse, ...]) -> list[str]:
    from camguard.activity.answer import told
    from camguard.journal.filter import to_utc_ns

    return [f"{use.record.id}  {asked.clock(to_utc_ns(use.record.opened_at))}  {told(use)}" for use in uses]


def _list(heading: str, lines: list[str]) -> None:
    if lines:
        say()
        say(f"{heading}:")
    for line in lines:
        say(f"  {_safe(line)}")


def _safe(sentence: str) -> str:
    return quoted(sentence, _WIDEST)


def _as_object(text: str, meant: When, asked: Asked, known: Known, found: Finding) -> dict[str, Any]:
    from camguard.activity.answer import CAVEAT

    return {
        "schema": SCHEMA,
        "answer": found.answer.value,
        "sentence": found.sentence,
        "asked": {
            "text": text,
            "understood": explained(meant),
            "at": None if meant.moment is None else meant.moment.isoformat(),
            "begin": _iso(asked, asked.begin_utc_ns),
            "end": _iso(asked, asked.end_utc_ns),
            "begin_utc_ns": asked.begin_utc_ns,
            "end_utc_ns": asked.end_utc_ns,
            "camera": asked.camera,
        },
        "coverage": [
            {
                "begin": _iso(asked, stretch.begin_utc_ns),
                "end": _iso(asked, stretch.end_utc_ns),
                "watch": stretch.watch.value,
                "why": list(stretch.why),
            }
            for stretch in known.stretches
        ],
        "uses": [_use(asked, use) for use in found.uses],
        "looks": [_use(asked, use) for use in found.looks],
        "possible": [_use(asked, use) for use in found.possible],
        "more": known.more,
        "checked": asdict(known.checked),
        "caveat": CAVEAT,
    }


def _use(asked: Asked, use: TimedUse) -> dict[str, Any]:
    from camguard.journal.export import as_object

    return {**as_object(use.record), "whole": use.whole, "known_until": _iso(asked, use.until_utc_ns)}


def _iso(asked: Asked, utc_ns: int) -> str:
    at: datetime = asked.at(utc_ns)
    return at.isoformat(timespec="microseconds")
