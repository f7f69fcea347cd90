"""``camguard rules``: what is expected, asked about and blocked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from camguard.cli.apps import app_meant, app_tested
from camguard.cli.doubts import doubts
from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_columns, say_json
from camguard.cli.settings import access, understood
from camguard.cli.times import FUTURE_FORMS, from_ns, local_now, parse_future, parse_past, spoken_time, to_ns
from camguard.core.circumstance import Circumstance
from camguard.core.model import Effect, Judgement, Lasting, Moment, Rule
from camguard.core.records import SCHEMA, safe
from camguard.errors import Refused, UsageError
from camguard.ruletext import parse_hours, spell_app, spell_hours
from camguard.wording import ITS_OWN_WORD

if TYPE_CHECKING:
    from camguard.access import Access
    from camguard.core.model import App, AppIdentity

_APPS = """\b
APP is one of
  a17                      the app of that activation in the log
  /usr/bin/cheese          a program or script: what it belongs to and its SHA-256 are worked out
  cheese                   the name of an app in the log
  package:cheese           as in the rules file; also script:/PATH, executable:/PATH, flatpak:ID, snap:NAME,
                           portal:ID, appimage:/PATH and container:ID
"""

_EPILOG = f"""{_APPS}
\b
Of the rules that fit a use, the one that names most decides; among equals one for a time (--once, --until) goes
before one that holds always, then block before ask before allow. A new rule for the same app, camera, user and
hours takes the place of the old one, but one for a time leaves a standing one be. Where the content of an allowed
file changes, it is asked about again. What camguard brings along ("shipped") comes behind everything of yours, and is
left out altogether by shipped = false in [rules] of the configuration.

\b
Examples:
  camguard rules allow a17
  camguard rules allow zoom --hours "Mon-Fri 09:00-17:30"
  camguard rules allow /usr/bin/cheese --once
  camguard rules block package:guvcview --note "nobody uses this"
  camguard rules test zoom --at 22:00
  camguard rules allow a17 --even locked
  camguard rules test zoom --locked --remote
