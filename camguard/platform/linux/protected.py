"""The programs that camguard never ends, and why, in one place.

A name counts only for a program file that root owns and nobody else may write: what a process calls itself, or
where a user puts his own file, protects nothing.
"""

from __future__ import annotations

import os
import stat

_BROKER = "holds the camera for other programs; end the one that uses it through it"
_SESSION = "is a part of the session itself: ending it would end everything that is open"
_SYSTEM = "is a part of the system itself"

# Base name of the executable, or with a "*" what it begins with -> why it is never ended.
PROTECTED: tuple[tuple[str, str], ...] = (
    # Brokers: camera in hand, but on behalf of an app.
    ("pipewire", _BROKER),
    ("pipewire-media-session", _BROKER),
    ("wireplumber", _BROKER),
    ("xdg-desktop-portal*", _BROKER),
    # The system: init and --user managers, message buses, seats, devices.
    ("systemd", _SYSTEM),
    ("systemd-logind", _SYSTEM),
    ("systemd-udevd", _SYSTEM),
    ("udevadm", _SYSTEM),  # systemd-udevd is a link to it on Debian
    ("elogind", _SYSTEM),
    ("elogind-daemon", _SYSTEM),
    ("init", _SYSTEM),
    ("dbus-daemon", _SYSTEM),
    ("dbus-broker", _SYSTEM),
    ("dbus-broker-launch", _SYSTEM),
    # The session: display servers, compositors, window managers, display managers, session leaders.
    ("Xorg", _SESSION),
    ("Xorg.wrap", _SESSION),
    ("Xwayland", _SESSION),
    ("gnome-shell", _SESSION),
    ("gnome-session-binary", _SESSION),
    ("mutter*", _SESSION),
    ("kwin*", _SESSION),
    ("plasmashell", _SESSION),
    ("ksmserver", _SESSION),
    ("startplasma-*", _SESSION),
    ("sway", _SESSION),
    ("Hyprland", _SESSION),
    ("weston", _SESSION),
    ("xfwm4", _SESSION),
    ("xfce4-session", _SESSION),
    ("cinnamon", _SESSION),
    ("gdm*", _SESSION),
    ("sddm*", _SESSION),
    ("lightdm", _SESSION),
)

_NAMES = dict(PROTECTED)
_BEGINNINGS = {pattern[:-1]: why for pattern, why in PROTECTED if pattern.endswith("*")}


def protection(name: str) -> str | None:
    """Why an executable with this base name is never ended; None where it may be."""
    if name in _NAMES:
        return _NAMES[name]
    if not name.startswith(tuple(_BEGINNINGS)):
        return None
    return next(why for beginning, why in _BEGINNINGS.items() if name.startswith(beginning))


def is_systems_own(path: str, running: os.stat_result) -> bool:
    """Whether the file that runs is the one at `path`, and only root could have put it there.

    The path that /proc/PID/exe bears is not enough: in a mount namespace of his own a user can lay any file over
    any path, and give a program of the system any name.
    """
    try:
        there = os.stat(path)
        folder = os.stat(os.path.dirname(path))
    except (OSError, ValueError):
        return False
    same = (there.st_dev, there.st_ino) == (running.st_dev, running.st_ino)
    return same and _only_roots(there) and _only_roots(folder)


def _only_roots(found: os.stat_result) -> bool:
    return found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
