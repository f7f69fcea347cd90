"""``camguard on``: the camera can be used again."""

from __future__ import annotations

import click

from camguard.cli.output import json_option
from camguard.cli.power import switch
from camguard.cli.settings import understood
from camguard.config import LONGEST_PASS_NS
from camguard.core.model import NANOSECONDS
from camguard.core.power import Power
from camguard.durations import parse_duration, spell_duration
from camguard.errors import UsageError

_EPILOG = """\b
Examples:
  camguard on --for 30m     on for half an hour, then off again by itself
  camguard on               on for good; with default = "off", for the usual time
  camguard on --camera "Integrated Camera" --for 2h

\b
A time goes on while the machine sleeps and through a restart. A minute before it ends, whoever uses the camera is
warned; `camguard on --for 30m` said anew prolongs it.

\b
Exit code: 0 when it is on, 1 when not, 2 for wrong usage.
"""


@click.command(epilog=_EPILOG)
@click.option("--camera", metavar="NAME", help="This camera, by name or id (by default all).")
@click.option("--for", "lasting", metavar="TIME", help='For so long, such as "30m", "2h" or "90s"; then it goes off.')
@json_option
def command(camera: str | None, lasting: str | None, as_json: bool) -> None:
    """Switch a camera on again, for a time or for good."""
    switch(Power.ON, camera, _seconds(lasting), whole=False, as_json=as_json)


def _seconds(lasting: str | None) -> float | None:
    if lasting is None:
        return None
    with understood():
        ns = parse_duration(lasting)
    if not NANOSECONDS <= ns <= LONGEST_PASS_NS:
        raise UsageError(f"--for must be between 1s and {spell_duration(LONGEST_PASS_NS)}, not {lasting}")
    return ns / NANOSECONDS
