"""``camguard hooks``: the programs that are run when something happens."""

from __future__ import annotations

import asyncio
import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_columns, say_json
from camguard.cli.settings import configuration, named_configuration
from camguard.core.events import Kind
from camguard.core.records import SCHEMA, safe
from camguard.errors import NothingMatched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from camguard.config import Config
    from camguard.core.model import Moment
    from camguard.hooks.running import Ran
    from camguard.hooks.settings import Hook

_NONE = "the configuration names no hooks; `camguard hooks --help` shows how"
_EPILOG = """\b
In the configuration:
  [hooks.tell]
  on = ["alert", "ended"]               events, as `camguard watch --json` has them
  run = ["/usr/local/bin/tell", "-q"]   no shell; the event is on standard input, as JSON
  timeout = "10s"                       then it is killed, with all that it began

\b
Examples:
  camguard hooks list
  camguard hooks test tell               run it on a made-up event of each kind it is for
  sudo camguard service install --hooks  have the hooks of /etc/camguard/config.toml run
  camguard hooks run                     have those of your own configuration run, until Ctrl-C
"""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Have programs of yours run when something happens.

    They run beside the guard and without its rights: under the service as a user that systemd makes for them, else as
    you. Each runs once at a time, in the order of the events; where it takes longer than they come, some are left out,
    and their number is logged.
    """


@command.command("list")
@json_option
def list_hooks(as_json: bool) -> None:
    """List the hooks, and what keeps one from running."""
    from camguard.hooks.trust import objection

    config = configuration()
    found = [(hook, objection(hook, config.source)) for hook in config.hooks]
    if as_json:
        say_json({"schema": SCHEMA, "hooks": [_as_object(hook, why) for hook, why in found]})
    elif not found:
        say(f"{_NONE.capitalize()}.")
    else:
        say_columns(("HOOK", "ON", "RUNS", "AT MOST", "STATE"), [_row(hook, why) for hook, why in found])
    if any(why for _, why in found):
        click.get_current_context().exit(1)


@command.command()
@click.argument("name", required=False)
@click.option(
    "--event",
    metavar="KIND",
    type=click.Choice([kind.value for kind in Kind]),
    help="Only on one: alert, ended, …",
)
@json_option
def test(name: str | None, event: str | None, as_json: bool) -> None:
    """Run a hook, or all, on a made-up event of each kind that it is for.

    Shows the exit code, what it printed and how long it took. Where the hooks' unit runs, root has it run them, as
    that would; else they run as you, or for root as nobody. It says which it was.

    Exit code: 0 when all of them ended with 0, else 1.
    """
    config = configuration()
    hooks = [hook for hook in config.hooks if name in {None, hook.name}]
    if not hooks:
        if not config.hooks:
            raise NothingMatched(_NONE)
        raise NothingMatched(f'there is no hook "{name}"; `camguard hooks list` shows those there are')
    tries = [(hook, kind) for hook in hooks for kind in _kinds(hook, event)]
    results = []
    for tried in _tried(config, tries):
        results.append(_result(tried))
        if not as_json:
            _show(tried)
    if as_json:
        say_json({"schema": SCHEMA, "runs": results})
    if not all(result["well"] for result in results):
        click.get_current_context().exit(1)


@command.command()
def run() -> None:
    """Run the hooks of this configuration, until Ctrl-C.

    They are told what the guard tells you: the service's, or that of your tray. The hooks of the machine's own
    configuration are run by their unit: sudo camguard service install --hooks
    """
    from camguard.hooks.main import serve
    from camguard.service import logs

    config = configuration()
    if not config.hooks:
        raise NothingMatched(_NONE)
    logs.begin()
    asyncio.run(serve(config, None))


def _kinds(hook: Hook, event: str | None) -> list[Kind]:
    return sorted(hook.on) if event is None else [Kind(event)]


@dataclass(frozen=True, slots=True)
class _Tried:
    """A hook's run on an event: what came of it, whether the hooks' unit ran it or this command, and as whom."""

    hook: Hook
    kind: Kind
    ran: Ran
    by_unit: bool
    uid: int


def _tried(config: Config, tries: list[tuple[Hook, Kind]]) -> Iterator[_Tried]:
    """Each of them run in turn: by the unit that runs the machine's hooks where it can be asked, else here."""
    from camguard.compose import platform
    from camguard.hooks.running import runs_as
    from camguard.hooks.samples import sample
    from camguard.hooks.trial import ask

    clock = platform(config).clock
    machines = os.geteuid() == 0 and named_configuration() is None
    for hook, kind in tries:
        now = clock.now()
        answer = ask(hook.name, sample(kind, now), hook.timeout_ns / 1e9) if machines else None
        ran, uid = (_here(config, hook, kind, now), runs_as()) if answer is None else answer
        yield _Tried(hook, kind, ran, answer is not None, uid)


def _here(config: Config, hook: Hook, kind: Kind, now: Moment) -> Ran:
    from camguard.hooks.runner import attempt
    from camguard.hooks.running import Hands, adopt_orphans
    from camguard.hooks.samples import sample

    async def once() -> Ran:
        return await attempt(Hands(), hook, sample(kind, now), config.source)

    adopt_orphans()
    return asyncio.run(once())


def _row(hook: Hook, why: str | None) -> tuple[str, ...]:
    from camguard.durations import spell_duration

    return (
        hook.name,
        ", ".join(sorted(hook.on)),
        " ".join(hook.run),
        spell_duration(hook.timeout_ns),
        f"is not run: {why}" if why else "ready",
    )


def _show(tried: _Tried) -> None:
    from camguard.install.extras import EXTRAS

    ran, by = tried.ran, EXTRAS["hooks"] if tried.by_unit else "this command"
    what = f"{tried.hook.name} on {tried.kind.value}, by {by} as {quoted(_user(tried.uid))}"
    say(f"{what}: {quoted_sentence(ran.sentence)}", fg="green" if ran.well else "red")
    for text in ran.output.splitlines():
        say(f"  | {quoted(text, 200)}")


def _user(uid: int) -> str:
    """A user's name, or the number where the system knows none: of one that systemd made, without its NSS module."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _result(tried: _Tried) -> dict[str, object]:
    ran = tried.ran
    return {
        "hook": tried.hook.name,
        "event": tried.kind.value,
        "ran_by": "unit" if tried.by_unit else "command",
        "uid": tried.uid,
        "well": ran.well,
        "exit_code": ran.code,
        "too_long": ran.too_long,
        "why": safe(ran.why),
        "seconds": round(ran.seconds, 3),
        "output": safe(ran.output),
    }


def _as_object(hook: Hook, why: str | None) -> dict[str, object]:
    return {
        "name": hook.name,
        "on": sorted(hook.on),
        "run": [safe(word) for word in hook.run],
        "timeout_s": hook.timeout_ns / 1e9,
        "why_not": safe(why),
    }
