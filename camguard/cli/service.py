"""``camguard service``: the guard as a part of the system."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_json
from camguard.core.records import SCHEMA
from camguard.errors import UsageError

if TYPE_CHECKING:
    from camguard.install.model import Plan, Step
    from camguard.install.tasks import Status

_EPILOG = """\b
Examples:
  sudo camguard service install            from now on, and at every start of this machine
  sudo camguard service install --sign     with signed heads of the log, to prove by later
  camguard service install --dry-run       see each file and command first
  sudo camguard service install --hooks    also run what [hooks] names on events
  camguard service status
  sudo camguard service uninstall          the log stays; with --purge that goes too

\b
Files: the code in /opt/camguard (a copy, which only root can change), the units in /etc/systemd/system,
the group camguard, the command in /usr/local/bin, settings in /etc/camguard, the log in /var/lib/camguard.

\b
Exit code: 0 when done, and for `status` when the service is active; else 1.
"""

_dry_run = click.option("--dry-run", is_flag=True, help="Print each file and command, and change nothing.")
_root = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="For packagers: only the units and the group, below DIR/usr/lib.",
)


@click.group(epilog=_EPILOG)
def command() -> None:
    """Guard the camera as a service of the system: from its start on, as root, whoever is logged in."""


@command.command(short_help="Install the service, or bring it up to date, and start it.")
@_dry_run
@_root
@click.option("--exec", "start_command", metavar="COMMAND", help="With --root: what the unit runs.")
@click.option("--no-start", is_flag=True, help="Put everything in place, but do not start it.")
@click.option("--hooks/--no-hooks", default=None, help="Also run hooks, in a unit of their own; or no longer.")
@click.option("--mqtt/--no-mqtt", default=None, help="Also tell an MQTT broker, in a unit of its own; or no longer.")
@click.option("--sign", is_flag=True, help="Also make a key by which the log's heads are signed, unless there is one.")
def install(
    dry_run: bool,
    root: Path | None,
    start_command: str | None,
    no_start: bool,
    hooks: bool | None,
    mqtt: bool | None,
    sign: bool,
) -> None:
    """Install the service, or bring it to the version of this command, and start it.

    What runs as root is a copy of this camguard and of the packages it needs, each file checked against the SHA-256
    that was recorded when it was installed. Nothing is fetched. Where something fails, all is put back as it was.
    Hooks and MQTT are there only where you ask for them, and then stay in an upgrade.
    """
    from camguard.install import tasks

    if root is None:
        if start_command is not None:
            raise UsageError("--exec belongs to --root; the service of this machine runs its own copy")
        if not dry_run:
            tasks.check_may_change()
        plan = tasks.install_plan(start=not no_start, wanted={"hooks": hooks, "mqtt": mqtt}, sign=sign)
    elif hooks is not None or mqtt is not None:
        raise UsageError("--hooks and --mqtt have no meaning with --root: it gets all units, and enables none")
    elif sign:
        raise UsageError("--sign has no meaning with --root: no log is kept there")
    elif no_start:
        raise UsageError("--no-start has no meaning with --root: nothing is started then")
    else:
        plan = tasks.package_plan(root.absolute(), _one_line(start_command))
    _carry_out(plan, dry_run=dry_run)
    if root is None and not dry_run:
        say(
            "Installed; it starts with the machine once you enable it: systemctl enable --now camguard.service"
            if no_start
            else "The service is active, and starts with the machine.",
            fg="green",
        )


@command.command()
@click.option("--purge", is_flag=True, help="Delete the log and the settings as well.")
@_dry_run
@_root
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def uninstall(purge: bool, dry_run: bool, root: Path | None, yes: bool) -> None:
    """Stop the service and take away all that `install` put in place.

    The log stays in /var/lib/camguard, and beside it the settings and rules, which a later install puts back.
    """
    from camguard.install import tasks

    if root is not None:
        if purge:
            raise UsageError("--purge has no meaning with --root: no log is kept there")
        _carry_out(tasks.unpackage_plan(root.absolute()), dry_run=dry_run)
        return
    if not dry_run:
        tasks.check_may_change()
    plan = tasks.uninstall_plan(purge=purge)
    if not dry_run and not yes and not _agreed(purge=purge):
        say("Nothing was done.")
        click.get_current_context().exit(1)
    _carry_out(plan, dry_run=dry_run)
    if not dry_run:
        say("The service is gone, with its log." if purge else "The service is gone. Its log is in /var/lib/camguard.")


@command.command()
def restart() -> None:
    """Start the service anew, and say when it is active."""
    from camguard.install import tasks

    tasks.check_may_change()
    _carry_out(tasks.restart_plan(), dry_run=False)
    say("The service is active.", fg="green")


@command.command(short_help="Show whether the service is active and answers.")
@json_option
def status(as_json: bool) -> None:
    """Show whether the service is installed, active and answers, and what went wrong last."""
    from camguard.install import tasks

    found = tasks.status()
    if as_json:
        say_json(_as_object(found))
    else:
        _show(found)
    if not found.active:
        click.get_current_context().exit(1)


def _carry_out(plan: Plan, *, dry_run: bool) -> None:
    if dry_run:
        for step in (*plan.steps, *plan.tidy):
            say(_line(step))
        return
    from camguard.install.carry import carry_out

    carry_out(plan, _tell, _complain)


def _tell(step: Step) -> None:
    from camguard.install.model import Folder, Write
    from camguard.install.plan import HOME

    if not (isinstance(step, Folder | Write) and HOME in step.path.parents):  # hundreds of copies interest nobody
        say(_line(step))


def _complain(sentence: str) -> None:
    click.echo(f"camguard: {quoted_sentence(sentence)}", err=True)


def _line(step: Step) -> str:
    """A step as a line: what, with which mode, where."""
    from camguard.install import model

    match step:
        case model.Folder(path, mode):
            said = f"folder  {mode:04o} {path}"
        case model.Write(path, _, mode):
            said = f"file    {mode:04o} {path}"
        case model.Link(path, target):
            said = f"link         {path} -> {target}"
        case model.Move(path, target):
            said = f"move         {path} -> {target}"
        case model.Delete(path):
            said = f"delete       {path}"
        case model.Clear(path):
            said = f"delete       {path} where it is empty"
        case model.Run(argv):
            said = f"run          {' '.join(argv)}"
        case model.Await(unit):
            said = f"wait         until {unit} is active"
        case model.HandBack():
            said = "switch on    the cameras that the service switched off"
    return quoted(said, 400)


def _one_line(start_command: str | None) -> str | None:
    """What a unit's ExecStart= may say: one line that begins with a path (systemd.service(5))."""
    if start_command is not None and (not start_command.startswith("/") or not start_command.isprintable()):
        raise UsageError("--exec: write one line that begins with the path of a program, as for ExecStart= of systemd")
    return start_command


