"""Where the tray keeps what is the session's, and what is the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_config_path, user_state_path


def runtime(environ: Mapping[str, str] = os.environ) -> Path:
    """The session's folder, gone when it is over; where the session has none, one of the user's."""
    folder = environ.get("XDG_RUNTIME_DIR", "")
    return Path(folder) / "camguard" if os.path.isabs(folder) else state() / "session"


def state() -> Path:
    """The user's folder for what is to be kept."""
    return user_state_path("camguard")


def autostart_of_everybody(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The folders with what is started for every user."""
    folders = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [Path(folder) / "autostart" for folder in folders.split(":") if os.path.isabs(folder)]


def autostart() -> Path:
    """Where desktops look for what to start after log-in, by the Desktop Application Autostart Specification."""
    return user_config_path() / "autostart"
