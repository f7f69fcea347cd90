"""The command line: one file a command group, each imported only when it is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from camguard import __version__
from camguard.cli.text import safe_lines
from camguard.errors import CamguardError

INTERRUPTED = 130
READER_GONE = 141

_COMMANDS = {
    "watch": "Watch the cameras and print every use.",
    "status": "Show the cameras and who uses them now.",
    "was-on": "Answer whether a camera was on at a time.",
    "log": "Show who used a camera when; check the log.",
    "rules": "List, make and test rules.",
    "end": "End an app's use of a camera.",
    "alerts": "List and answer alerts; see whether they arrive.",
    "off": "Switch a camera off, so that no program can use it.",
    "on": "Switch it on again, for a time or for good.",
    "hooks": "List and try the programs that are run on events.",
    "mqtt": "Tell a home's MQTT broker whether a camera is on air.",
    "tray": "Show the camera's state in the panel, and alerts with answers.",
    "service": "Install and look after the guard of the whole system.",
    "advice": "What to do if someone threatens you with pictures.",
    "doctor": "Check what camguard can and cannot see here.",
    "demo": "See it work, without a camera.",
    "completion": "Print a script that completes commands in a shell.",
}

_EPILOG = """\b
Exit codes:
  0    done
  1    nothing matched, refused, or something is wrong
  2    wrong usage or configuration
  3-5  what was-on answered; 3 also: the log was changed (log verify)
  130  interrupted
  141  whoever read the output went away

\b
Files (as root, as a user):
  configuration  /etc/camguard/config.toml    ~/.config/camguard/config.toml
  rules          /etc/camguard/rules.toml     ~/.config/camguard/rules.toml
  log            /var/lib/camguard/journal.db ~/.local/state/camguard/journal.db

\b
Examples:
  camguard demo                     see it work, no camera needed
  camguard tray                     the icon in the panel, with alerts you can answer
  camguard watch                    guard the cameras until Ctrl-C
  camguard log --since yesterday    who used a camera?
  camguard was-on "last Friday 9pm" was it on then?
  camguard rules allow a17          expect the app of activation a17 from now on
  camguard end cheese               stop it now
  camguard off                      no camera can be used
  camguard on --for 30m             for half an hour they can
  camguard advice                   what to do if someone threatens you

\b
Where the service runs (`camguard service install`) the commands ask it; else each looks and acts by itself.
With CAMGUARD_SOCKET=PATH in the environment they ask the guard at that socket, and no other.
"""


class LateGroup(click.Group):
    """Knows its commands' names and a line of help for each, and imports a command when it is to run."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, stub.short_help or "") for name, stub in self.commands.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself, from its file."""
        if cmd_name not in self.commands:
            return None
        command: click.Command = importlib.import_module(f"camguard.cli.{cmd_name.replace('-', '_')}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked for; what goes wrong becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except CamguardError as error:
            click.echo(f"camguard: {safe_lines(str(error))}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _forget_stdout()
            ctx.exit(READER_GONE)


@click.command(
    cls=LateGroup,
    commands={name: click.Command(name, short_help=line) for name, line in _COMMANDS.items()},
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use this configuration file (also: CAMGUARD_CONFIG in the environment).",
)
@click.option("--local", is_flag=True, help="Do not ask the service; as --config, look and act by this command alone.")
@click.version_option(__version__, prog_name="camguard", message="%(prog)s %(version)s")
def command(config_file: Path | None, local: bool) -> None:  # read by cli.settings
    """Guard the camera: see every use of it, judge it, log it, end it.

    camguard watches every process that opens a camera, says at once and in a sentence when a use is unexpected,
    offers to end it, and keeps a log that shows later whether somebody changed it.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to fail
    command.main(arguments, prog_name="camguard")


def _forget_stdout() -> None:
    """Let Python's last flush go nowhere, since nobody reads it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
