"""The configuration that the options of this call chose."""

from __future__ import annotations

import click

from camguard import config
from camguard.config import Config


def configuration() -> Config:
    """The configuration for the command that runs now. Raises ConfigError."""
    return config.load(click.get_current_context().find_root().params["config_file"])
