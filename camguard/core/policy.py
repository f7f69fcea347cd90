"""Rules and circumstances in, a verdict with its reasons out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, auto

from camguard.core.model import (
    NANOSECONDS,
    UNKNOWN_APP,
    Activation,
    App,
    AppIdentity,
    AppKind,
    Camera,
    CameraKind,
    Effect,
    Hours,
    Judgement,
    Lasting,
    Moment,
    Process,
    Reason,
    Rule,
    Verdict,
)
from camguard.core.reasons import ReasonCode

_MINUTES_A_DAY = 24 * 60
_STRICTNESS = {Effect.ALLOW: 0, Effect.ASK: 1, Effect.BLOCK: 2}
_KINDS = {
    CameraKind.WEBCAM: "webcams",
    CameraKind.INFRARED: "infrared cameras",
    CameraKind.VIRTUAL: "virtual cameras",
}
_MOUNTED = "/tmp/.mount_"  # noqa: S108 - nothing is written there: it is where AppImages are mounted
_OF_PACKAGES = ("/usr/", "/opt/", "/bin/", "/sbin/", "/lib", "/app/", "/snap/", "/var/lib/", _MOUNTED)
"""Below these a program may belong to a package, Flatpak, snap or AppImage, and be known by that, not by its path."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a verdict is reached on.

    `times_seen` and `last_seen_utc_ns` speak of earlier uses of a camera by the same app, as the activation log
    has them. `against` is what speaks against any use in its context, see `core.context`.
    """

    app: App
    camera: Camera
    at: Moment
    user: str | None = None
    uid: int | None = None
    times_seen: int = 0
    last_seen_utc_ns: int | None = None
    against: tuple[Reason, ...] = ()


class _Fit(Enum):
    """How a rule for this app stands to the circumstances."""

    FITS = auto()
    NOT_FOR_THIS = auto()
    CHANGED = auto()
    UNPROVEN = auto()
    OUTSIDE_HOURS = auto()
    OTHER_CAMERA = auto()
    EXPIRED = auto()


def judge(circumstances: Circumstances, rules: Iterable[Rule]) -> Verdict:
    """The verdict on one use.

    Of the rules that fit, the one that names most (app, then camera, user, hours) decides; among equals one for a
    time goes before a standing one, and then block before ask before allow, so that the order in the file never
    matters. What an administrator blocks, or wants to be asked about by the app's name, no rule that a user made for
    himself allows. Where none fits, the use is unexpected, and near misses say why. What speaks against a use in its
    context makes it unexpected although a rule allows it, unless that holds even then.
    """
    found = _by_rules(circumstances, rules)
    if isinstance(found, Rule):
        return _by_rule(found, circumstances.against)
    return replace(found, reasons=(*found.reasons, *circumstances.against))


def _by_rules(circumstances: Circumstances, rules: Iterable[Rule]) -> Rule | Verdict:
    """The rule that decides, or the verdict where none does."""
    fits = [(rule, _fit(rule, circumstances)) for rule in rules]
    fitting = [rule for rule, fit in fits if fit is _Fit.FITS]
    if fitting:
        return _deciding(fitting)
    reasons = [reason for rule, fit in fits if (reason := _near_miss(rule, fit, circumstances)) is not None]
    return Verdict(Judgement.UNEXPECTED, (*reasons, _without_rule(circumstances, near=bool(reasons))))


def judge_at_once(process: Process, camera: Camera, at: Moment, rules: Iterable[Rule]) -> Verdict | None:
    """A block where `judge` will come to one whatever else is found out about a process; None where that depends.

    So that a block need not wait until the program was hashed and its package looked up. What is found out may show
    that another rule, which blocks it too, names more.
    """
    identity = _identity_at_once(process)
    if identity is None:
        return None
    case = Circumstances(App(identity, process.label), camera, at, uid=process.uid)
    possible = [rule for rule in rules if _could_fit(rule, case)]
    if not possible:
        return None
    blocks = [rule for rule in possible if _surely_blocks(rule, case)]
    rule = _deciding(possible)
    if rule in blocks:
        return _by_rule(rule)
    heaviest = max(blocks, key=_weight, default=None)
    if heaviest is None or any(
        _weight(rule) > _weight(heaviest) and rule.effect is not Effect.BLOCK for rule in possible
    ):
        return None
    return _by_rule(heaviest)


def may_block(process: Process, camera: Camera, at: Moment, rules: Iterable[Rule]) -> bool:
    """Whether `judge` may come to a block once it is known which app a process is: then that is worth waiting for."""
    case = Circumstances(App(UNKNOWN_APP, process.label), camera, at, uid=process.uid)
    return any(
        rule.effect is Effect.BLOCK and _may_be(rule.app, process) and _bounds(rule, case) is _Fit.FITS
        for rule in rules
    )


def alerts(activation: Activation, verdict: Verdict) -> bool:
    """Whether a person must hear of it: a use, not a look, that nobody expected; also when it is over by now.

    Of a block in any case, since a program is ended for it.
    """
    if verdict.judgement is Judgement.BLOCKED:
        return True
    return activation.capture is not None and verdict.judgement is not Judgement.EXPECTED


def of_feeding(verdict: Verdict) -> Verdict:
    """The verdict on who gives a virtual camera its pictures, from what it would be on a use: only a block stands."""
    if verdict.judgement is Judgement.BLOCKED:
        return verdict
    return Verdict(Judgement.EXPECTED, (Reason(ReasonCode.FEEDS, "it feeds this virtual camera and takes no picture"),))


def spent(rule: Rule, activation: Activation) -> bool:
    """Whether this use is the one that a `once` rule was for: a look does not use it up."""
    return rule.lasting is Lasting.ONCE and activation.capture is not None


def expired(rule: Rule, utc_ns: int) -> bool:
    """Whether the time that the rule was given is over."""
    return rule.lasting is Lasting.UNTIL and rule.until_utc_ns is not None and utc_ns >= rule.until_utc_ns


def within(hours: Hours, at: Moment) -> bool:
    """Whether a moment lies in weekly hours, by the local time it was recorded with.

    Hours that run past midnight belong to the day they begin on.
    """
    local = local_time(at)
    minute = local.hour * 60 + local.minute
    if hours.start_minute < hours.end_minute:
        return local.weekday() in hours.days and hours.start_minute <= minute < hours.end_minute
    if minute >= hours.start_minute:
        return local.weekday() in hours.days
    return minute < hours.end_minute and (local.weekday() - 1) % 7 in hours.days


def next_edge_ns(hours: Hours, at: Moment) -> int:
    """Nanoseconds until these hours next begin or end on some day, by the offset that holds at `at`; at most a day."""
    local = local_time(at)
    minute = local.hour * 60 + local.minute
    minutes = min((edge - minute - 1) % _MINUTES_A_DAY + 1 for edge in (hours.start_minute, hours.end_minute))
    into_minute_ns = at.utc_ns % (60 * NANOSECONDS)
    return minutes * 60 * NANOSECONDS - into_minute_ns


def local_time(at: Moment) -> datetime:
    """The moment as the clock on the wall showed it."""
    zone = timezone(timedelta(seconds=at.utc_offset_s))
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at.utc_ns // 1000)).astimezone(zone)


def same_app(asked: AppIdentity, app: AppIdentity) -> bool:
    """Whether a rule's app is this app, leaving the content of its file aside."""
    return asked.kind is app.kind and asked.id == app.id and (asked.path is None or asked.path == app.path)