def _agreed(*, purge: bool) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; to uninstall without being asked, add --yes")
    lost = "The log of who used the camera is deleted, too. " if purge else ""
    return click.confirm(f"{lost}Nothing will watch the camera then. Uninstall the service?", err=True)


def _show(found: Status) -> None:
    unit = found.unit
    if not unit.known:
        say("The service is not installed. To install it: sudo camguard service install", fg="yellow")
        return
    say(f"The service is {unit.active} ({unit.sub}).", fg="green" if found.active else "red")
    starts = "starts with the machine" if unit.enabled == "enabled" else f"does not start by itself ({unit.enabled})"
    say(f"  installed  {_version(found)}, {starts}")
    if unit.since is not None and found.active:
        again = f", after {unit.restarts} restart{'s' * (unit.restarts != 1)} by systemd" if unit.restarts else ""
        say(f"  since      {_local(unit.since)}{again}")
    if unit.pid is not None:
        memory = "" if found.resident is None else f", {found.resident / (1 << 20):.1f} MiB"
        say(f"  process    {unit.pid}{memory}")
    answer = "does not answer" if found.serving is None else f"answers, as version {quoted(found.serving)}"
    say(f"  socket     {answer}")
    for line in found.trouble:
        say(f"  trouble    {quoted(line, 300)}")


def _version(found: Status) -> str:
    installed = quoted(found.installed or "by a package of the system")
    return installed if found.installed in {None, found.asking} else f"{installed}; this command is {found.asking}"


def _local(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _as_object(found: Status) -> dict[str, object]:
    unit = found.unit
    since = None if unit.since is None else dt.datetime.fromtimestamp(unit.since, dt.UTC).isoformat()
    return {
        "schema": SCHEMA,
        "installed": unit.known,
        "enabled": unit.enabled == "enabled",
        "active": found.active,
        "state": f"{unit.active}/{unit.sub}",
        "since": since,
        "pid": unit.pid,
        "memory_bytes": found.resident,
        "restarts": unit.restarts,
        "version_installed": found.installed,
        "version_serving": found.serving,
        "version": found.asking,
        "answers": found.serving is not None,
        "trouble": list(found.trouble),
    }
