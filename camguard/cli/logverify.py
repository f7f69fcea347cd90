"""``camguard log verify`` and ``camguard log key``: whether the log is what was written, and how far that is proven."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from camguard.cli.output import json_option, quoted, quoted_sentence, say, say_json
from camguard.cli.settings import configuration, service
from camguard.core.records import SCHEMA
from camguard.errors import Refused

if TYPE_CHECKING:
    from camguard.journal.chain import Tell
    from camguard.journal.heads import Held
    from camguard.proof import Proof, Signatures

_LONG = 100_000
"""So many entries are worth a bar: fewer are checked at once."""

CHANGED = 3
"""The exit code where the log was changed; where it could not be checked, it is that of the error."""

_EPILOG = f"""\b
Examples:
  sudo camguard log verify
  sudo camguard log verify --json | jq .anchors
  sudo camguard log verify --key /media/stick/log.pub

\b
The guard notes the head of the log in the systemd journal every hour, and when it stops. Only what journald itself
marks as by the user who keeps the log counts.

\b
Exit code: 0 nothing speaks against the log; {CHANGED} it was changed; 1 it could not be checked.
"""

_KEY_EPILOG = """\b
Signatures prove that a head was noted by who has the key, on this machine root.
They do not prove that root is honest: keep the public key, and a head now and then,
where nobody of this machine can write.
"""


@click.command(epilog=_EPILOG)
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path), help="Check signatures by this public key.")
@json_option
def verify(as_json: bool, key: Path | None) -> None:
    """Check that nobody changed the log, and say how far that is proven.

    Each entry bears a hash of itself and of the one before, so that an entry that was edited, moved, put in or
    taken out is found, and the first is named. Heads noted in the systemd journal, and signed ones, show whether the
    end was cut off or the log written anew.
    """
    from camguard.proof import prove

    if _kept_by_service():
        raise Refused("the service keeps the log, and only root may read the file: sudo camguard log verify")
    path = configuration().journal_path
    with _progress(path, hidden=as_json) as tell:
        proof = prove(path, tell, key)
    if as_json:
        say_json(as_object(proof))
    else:
        _show(proof)
    if not proof.ok:
        click.get_current_context().exit(CHANGED)


@click.group()
def key() -> None:
    """The key by which the log's heads are signed."""


@key.command(epilog=_KEY_EPILOG)
@click.option("--keep", is_flag=True, help="Where there is a key already, keep it; else that is refused.")
def create(keep: bool) -> None:
    """Make a key; the guard signs with it from now on.

    The key is beside the log, readable by who keeps that: for the service's log by root. Keep a copy of the public one
    elsewhere, to check by: `camguard log verify --key FILE`.
    """
    from camguard.journal.signing import create as make
    from camguard.journal.signing import key_of, public_of

    if _kept_by_service():
        raise Refused("the service keeps the log, and root keeps its key: sudo camguard log key create")
    path = configuration().journal_path
    if keep and os.path.exists(key_of(path)):  # also says no where nobody may look, which `make` then complains of
        say(f"There is a key already, in {quoted(str(key_of(path)), 200)}: it is kept.")
        return
    name = make(path)
    say(f"The key {name} is in {quoted(str(key_of(path)), 200)}.", fg="green")
    say(f"Keep a copy of {quoted(str(public_of(path)), 200)} where nobody of this machine can write.")


def _kept_by_service() -> bool:
    """Whether the log that is meant is the service's, and not this user's to read; a tray's guard keeps the user's."""
    if os.geteuid() == 0:
        return False
    remote = service()
    if remote is None:
        return False
    with closing(remote):
        return remote.answered_by == "service"


@contextmanager
def _progress(path: Path, *, hidden: bool) -> Iterator[Tell]:
    """A bar on stderr, away from what a program reads, where that is a terminal and the log is long."""
    from camguard.journal.queries import Reader

    total = 0
    if not hidden and sys.stderr.isatty():
        with Reader(path) as reader:
            total = reader.last_seq() - reader.start().seq
    if total < _LONG:
        yield lambda _: None
        return
    with click.progressbar(length=total, label="Checking", file=sys.stderr) as bar:
        yield lambda checked: bar.update(checked - bar.pos)