def _deciding(fitting: Sequence[Rule]) -> Rule:
    best = max(fitting, key=_weight)
    if best.by is None:
        return best
    binding = [
        rule
        for rule in fitting
        if rule.by is None
        and _STRICTNESS[rule.effect] > _STRICTNESS[best.effect]
        and (rule.effect is Effect.BLOCK or rule.app is not None)
    ]
    return max(binding, key=_weight, default=best)


def _identity_at_once(process: Process) -> AppIdentity | None:
    if process.through is not None and process.through.by_portal:
        return None
    if process.script is not None:
        return AppIdentity(AppKind.SCRIPT, process.script, process.script) if process.script.startswith("/") else None
    if process.exe is None or process.exe.startswith(_OF_PACKAGES):
        return None
    return AppIdentity(AppKind.EXECUTABLE, process.exe, process.exe)


def _surely_blocks(rule: Rule, case: Circumstances) -> bool:
    return rule.effect is Effect.BLOCK and rule.app is not None and _fit(rule, case) is _Fit.FITS


def _could_fit(rule: Rule, case: Circumstances) -> bool:
    """Whether a rule may fit once all is known: another kind of identity, a user's name and content are not yet."""
    asked, app = rule.app, case.app.identity
    if asked is not None and asked.kind is app.kind and not same_app(asked, app):
        return False
    return _bounds(rule, case) is _Fit.FITS


def _may_be(asked: AppIdentity | None, process: Process) -> bool:
    return asked is None or asked.path is None or asked.path in {process.exe, process.script}


def _fit(rule: Rule, case: Circumstances) -> _Fit:
    if rule.app is not None and not same_app(rule.app, case.app.identity):
        return _Fit.NOT_FOR_THIS
    if rule.user is not None and rule.user not in {case.user, None if case.uid is None else str(case.uid)}:
        return _Fit.NOT_FOR_THIS
    bounds = _bounds(rule, case)
    if bounds is not _Fit.FITS:
        return bounds
    if _changed(rule, case.app.identity):
        return _Fit.CHANGED
    if rule.effect is Effect.ALLOW and rule.app is not None and not case.app.confidence.suffices:
        return _Fit.UNPROVEN
    return _Fit.FITS


def _bounds(rule: Rule, case: Circumstances) -> _Fit:
    """Whether the rule holds here and now, whoever it is about."""
    if rule.camera is not None and not names_camera(rule.camera, case.camera):
        return _Fit.OTHER_CAMERA
    if rule.kind is not None and rule.kind is not case.camera.kind:
        return _Fit.OTHER_CAMERA
    if expired(rule, case.at.utc_ns):
        return _Fit.EXPIRED
    if rule.hours is not None and not within(rule.hours, case.at):
        return _Fit.OUTSIDE_HOURS
    return _Fit.FITS


