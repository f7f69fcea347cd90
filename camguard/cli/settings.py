"""What this call of the command line was given: the configuration it chose, and words that must be understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from camguard import config
from camguard.config import Config
from camguard.errors import UsageError


def configuration() -> Config:
    """The configuration for the command that runs now. Raises ConfigError."""
    return config.load(click.get_current_context().find_root().params["config_file"])


@contextmanager
def understood() -> Iterator[None]:
    """What a parser says in a ValueError about a person's words becomes a UsageError."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error
