"""Which app a person means by a word on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from camguard.cli.settings import configuration
from camguard.core.model import App, AppIdentity, AppKind
from camguard.errors import NothingMatched, Refused, UsageError
from camguard.journal.recall import app_of
from camguard.ruletext import parse_app, spell_app

if TYPE_CHECKING:
    from camguard.access import Access

_LOOKED_AT = 1_000
"""A name is looked for in so many of the newest activations by apps that bear it."""


def app_meant(guard: Access, text: str) -> App:
    """The app of an activation (``a17``), at a path, in the words of the rules file, or of that name in the log.

    Raises NothingMatched where there is none, Refused where an activation's app is not known, UsageError where a
    name is that of several.
    """
    from camguard.access.local import app_of_file
    from camguard.uses import activation_number

    written = _as_written(text)
    if written is not None:
        return written
    number = activation_number(text)
    if number is not None:
        return _of_activation(guard, number)
    if "/" in text:
        return app_of_file(configuration(), Path(os.path.abspath(text)))
    return _of_name(guard, text)


def app_tested(guard: Access, text: str) -> App:
    """As `app_meant`; an app in the words of the rules file with what its file, or the log, says of its content."""
    from camguard.access.local import app_of_file

    written = _as_written(text)
    if written is None:
        return app_meant(guard, text)
    identity = written.identity
    if identity.kind in {AppKind.EXECUTABLE, AppKind.SCRIPT} and os.path.isfile(identity.id):
        return app_of_file(configuration(), Path(identity.id))
    seen = [
        app for app in _seen(guard, identity.id) if (app.identity.kind, app.identity.id) == (identity.kind, identity.id)
    ]
    return seen[0] if seen else written


def _as_written(text: str) -> App | None:
    try:
        identity = parse_app(text)
    except ValueError:
        return None
    return App(identity, os.path.basename(identity.id) or identity.id)


def _of_activation(guard: Access, number: int) -> App:
    record = guard.activation(number)
    if record is None:
        raise NothingMatched(f"there is no activation a{number} in the log; `camguard log` shows those there are")
    app = app_of(record)
    if app is None:
        raise Refused(f"it could not be told which app a{number} was, so there is nothing to make a rule of")
    return app


def _of_name(guard: Access, name: str) -> App:
    wanted = name.casefold()
    named = [app for app in _seen(guard, name) if wanted in {app.name.casefold(), app.identity.id.casefold()}]
    newest = {(app.identity.kind, app.identity.id, app.identity.path): app for app in reversed(named)}
    if not newest:
        raise NothingMatched(
            f'no app named "{name}" is in the log; give the path of its program, or the id of an activation (a17)'
        )
    if len(newest) > 1:
        texts = ", ".join(sorted(_precisely(app.identity) for app in newest.values()))
        raise UsageError(f'"{name}" is the name of several apps: {texts}. Give one of these, or an activation (a17)')
    return next(iter(newest.values()))


def _precisely(identity: AppIdentity) -> str:
    beside = f" at {identity.path}" if identity.path not in {None, identity.id} else ""
    return spell_app(identity) + beside


def _seen(guard: Access, text: str) -> list[App]:
    """Apps in the log that bear `text` in name, identity or path, those used last first."""
    from camguard.journal.filter import Filter

    records = list(guard.activations(Filter(app=text, limit=_LOOKED_AT)))
    return [app for record in reversed(records) if (app := app_of(record)) is not None]
