"""What of a rule that was stored may be a slip of the hand: it holds as it is, and may never hold for anything."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from camguard.cli.output import quoted
from camguard.core.model import Rule
from camguard.core.policy import is_called
from camguard.errors import CamguardError

if TYPE_CHECKING:
    from camguard.access import Access


def doubts(guard: Access, rule: Rule) -> Iterator[str]:
    """A sentence for each name in the rule that is nobody's now: no user's here, no camera's of the guard."""
    if rule.user is not None and not _is_user(rule.user):
        yield f'This machine has no user "{quoted(rule.user)}": until it has, the rule holds for nobody.'
    if rule.camera is not None and not _is_there(guard, rule.camera):
        asked = quoted(rule.camera)
        yield f'No camera that is plugged in is called "{asked}" (`camguard status`): until one is, it holds for none.'


def _is_user(name: str) -> bool:
    try:
        if name.isdecimal():
            pwd.getpwuid(int(name))
        else:
            pwd.getpwnam(name)
    except (KeyError, OverflowError, ValueError):
        return False
    return True


def _is_there(guard: Access, asked: str) -> bool:
    """Whether a camera has this name or id; so it is taken to be where no cameras can be seen, as `doctor` says."""
    try:
        cameras: Any = guard.status()["cameras"]
    except CamguardError:
        return True
    return any(is_called(asked, camera["id"], camera["name"]) for camera in cameras)