def as_object(proof: Proof) -> dict[str, Any]:
    """A proof for programs."""
    chain, cut = asdict(proof.chain), proof.cut
    return {
        "schema": SCHEMA,
        "ok": proof.ok,
        **chain,
        "unproven": " ".join(proof.unproven),
        "cut": None
        if cut is None
        else {"last_seq": cut.last_seq, "last_at": cut.last_at.get("at"), "last_hash": cut.last_hash, "keep": cut.keep},
        "anchors": {**_held_object(proof.anchored), "why_not": proof.why_not_anchored},
        "signatures": {
            **_held_object(proof.signed.held),
            "key": proof.signed.key,
            "cut_signed": proof.signed.cut_signed,
            "why_not": proof.signed.why_not,
        },
    }


def _held_object(held: Held) -> dict[str, Any]:
    last = held.last
    return {
        "fitting": held.fitting,
        "last_seq": None if last is None else last.seq,
        "last_utc_ns": None if last is None else last.utc_ns,
        "sentence": held.sentence,
    }


def _show(proof: Proof) -> None:
    found = proof.chain
    if proof.ok:
        say(f"The log is whole: {found.checked} entries.", fg="green")
    else:
        say(f"THE LOG WAS CHANGED: {quoted_sentence(found.sentence or '')}.", fg="red", bold=True)
        _show_where(proof)
    if proof.cut is not None:
        until = str(proof.cut.last_at.get("at", ""))[:19].replace("T", " ")
        older = f"Entries up to number {proof.cut.last_seq}, of {quoted(until)},"
        say(f"{older} were cut: the log keeps {quoted(proof.cut.keep)}.")
    if proof.ok:
        say(f"Its head is entry {found.head_seq}, hash {found.head}.")
    _show_anchors(proof)
    _show_signatures(proof.signed)
    say("Not proven:")
    for sentence in proof.unproven:
        say(f"  {sentence}")


def _show_where(proof: Proof) -> None:
    from camguard.journal.chain import Flaw
    from camguard.journal.heads import on

    found = proof.chain
    when = "" if found.bad_utc_ns is None else f", filed under {on(found.bad_utc_ns)}"
    flaw = "" if found.flaw is None else f" ({found.flaw})"
    say(f"The first bad entry is number {found.first_bad}{flaw}{when}.")
    if found.flaw in {Flaw.REWRITTEN, Flaw.CUT_OFF}:
        return  # how far it can be trusted is what was noted elsewhere, and is told next
    good = (found.first_bad or 1) - 1 - found.cut_seq
    say(f"The {good} entries before number {found.first_bad} are as they were written.")


def _show_anchors(proof: Proof) -> None:
    from camguard.journal.heads import on

    held = proof.anchored
    if held.last is not None:
        when = on(held.last.utc_ns)
        say(f"Up to entry {held.last.seq} it is what the systemd journal noted on {when} ({_fitting(held.fitting)}).")
    elif proof.why_not_anchored is not None:
        say(f"No head was noted elsewhere: {quoted_sentence(proof.why_not_anchored)}.")
    else:
        say("No head of it is in the systemd journal.")


def _fitting(heads: int) -> str:
    return "1 head fits" if heads == 1 else f"{heads} heads fit"


def _show_signatures(signed: Signatures) -> None:
    if signed.why_not is not None:
        say(f"No signature was checked: {quoted_sentence(signed.why_not)}.")
    elif signed.held.last is not None:
        fitting = _fitting(signed.held.fitting)
        say(f"Up to entry {signed.held.last.seq} it is signed by the key {signed.key} ({fitting}).")
    else:
        say(f"Nothing in it is signed by the key {signed.key}.")
    if signed.cut_signed is False:
        say("The cut is not signed.")
