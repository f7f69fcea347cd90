"""``camguard doctor``: what can and cannot be seen here."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from camguard import __version__
from camguard.cli import passing_on
from camguard.cli.output import json_option, quoted_sentence, say, say_json
from camguard.cli.settings import configuration, service
from camguard.core.records import SCHEMA, safe
from camguard.errors import AccessDenied, ConfigError, JournalError, ServiceError
from camguard.ports import Finding, Level

if TYPE_CHECKING:
    from camguard.config import Config

_MARKS = {Level.OK: ("ok", "green"), Level.WARNING: ("note", "yellow"), Level.PROBLEM: ("PROBLEM", "red")}

_EPILOG = """\b
Examples:
  camguard doctor
  sudo camguard doctor
  camguard doctor --json | jq -r '.findings[] | select(.level != "ok") | .sentence'

\b
Exit code: 0 when all is well or only worth a note, 1 when there is a problem.
"""


@click.command(epilog=_EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Check the cameras, what you may see, and the files; and say what helps.

    Run it as the user, or as root, that runs the guard: they can see different things.
    """
    from camguard.access.local import findings

    config = configuration()
    found = (*findings(config), _service(), _rules(config), _log(config), *passing_on.findings(config))
    if as_json:
        say_json({"schema": SCHEMA, "findings": [_as_object(finding) for finding in found]})
    else:
        for finding in found:
            _show(finding)
    if any(finding.level is Level.PROBLEM for finding in found):
        click.get_current_context().exit(1)


def _service() -> Finding:
    try:
        remote = service()
        if remote is None:
            remedy = "to guard from the machine's start on, whoever is logged in: sudo camguard service install"
            return Finding(Level.WARNING, "service", "no service is asked; this command looks by itself", remedy)
        with closing(remote):
            trouble = remote.status().get("trouble")
            version = remote.client.version
    except ServiceError as error:
        return Finding(Level.PROBLEM, "service", str(error), "look at it: camguard service status")
    if trouble:
        return Finding(Level.PROBLEM, "service", f"its configuration is broken: {trouble}", "correct that line")
    if version != __version__:
        sentence = f"it is camguard {version}, this command {__version__}"
        return Finding(Level.WARNING, "service", sentence, "bring it up to date: sudo camguard service install")
    return Finding(Level.OK, "service", f"camguard {version} answers")


def _rules(config: Config) -> Finding:
    from camguard import rulebook

    try:
        number = len(rulebook.load(config.rules_path))
    except ConfigError as error:
        return Finding(Level.PROBLEM, "rules", str(error), "correct that line; a guard keeps the rules it read before")
    return Finding(Level.OK, "rules", f"{number or 'no'} {'rule' if number == 1 else 'rules'} in {config.rules_path}")


def _log(config: Config) -> Finding:
    from camguard.journal.checkpoint import read_last_check
    from camguard.journal.queries import Reader

    try:
        with Reader(config.journal_path) as reader:
            entries = reader.last_seq() - reader.start().seq
            run = reader.last_run()
        checked = read_last_check(config.journal_path)
    except AccessDenied as error:
        return Finding(Level.PROBLEM, "log", str(error), "run this as the user, or as root, that runs the guard")
    except JournalError as error:
        return Finding(Level.PROBLEM, "log", str(error), "a guard that starts sets a damaged log aside and begins anew")
    if run is None:
        remedy = "start a guard with `camguard watch`"
        return Finding(Level.WARNING, "log", f"no guard has written to {config.journal_path} yet", remedy)
    if checked is not None and checked.sentence is not None:
        remedy = "look at it: camguard log verify; keep a copy of the file for whoever investigates"
        return Finding(Level.PROBLEM, "log", f"it was changed: {checked.sentence}", remedy)
    return Finding(Level.OK, "log", f"{entries} entries in {config.journal_path}; `camguard log verify` checks them")


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.level]
    say(f"{mark:<8} {quoted_sentence(finding.topic)}: {quoted_sentence(finding.sentence)}", fg=colour)
    if finding.remedy:
        say(f"         -> {quoted_sentence(finding.remedy)}")


def _as_object(finding: Finding) -> dict[str, object]:
    return {
        "level": finding.level.value,
        "topic": safe(finding.topic),
        "sentence": safe(finding.sentence),
        "remedy": safe(finding.remedy),
    }
