"""``camguard log export``: the log for an investigator."""

from __future__ import annotations

import gc
import hashlib
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from camguard.activity.files import creating, refuse_to_replace
from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_json
from camguard.cli.settings import configuration, service, understood
from camguard.cli.times import PAST_FORMS, local_now, parse_past, to_ns
from camguard.core.records import SCHEMA
from camguard.errors import UsageError

if TYPE_CHECKING:
    from camguard.handover.contents import Made
    from camguard.handover.model import Source, Wanted

_REMEDY = "choose another name"
_PARTS = 1_000
_EPILOG = f"""\b
Examples:
  camguard log export --since 2026-11-20 --until 2026-11-22 evidence.zip
  camguard log export --since 7d --redact for-a-forum.zip
  sudo camguard log export everything.zip

\b
Times: {PAST_FORMS}.
A day stands for its beginning after --since, for its end after --until.

\b
The zip has a page to read and to print, the uses as CSV and JSON, when the cameras were watched, the log's entries
with their hashes, and verify.py, which checks all of it on any computer with Python. README.txt in it says what each
file is. It holds no pictures. Look through it before you hand it on.

\b
As root it is read from the log's file and holds every user's uses. Through the service it holds your own uses, and no
hashes. The manifest says which it was.

\b
The same log, with the same times, gives the same bytes. What is printed says when and by whom it was made, how the
clock stood, and the zip's SHA-256: keep it with the zip, or write the hash down.

\b
A file that is there is never replaced, and an export that fails leaves none.

\b
Exit code: 1 when there is no log, and when the log was changed: then there is an export all the same. One of a time
without a use is an export too: it says when the cameras were watched.
"""

_SWITCH_S = 0.0005
"""How long the thread that packs waits at each block for the one that reads to let it; by default ten times as long."""

_SELDOM = (5_000_000, 20, 100)
"""How often the collector of garbage looks: millions of small objects come and go here, and none is in a ring."""


@click.command(epilog=_EPILOG, short_help="Write the log to a zip, for the police.")
@click.option("--since", metavar="WHEN", help="From WHEN on; else from the log's beginning.")
@click.option("--until", metavar="WHEN", help="Up to WHEN; else up to the log's newest entry.")
@click.option("--redact", is_flag=True, help="Leave out users' names, their folders and command lines.")
@json_option
@click.argument("out", metavar="OUT.zip", type=click.Path(dir_okay=False, path_type=Path))
def export(since: str | None, until: str | None, redact: bool, as_json: bool, out: Path) -> None:
    """Write all that the log says to a zip, for the police or whoever else is to look into it."""
    from camguard.handover.contents import export as write
    from camguard.handover.manifest import Exporter
    from camguard.handover.model import Wanted

    wanted = Wanted(_instant(since), _instant(until, end=True), redact)
    if wanted.since is not None and wanted.until is not None and wanted.since > wanted.until:
        raise UsageError("--since is after --until")
    if str(out) == "-":
        raise UsageError("an export is a file, not standard output; write for example evidence.zip")
    refuse_to_replace(out, force=False, remedy=_REMEDY)
    from camguard.handover import machine

    exporter = Exporter(_user(), os.getuid(), machine.facts())
    gc.set_threshold(*_SELDOM)
    sys.setswitchinterval(_SWITCH_S)
    with _source(wanted) as source, _progress() as tell, creating(out, remedy=_REMEDY) as file:
        made = write(source, wanted, exporter, file, out.absolute().parent, tell)
        file.flush()
        sha256 = _sha256(file)
    receipt = _receipt(out, sha256, made)
    if as_json:
        say_json(receipt)
    else:
        _say(receipt, made)
    if made.problem is not None:
        click.get_current_context().exit(1)


@contextmanager
def _source(wanted: Wanted) -> Iterator[Source]:
    """The log's file for whoever may read it, else the service."""
    remote = None if os.geteuid() == 0 else service()
    if remote is not None:
        from camguard.handover.told import Told

        with closing(remote):
            yield Told(remote, wanted)
        return
    from camguard.handover.extract import opened

    with opened(configuration().journal_path, wanted) as extract:
        yield extract


@contextmanager
def _progress() -> Iterator[Callable[[float], object]]:
    """A bar on the terminal, where there is one, that is told which part is done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=_PARTS, label="Exporting", file=sys.stderr) as bar:
        yield lambda part: bar.update(max(0, round(part * _PARTS) - bar.pos))


def _receipt(out: Path, sha256: str, made: Made) -> dict[str, Any]:
    """What changes by itself, and so is told beside the export and not in it."""
    from camguard.clockstate import clock_synchronised
    from camguard.handover import machine

    return {
        "schema": SCHEMA,
        "file": str(out),
        "sha256": sha256,
        "exported_at": local_now().isoformat(timespec="seconds"),
        "exported_by": _user(),
        "on_behalf_of": os.environ.get("SUDO_USER") if os.geteuid() == 0 else None,
        "clock_synchronised": clock_synchronised(),
        "boot_id": machine.boot_id(),
        "uses": made.uses,
        "entries": made.entries,
        "way": made.about["exported_by"]["way"],
        "problem": made.problem,
    }


def _say(receipt: dict[str, Any], made: Made) -> None:
    uses = f"{made.uses:,} {'use' if made.uses == 1 else 'uses and looks'}"
    say(f"{quoted(receipt['file'], 200)}: {uses}, {made.entries:,} entries of the log.", fg="green")
    say(made.about["exported_by"]["holds"])
    say(f"SHA-256    {receipt['sha256']}")
    on_behalf = "" if receipt["on_behalf_of"] is None else f" (sudo says: for {quoted(receipt['on_behalf_of'])})"
    say(f"exported   {receipt['exported_at']} by {quoted(receipt['exported_by'])}{on_behalf}")
    clock = {True: "kept right (NTP)", False: "not kept right by NTP", None: "not known whether it is kept right"}
    say(f"the clock  {clock[receipt['clock_synchronised']]}; boot {receipt['boot_id']}")
    say("Keep these lines with the file: they are not in it. README.txt in it says how to check it.")
    if made.problem is not None:
        say(f"THE LOG WAS CHANGED, OR IS NOT WHOLE: {quoted_sentence(made.problem)}.", fg="red", bold=True)


def _sha256(file: Any) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _instant(text: str | None, *, end: bool = False) -> int | None:
    if text is None:
        return None
    with understood():
        return to_ns(parse_past(text, local_now(), end=end))
