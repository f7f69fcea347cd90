"""A rule as a client sends it, made into one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from camguard.core.model import AppIdentity, Effect, Hours, Lasting, Rule
from camguard.errors import UsageError
from camguard.ipc.calls import NewRule
from camguard.ruletext import parse_app, parse_hours

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rule_of(said: NewRule) -> Rule:
    """The rule, without its id. Raises UsageError where it makes no sense, as the rules file would."""
    lasting = said.lasting or (Lasting.ALWAYS if said.until is None else Lasting.UNTIL)
    if (lasting is Lasting.UNTIL) != (said.until is not None):
        raise UsageError('a rule lasting "until" needs a time, no other has one')
    if said.turns_on and (said.hours is None or said.effect is not Effect.ALLOW):
        raise UsageError("only a rule that allows in certain hours can turn a camera on")
    if said.even and said.effect is not Effect.ALLOW:
        raise UsageError('"even" is for a rule that allows')
    return Rule(
        id="",
        effect=said.effect,
        app=_app(said),
        camera=said.camera,
        user=said.user,
        hours=_hours(said.hours),
        lasting=lasting,
        until_utc_ns=None if said.until is None else (said.until - _EPOCH) // timedelta(microseconds=1) * 1000,
        app_name=said.name,
        note=said.note,
        turns_on=said.turns_on,
        even=frozenset(said.even),
    )


def _app(said: NewRule) -> AppIdentity | None:
    if said.app is None:
        if said.path is not None or said.sha256 is not None:
            raise UsageError('"path" and "sha256" need "app" beside them')
        return None
    try:
        return replace(parse_app(said.app), path=said.path, sha256=said.sha256)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _hours(said: str | None) -> Hours | None:
    try:
        return None if said is None else parse_hours(said)
    except ValueError as error:
        raise UsageError(str(error)) from error
