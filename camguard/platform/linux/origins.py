"""What is to be said of where a use's program comes from, put together from evidence and facts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from camguard.core.context import Origin
from camguard.core.details import Parent
from camguard.platform.linux import origin
from camguard.platform.linux.evidence import DELETED, Evidence, OpenFile
from camguard.platform.linux.resolvers import Facts, File


def origin_of(
    proc: str, evidence: Evidence, facts: Facts, started_utc_ns: int | None, parents: Iterable[Parent]
) -> Origin:
    """Where the program, and the script where there is one, comes from; the files of `evidence` are still open."""
    files = [(evidence.exe, facts.exe)]
    if facts.script_file is not None:
        files.append((evidence.script_file, facts.script_file))
    folder = next((found for _, file in files if (found := _folder(facts, file)) is not None), None)
    counts, file = files[-1]
    there = Origin() if counts is None else origin.installed(file.package, os.fstat(counts.fd))
    started_by = origin.starter(proc, parents)
    return replace(
        there,
        deleted=_any([_deleted(*each, started_utc_ns, script=each[1] is facts.script_file) for each in files]),
        temporary=folder is not None,
        folder=folder,
        unknown_parent=started_by.unknown_parent,
        parent=started_by.parent,
    )


def _folder(facts: Facts, file: File) -> str | None:
    """The folder in which anybody may have put a file: of an image's content, that in which the image is."""
    found = origin.public_folder(file.deployed or file.path)
    if found is None and facts.image is not None and file is facts.exe:
        return origin.public_folder(facts.image.path)
    return found


def _deleted(opened: OpenFile | None, file: File, started_utc_ns: int | None, *, script: bool) -> bool | None:
    if opened is None:
        return None
    if file.note is not None:
        return True if file.note == DELETED else None
    if not script or file.package is not None:  # of a package's script an upgrade may have changed the file
        return False
    return origin.changed_since(os.fstat(opened.fd), started_utc_ns)


def _any(found: list[bool | None]) -> bool | None:
    if True in found:
        return True
    return None if None in found else False
