"""Who feeds a virtual camera, where no service is asked: that takes a guard that saw it begin, and so its log."""

from __future__ import annotations

from dataclasses import replace

from camguard.core.model import CameraKind, State
from camguard.core.policy import of_feeding
from camguard.journal.filter import Filter
from camguard.journal.queries import Reader
from camguard.journal.recall import identity_of
from camguard.uses import Use

_RECENT = 50
"""Among so many of a virtual camera's activations, the newest, that of a program that feeds it now is looked for."""


def as_logged(use: Use, past: Reader) -> Use:
    """A use as one look found it, or what a guard that runs knows it for."""
    if use.feeds or use.camera.kind is not CameraKind.VIRTUAL or use.process.identity is None:
        return use
    newest = past.activations(Filter(camera=use.camera.id, limit=_RECENT))
    its_own = [record for record in newest if record.process and identity_of(record) == use.process.identity]
    if not its_own or its_own[-1].state != State.FEEDING or its_own[-1].interrupted:
        return use
    return replace(use, feeds=True, verdict=of_feeding(use.verdict))
