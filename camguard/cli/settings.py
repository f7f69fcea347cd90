"""What this call of the command line was given: the configuration it chose, who is asked, words to be understood."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from camguard import config
from camguard.config import ENVIRONMENT_VARIABLE, Config
from camguard.errors import UsageError

if TYPE_CHECKING:
    from camguard.access import Access
    from camguard.access.remote import Remote

SOCKET_VARIABLE = "CAMGUARD_SOCKET"


def configuration() -> Config:
    """The configuration for the command that runs now. Raises ConfigError."""
    return config.load(_given()["config_file"])


@contextmanager
def access(*, say: bool = True) -> Iterator[Access]:
    """The service where one answers and nobody chose otherwise, else this command itself; `say` tells people which."""
    remote = service()
    if remote is not None:
        chosen: Access = remote
    else:
        from camguard.access.local import Local

        chosen = Local(configuration())
    if say and not _chose_local():
        click.echo(click.style(chosen.source, dim=True), err=True)
    with closing(chosen):
        yield chosen


def service() -> Remote | None:
    """The service; None where none answers, or where `--local` or a configuration of one's own was chosen.

    Raises what `ipc.client.connect` raises.
    """
    if _chose_local():
        return None
    from camguard.access.remote import Remote
    from camguard.ipc.client import connect

    named = os.environ.get(SOCKET_VARIABLE)
    client = connect(Path(named or config.SOCKET_PATH))
    if client is None and named:
        raise UsageError(f"no service answers at {named} (named by {SOCKET_VARIABLE}); start it, or unset that")
    return _guard_of_the_tray() if client is None else Remote(client)


def _guard_of_the_tray() -> Remote | None:
    """The guard that this user's tray runs where there is no service; None where it runs none."""
    from camguard.access.remote import Remote
    from camguard.ipc.client import connect

    path = config.session_socket()
    client = None if path is None or not path.exists() else connect(path, trusted_uids=frozenset({os.getuid()}))
    return None if client is None else Remote(client, "tray")


def named_configuration() -> Path | None:
    """The configuration file that was named on the command line; None where none was."""
    named: Path | None = _given()["config_file"]
    return named


def _chose_local() -> bool:
    given = _given()
    named = given["config_file"] is not None or bool(os.environ.get(ENVIRONMENT_VARIABLE))
    return bool(given["local"]) or (named and not os.environ.get(SOCKET_VARIABLE))


def _given() -> dict[str, Any]:
    return click.get_current_context().find_root().params


@contextmanager
def understood() -> Iterator[None]:
    """What a parser says in a ValueError about a person's words becomes a UsageError."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error