"""


_HEADINGS = ("ID", "EFFECT", "APP", "CAMERA", "USER", "HOURS", "LASTS", "NOTE")


@click.group(epilog=_EPILOG)
def command() -> None:
    """List, make and test rules: which apps may use which camera when.

    They stand in a file that you may edit too: the service's, and root's, in /etc/camguard/rules.toml, else
    ~/.config/camguard/rules.toml. Through the service everybody may make rules for the own uses; what an administrator
    blocks, or wants to be asked about, they do not allow.
    """


@command.command("list")
@json_option
def list_rules(as_json: bool) -> None:
    """List all rules."""
    with access(say=not as_json) as guard:
        file, rules = guard.rules()
    if as_json:
        say_json({"schema": SCHEMA, "file": safe(file), "rules": [_as_object(rule) for rule in rules]})
    elif any(not rule.shipped for rule in rules):
        say_columns(_HEADINGS, [_row(rule) for rule in rules])
    else:
        but = ", but for these" if rules else ""
        say(f"There are no rules in {quoted(file, 200)}: every use of a camera is unexpected{but}.")
        if rules:
            say_columns(_HEADINGS, [_row(rule) for rule in rules])


def _rule_command(effect: Effect, what: str) -> None:
    """Make the command that stores rules of one effect; the three differ in nothing else."""

    @command.command(effect.value, epilog=_APPS, help=what)
    @click.argument("app")
    @click.option("--camera", metavar="NAME", help="Only on this camera, by its name or id.")
    @click.option("--user", metavar="NAME", help="Only for this user.")
    @click.option(
        "--hours", metavar="HOURS", help='Only in these hours, such as "Mon-Fri 09:00-17:30" or "22:00-06:00".'
    )
    @click.option("--once", is_flag=True, help="For one use.")
    @click.option("--until", metavar="WHEN", help=f"Until then: {FUTURE_FORMS}.")
    @click.option("--always", is_flag=True, help="Until it is removed (this is the default).")
    @click.option("--note", metavar="TEXT", help="Whatever you want to remember about it.")
    @click.option(
        "--even",
        type=click.Choice([each.value for each in Circumstance]),
        multiple=True,
        help="It holds in that circumstance too (with `rules allow`); may be given several times.",
    )
    @click.option(
        "--turn-on", is_flag=True, help="Where the camera is off by default: it is on in these hours (with --hours)."
    )
    def store(
        app: str,
        once: bool,
        until: str | None,
        always: bool,
        turn_on: bool,
        even: tuple[str, ...],
        **scope: str | None,
    ) -> None:
        if turn_on and (scope["hours"] is None or effect is not Effect.ALLOW):
            raise UsageError("--turn-on is for `rules allow` with --hours")
        if even and effect is not Effect.ALLOW:
            raise UsageError("--even is for `rules allow`")
        lasting, until_ns = _lasting(once=once, until=until, always=always)
        with understood():
            hours = None if scope["hours"] is None else parse_hours(scope["hours"])
        with access() as guard:
            identity, name = _app_of(guard, app, effect)
            rule = Rule(
                id="",
                effect=effect,
                app=identity,
                camera=scope["camera"],
                user=scope["user"],
                hours=hours,
                lasting=lasting,
                until_utc_ns=until_ns,
                app_name=name,
                note=scope["note"],
                turns_on=turn_on,
                even=frozenset(map(Circumstance, even)),
            )
            _store(guard, rule)


def _lasting(*, once: bool, until: str | None, always: bool) -> tuple[Lasting, int | None]:
    """For how long the rule is to hold, and until when where it is until a time. Raises UsageError."""
    if sum((once, until is not None, always)) > 1:
        raise UsageError("of --once, --until and --always only one can hold")
    if until is None:
        return Lasting.ONCE if once else Lasting.ALWAYS, None
    with understood():
        return Lasting.UNTIL, to_ns(parse_future(until, local_now()))


def _app_of(guard: Access, app: str, effect: Effect) -> tuple[AppIdentity, str | None]:
    """The app that is meant, as such a rule is about it, and its name. Raises Refused where it may not be allowed."""
    meant = app_meant(guard, app)
    if effect is not Effect.ALLOW:
        return replace(meant.identity, sha256=None), meant.name  # it holds whatever becomes of the file
    if not meant.allowable:
        raise Refused(ITS_OWN_WORD)
    return meant.identity, meant.name


_rule_command(Effect.ALLOW, "Expect the use of a camera by APP.")
_rule_command(Effect.ASK, "Be alerted to each use by APP, even where a wider rule allows it.")
_rule_command(Effect.BLOCK, "End each use of a camera by APP as soon as it is seen.")


@command.command()
@click.argument("rule_id", metavar="ID")
def remove(rule_id: str) -> None:
    """Remove the rule with this ID; `camguard rules list` shows them."""
    with access() as guard:
        file, removed, portal = guard.remove_rule(rule_id)
    say(f"Removed {_in_words(removed)}")
    say(f"from {quoted(file, 200)}.")
    if portal is not None:
        say(quoted_sentence(portal))


_SUPPOSED = {
    Circumstance.LOCKED: "while the screen is locked",
    Circumstance.IDLE: "while nobody seems to be there",
    Circumstance.INACTIVE: "while its user's session is not the one on the screen",
    Circumstance.REMOTE: "in a remote session",
    Circumstance.NO_SESSION: "while its user is not logged in",
    Circumstance.DELETED: "after its file was deleted or replaced",
    Circumstance.TEMPORARY: "from a folder where any program may put one",
    Circumstance.NEW: "within a day after it was installed",
    Circumstance.UNKNOWN_PARENT: "started by a program that nobody can vouch for",
}


def _circumstance_options(test: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each circumstance, in their order."""
    for each in reversed(Circumstance):
        test = click.option(f"--{each}", each.key, is_flag=True, help=f"Suppose a use {_SUPPOSED[each]}.")(test)
    return test


@command.command(epilog=_APPS + "\n\b\nExit code: 0 when the use is expected, 1 when it is unexpected or blocked.\n")
@click.argument("app")
@click.option("--camera", metavar="NAME", help="On this camera (by default the first, or any).")
@click.option("--user", metavar="NAME", help="By this user.")
@click.option("--at", metavar="WHEN", help='At this time, such as "22:00" or "2026-11-24 21:30" (by default now).')
@_circumstance_options
@json_option
def test(app: str, camera: str | None, user: str | None, at: str | None, as_json: bool, **circumstances: bool) -> None:
    """Say what the rules make of a use of a camera by APP, and why."""
    held = frozenset(each for each in Circumstance if circumstances[each.key])
    with access(say=not as_json) as guard:
        meant = app_tested(guard, app)
        verdict = guard.explain(meant, camera, user, None if at is None else _moment(at), held)
    if as_json:
        reasons = [{"code": each.code, "sentence": safe(each.sentence), "rule": each.rule} for each in verdict.reasons]
        record = {"schema": SCHEMA, "verdict": verdict.judgement, "rule": verdict.rule, "reasons": reasons}
        say_json({**record, "app": safe(spell_app(meant.identity))})
    else:
        colour = "green" if verdict.judgement is Judgement.EXPECTED else "yellow"
        say(f"{verdict.judgement}: {quoted(meant.name)} ({_identity(meant)})", fg=colour)
        for reason in verdict.reasons:
            say(f"  {quoted_sentence(reason.sentence)} ({reason.code})")
    if verdict.judgement is not Judgement.EXPECTED:
        click.get_current_context().exit(1)


