"""What ``camguard off`` and ``camguard on`` have in common: ask, and show what was found afterwards."""

from __future__ import annotations

from typing import Any

import click

from camguard.cli.output import quoted, quoted_sentence, say, say_json
from camguard.cli.settings import access
from camguard.cli.status import power_in_words
from camguard.core.model import Result
from camguard.core.power import Power
from camguard.core.records import SCHEMA

_DONE = {Result.ON, Result.OFF}


def switch(power: Power, camera: str | None, for_s: float | None, *, whole: bool, as_json: bool) -> None:
    """Switch, print what was done and how the cameras stand; exit with 1 where one is not as it was asked for."""
    with access(say=not as_json) as guard:
        told: Any = guard.switch(power, camera, for_s, whole=whole)
        if as_json:
            say_json({"schema": SCHEMA, "answered_by": guard.answered_by, **told})
        else:
            _show(told)
    if any(each["power"] != power for each in told["cameras"]):
        click.get_current_context().exit(1)


def _show(told: Any) -> None:
    for result in told["results"]:
        name, outcome = quoted(result["camera"]["name"]), result["outcome"]
        for step in outcome["steps"]:
            say(f"  {quoted_sentence(step['what'])}: {quoted_sentence(step['result'])}")
        if outcome["result"] not in _DONE and outcome["why"]:
            say(f"{name}: {quoted_sentence(outcome['why'])}", fg="red")
    if not told["cameras"]:
        say(f"No camera is plugged in; one that will be is {told['power']}.")
    for camera in told["cameras"]:
        right = camera["power"] == told["power"]
        why = (camera.get("wanted") or {}).get("why")
        because = "" if right or not why else f": {quoted_sentence(why)}"
        checked = " (checked)" if right else ""
        say(
            f"{quoted(camera['name'])} is {power_in_words(camera)}{checked}{because}.",
            fg="green" if right else "red",
        )
