"""A rule that blocks an app of the portal for good is told to the desktop's portal too, which then gives it no camera.

What is blocked is cut off whether or not the portal knows; where it knows, the app does not even get that far. Taking
the rule away has the portal ask the person again.
"""

from __future__ import annotations

from camguard.core.model import AppKind, Effect, Lasting, Rule
from camguard.errors import BrokerError
from camguard.ports import PortalPermissions

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
