"""What can be known of blocked programs before one of them opens a camera, so that nobody has to wait for it then."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from camguard.core.model import Effect, Rule
from camguard.errors import AccessDenied, NothingMatched
from camguard.ports import Identifier


def look_up(identifier: Identifier, rules: Iterable[Rule]) -> None:
    """Have the identifier read, and remember, the files that an administrator blocks by their paths. Blocking.

    What users block for themselves is left: nobody has the guard read large files by a word.
    """
    blocked = (rule.app for rule in rules if rule.effect is Effect.BLOCK and rule.by is None)
    for path in dict.fromkeys(app.path for app in blocked if app is not None and app.path is not None):
        with suppress(NothingMatched, AccessDenied, ValueError):  # it may be installed later, or be no path at all
            identifier.identify_file(path)