def _changed(rule: Rule, app: AppIdentity) -> bool:
    """Trust is in the content that was allowed; a block holds whatever the file becomes."""
    if rule.effect is not Effect.ALLOW or rule.app is None or rule.app.sha256 is None:
        return False
    return rule.app.sha256 != app.sha256


def names_camera(asked: str, camera: Camera) -> bool:
    """Whether a rule's camera, a name in any case or an id, is this one."""
    return is_called(asked, camera.id, camera.name)


def is_called(asked: str, camera_id: str, name: str) -> bool:
    """The same of a camera of which these two are known."""
    return asked == camera_id or asked.casefold() == name.casefold()


def _weight(rule: Rule) -> tuple[bool, bool, int, bool, int]:
    """What a person says, however little it names, goes before what is shipped."""
    named = sum(field is not None for field in (rule.camera, rule.user, rule.hours))
    lasts = rule.lasting is not Lasting.ALWAYS
    return (not rule.shipped, rule.app is not None, named, lasts, _STRICTNESS[rule.effect])


def _by_rule(rule: Rule, against: tuple[Reason, ...] = ()) -> Verdict:
    whom = "any app" if rule.app is None else "this app"
    match rule.effect:
        case Effect.ALLOW:
            still = tuple(reason for reason in against if reason.code not in rule.even)
            if still:
                otherwise = Reason(ReasonCode.OTHERWISE, f"rule {rule.id} allows {whom} otherwise", rule.id)
                return Verdict(Judgement.UNEXPECTED, (*still, otherwise))
            reason = Reason(ReasonCode.ALLOWED, f"rule {rule.id} allows {whom}", rule.id)
            return Verdict(Judgement.EXPECTED, (reason,), rule.id)
        case Effect.ASK:
            reason = Reason(ReasonCode.ASKED, f"rule {rule.id} says to ask about {whom}", rule.id)
            return Verdict(Judgement.UNEXPECTED, (reason, *against), rule.id)
        case Effect.BLOCK:
            reason = Reason(ReasonCode.BLOCKED, f"rule {rule.id} blocks {whom}", rule.id)
            return Verdict(Judgement.BLOCKED, (reason,), rule.id)


def _near_miss(rule: Rule, fit: _Fit, case: Circumstances) -> Reason | None:
    """Why an allow rule for this very app did not help, where one exists."""
    if rule.effect is not Effect.ALLOW or rule.app is None:
        return None
    if fit is _Fit.OTHER_CAMERA and rule.kind is not None:
        return Reason(ReasonCode.OTHER_CAMERA, f"rule {rule.id} allows it on {_KINDS[rule.kind]} alone", rule.id)
    match fit:
        case _Fit.CHANGED:
            return Reason(ReasonCode.CHANGED, _what_changed(rule, case.app), rule.id)
        case _Fit.UNPROVEN:
            sentence = f"rule {rule.id} allows it, but that it is this app only the program itself says"
            return Reason(ReasonCode.UNPROVEN, sentence, rule.id)
        case _Fit.OUTSIDE_HOURS:
            return Reason(ReasonCode.OUTSIDE_HOURS, f"outside the hours of rule {rule.id}", rule.id)
        case _Fit.OTHER_CAMERA:
            sentence = f"rule {rule.id} allows it on another camera, not on {case.camera.name}"
            return Reason(ReasonCode.OTHER_CAMERA, sentence, rule.id)
        case _Fit.EXPIRED:
            return Reason(ReasonCode.EXPIRED, f"the time that rule {rule.id} allowed it for is over", rule.id)
        case _Fit.FITS | _Fit.NOT_FOR_THIS:
            return None


def _what_changed(rule: Rule, app: App) -> str:
    allowed = rule.app.sha256 if rule.app is not None and rule.app.sha256 is not None else ""
    where = app.identity.path or app.identity.id
    if app.identity.sha256 is None:
        return f"{where} could not be read to see whether it is what rule {rule.id} allowed"
    return (
        f"{where} has changed since rule {rule.id} allowed it "
        f"(SHA-256 was {allowed[:12]}…, is {app.identity.sha256[:12]}…)"
    )


def _without_rule(case: Circumstances, *, near: bool) -> Reason:
    if not case.app.known:
        return Reason(ReasonCode.UNKNOWN_PROCESS, "it could not be told which app this is")
    if case.times_seen == 0:
        return Reason(ReasonCode.FIRST_USE, "first use by this app")
    times = "once" if case.times_seen == 1 else f"{case.times_seen} times"
    begin = "no other rule allows it" if near else "no rule allows it"
    last = ""
    if case.last_seen_utc_ns is not None:
        days = (case.at.utc_ns - case.last_seen_utc_ns) // (_MINUTES_A_DAY * 60 * NANOSECONDS)
        last = f", last {days} days ago" if days > 1 else ""
    return Reason(ReasonCode.NO_RULE, f"{begin}; it used a camera {times} before{last}")
