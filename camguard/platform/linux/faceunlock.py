"""The rules that camguard brings along: who looks for a face before, or while, nobody is logged in.

Each is for infrared cameras alone and for processes of root, which is who asks for a face (PAM runs as the program that
lets people in). So a user's program gains nothing by a name, nor by a script's path on its command line.
"""

from __future__ import annotations

from collections.abc import Iterator

from camguard.core.circumstance import Circumstance
from camguard.core.model import AppIdentity, AppKind, CameraKind, Effect, Rule
from camguard.platform.linux.knowledge import Login, knowledge

EVEN = frozenset(
    {
        Circumstance.LOCKED,
        Circumstance.IDLE,
        Circumstance.INACTIVE,
        Circumstance.NO_SESSION,
        Circumstance.NEW,
    }
)
"""That nobody is there yet, and the screen locked, is when a face is looked for."""


def shipped_rules() -> tuple[Rule, ...]:
    """All of them. An id has dots, which that of no rule in a file has."""
    return tuple(
        Rule(
            id=f"login.{login.key}.{number}",
            effect=Effect.ALLOW,
            app=app,
            user="root",
            app_name=login.name,
            even=EVEN,
            kind=CameraKind.INFRARED,
            shipped=True,
        )
        for login in knowledge().login
        for number, app in enumerate(_apps(login), 1)
    )


def _apps(login: Login) -> Iterator[AppIdentity]:
    for package in login.packages:
        yield AppIdentity(AppKind.PACKAGE, package)
    for program in login.programs:
        yield AppIdentity(AppKind.EXECUTABLE, program, program)
    for script in login.scripts:
        yield AppIdentity(AppKind.SCRIPT, script, script)