def _store(guard: Access, rule: Rule) -> None:
    file, stored, replaced, portal = guard.add_rule(rule)
    say(f"Stored {_in_words(stored)}")
    if replaced is not None:
        say(f"in place of {_in_words(replaced)}")
    say(f"in {quoted(file, 200)}.")
    if portal is not None:
        say(quoted_sentence(portal))
    for doubt in doubts(guard, rule):
        click.echo(click.style(doubt, fg="yellow"), err=True)


def _in_words(rule: Rule) -> str:
    """A whole rule in one line, for instance ``r1: allow Cheese (package:cheese, /usr/bin/cheese), always``."""
    facts = [f"{rule.effect} {quoted(rule.app_name or 'any app')}"]
    if rule.app is not None:
        content = f", SHA-256 {rule.app.sha256[:12]}…" if rule.app.sha256 else ""
        path = f", {quoted(rule.app.path, 200)}" if rule.app.path not in {None, rule.app.id} and rule.app.path else ""
        facts[0] += f" ({quoted(spell_app(rule.app), 200)}{path}{content})"
    if rule.camera is not None:
        facts.append(f"on {quoted(rule.camera)}")
    if rule.user is not None:
        facts.append(f"for {quoted(rule.user)}")
    if rule.turns_on:
        facts.append("turning the camera on")
    if rule.hours is not None:
        facts.append(spell_hours(rule.hours))
    if rule.even:
        facts.append(f"even {_even(rule)}")
    return f"{rule.id}: {', '.join([*facts, _lasts(rule)])}"


def _lasts(rule: Rule) -> str:
    if rule.until_utc_ns is None:
        return rule.lasting.value
    until, now = from_ns(rule.until_utc_ns), local_now()
    return f"until {spoken_time(until, now)}" + (" (over)" if until <= now else "")


def _row(rule: Rule) -> tuple[str, ...]:
    return (
        rule.id,
        rule.effect.value,
        "any" if rule.app is None else _app_cell(rule.app_name, spell_app(rule.app)),
        rule.camera or ("any" if rule.kind is None else f"any {rule.kind}"),
        rule.user or "any",
        "any" if rule.hours is None else spell_hours(rule.hours),
        _lasts(rule),
        "; ".join(_remarks(rule)),
    )


def _remarks(rule: Rule) -> list[str]:
    """What does not fit a column, shortly."""
    told = [rule.note] if rule.note else []
    if rule.shipped:
        told.append("shipped with camguard")
    elif rule.even:
        told.append(f"even {_even(rule)}")
    return told


def _even(rule: Rule) -> str:
    return ", ".join(each for each in Circumstance if each in rule.even)


def _app_cell(name: str | None, text: str) -> str:
    return text if name is None or name.casefold() in text.casefold() else f"{name} ({text})"


def _as_object(rule: Rule) -> dict[str, Any]:
    until = None if rule.until_utc_ns is None else from_ns(rule.until_utc_ns).isoformat()
    return {
        "id": rule.id,
        "effect": rule.effect,
        "app": None if rule.app is None else spell_app(rule.app),
        "path": None if rule.app is None else rule.app.path,
        "sha256": None if rule.app is None else rule.app.sha256,
        "name": rule.app_name,
        "camera": rule.camera,
        "user": rule.user,
        "hours": None if rule.hours is None else spell_hours(rule.hours),
        "lasting": rule.lasting,
        "until": until,
        "note": rule.note,
        "turns_on": rule.turns_on,
        "by": rule.by,
        "even": [each for each in Circumstance if each in rule.even],
        "camera_kind": rule.kind,
        "shipped": rule.shipped,
    }


def _identity(app: App) -> str:
    return quoted(spell_app(app.identity), 200)


def _moment(text: str) -> Moment:
    """A time that a person wrote, on no boot's clock."""
    with understood():
        at = parse_past(text, local_now())
    offset = at.utcoffset()
    return Moment(to_ns(at), 0 if offset is None else round(offset.total_seconds()), 0, "")
