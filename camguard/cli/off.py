"""``camguard off``: no program can use the camera."""

from __future__ import annotations

import click

from camguard.cli.output import json_option
from camguard.cli.power import switch
from camguard.core.power import Power

_EPILOG = """\b
Examples:
  camguard off                             every camera, those plugged in later too
  camguard off --camera "Integrated Camera"
  camguard off --whole                     also where a microphone goes off with it

\b
Off means that the device cannot deliver a picture to anybody: its USB video interfaces lose their authorisation
(a microphone in the same device stays), or its driver is unbound. Programs that use it lose it at once. Afterwards it
is checked that no node of the camera is left. It stays off, through restarts and replugging, until `camguard on`.
Who may: root, the group camguard, and, unless the configuration says otherwise, whoever sits at the machine.

\b
Exit code: 0 when it is off, 1 when not, 2 for wrong usage.
"""


@click.command(epilog=_EPILOG)
@click.option("--camera", metavar="NAME", help="This camera, by name or id (by default all).")
@click.option("--whole", is_flag=True, help="Agree to what else is in the device going off with it.")
@json_option
def command(camera: str | None, whole: bool, as_json: bool) -> None:
    """Switch a camera off, so that no program can use it."""
    switch(Power.OFF, camera, None, whole=whole, as_json=as_json)
