"""A rule that blocks an app of the portal for good is told to the desktop's portal too, which then gives it no camera.

What is blocked is cut off whether or not the portal knows; where it knows, the app does not even get that far. Taking
the rule away has the portal ask the person again.
"""

from __future__ import annotations

import asyncio

from camguard.core.model import AppKind, Effect, Lasting, Rule
from camguard.errors import BrokerError
from camguard.ports import PortalPermissions

_BUSY = (
    "The desktop's portal is told nothing, since it is just being told something else: remove the rule and try again."
)
_FOR_EVERYBODY = "The desktops' portals are told nothing, since the rule is for everybody: such uses are ended."


def refused_app(rule: Rule | None) -> str | None:
    """The app, as the portal calls it, that a rule keeps from every camera at all times; None where it does not."""
    if rule is None or rule.app is None or rule.app.kind is not AppKind.PORTAL or rule.effect is not Effect.BLOCK:
        return None
    for_good = rule.lasting is Lasting.ALWAYS and rule.hours is None and rule.camera is None
    return rule.app.id if for_good else None


def tell_portal(portal: PortalPermissions | None, uid: int | None, now: Rule | None, before: Rule | None) -> str | None:
    """Tell the portal of a user what follows from a rule that took another's place, or none's, or was taken away.

    Returns what came of it, as a sentence; None where the portal has nothing to do with it. `uid` is None for a rule
    that is for everybody. Blocking. Never raises: the rule holds all the same.
    """
    refused, allowed = refused_app(now), refused_app(before)
    if portal is None or (refused is None and allowed is None):
        return None
    if uid is None:
        return _FOR_EVERYBODY
    try:
        if refused is not None:
            portal.forbid(uid, refused)
            return "The desktop's portal gives it no camera either (checked)."
        if allowed is not None:
            portal.forget(uid, allowed)
    except BrokerError as error:
        return f"The desktop's portal could not be told: {error}."
    return "The desktop's portal asks again when it wants a camera (checked)."


class PortalTeller:
    """Tells portals without ever holding more than one thread for one user, whose desktop may not answer."""

    def __init__(self) -> None:
        self._busy: set[int] = set()

    async def tell(
        self, portal: PortalPermissions | None, uid: int | None, now: Rule | None, before: Rule | None
    ) -> str | None:
        """See `tell_portal`."""
        if portal is None or (refused_app(now) is None and refused_app(before) is None):
            return None
        if uid is None:
            return _FOR_EVERYBODY
        if uid in self._busy:
            return _BUSY
        self._busy.add(uid)
        try:
            return await asyncio.to_thread(tell_portal, portal, uid, now, before)
        finally:
            self._busy.discard(uid)
