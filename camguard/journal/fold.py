"""From entries back to activations: one record of each, as a person would ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from camguard.core.events import LIFE, Kind
from camguard.core.model import State

_PRESERVED = frozenset({Kind.PRESERVED, Kind.KEPT})
_OVER = frozenset({State.ENDED.value, State.PROBE.value, State.FED.value})


class ActivationData(msgspec.Struct, frozen=True):
    """What `records.describe` says of an activation, as far as a record of it needs it."""

    state: str | None = None
    camera: dict[str, Any] | None = None
    app: dict[str, Any] | None = None
    process: dict[str, Any] | None = None
    verdict: str | None = None
    reasons: list[dict[str, Any]] = []
    capture: str | None = None
    frames: int | None = None
    opens: int = 1
    present: bool = False
    duration_ms: int | None = None
    opened_at: datetime | None = None
    capturing_at: datetime | None = None
    ended_at: datetime | None = None
    ending: str | None = None
    outcome: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    extra: dict[str, Any] = {}


class ActivationAt(msgspec.Struct, frozen=True):
    """When an entry was written."""

    at: datetime


class ActivationEntry(msgspec.Struct, frozen=True):
    """An entry that belongs to an activation."""

    seq: int
    kind: str
    at: ActivationAt
    data: ActivationData


decode = msgspec.json.Decoder(ActivationEntry).decode
"""An entry of an activation from its body. Raises msgspec.DecodeError where it is none."""


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """Something that was done about an activation: `outcome` is None where it was never completed.

    `about` is what the entry had in `extra`; the outcome has the shape of `records.describe`.
    """

    pending_seq: int | None
    pending_at: datetime | None
    completed_at: datetime | None
    about: dict[str, Any]
    outcome: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ActivationRecord:
    """One app's use of one camera, as the log knows it.

    `camera`, `app`, `process` and `reasons` have the shape of `records.describe`; times are in the local time
    that held then. `interrupted` says that the guard stopped watching before the use ended: when that was is not
    known, and neither is the duration. `decision` is what a person answered last to its alert: ``decision``, ``by``
    and ``at``; None where nobody did. `present` says that it had begun before the guard did. `preserved` is what its
    processes had when they were ended (``processes``), and which copies of their programs were kept (``copies``), each
    with ``by`` and ``at``; see `core.belongings`. `context` has the
    shape of `records.context`.
    """

    number: int
    state: str | None
    camera: dict[str, Any] | None
    app: dict[str, Any] | None
    process: dict[str, Any] | None
    opened_at: datetime
    capturing_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    capture: str | None
    frames: int | None
    opens: int
    ending: str | None
    verdict: str | None
    reasons: list[dict[str, Any]]
    alerted: bool
    interrupted: bool
    actions: tuple[ActionRecord, ...]
    first_seq: int
    last_seq: int
    last_at: datetime
    decision: dict[str, Any] | None = None
    present: bool = False
    preserved: tuple[dict[str, Any], ...] = ()
    context: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """How people and programs name it, e.g. ``a17``."""
        return f"a{self.number}"

    @property
    def over(self) -> bool:
        """Whether it is known to have ended."""
        return self.state in _OVER

    @property
    def app_name(self) -> str:
        """The app's name, the process's where the app is not known, or nothing."""
        for known in (self.app, self.process):
            if known is not None and known.get("name"):
                return str(known["name"])
        return ""

    @property
    def camera_name(self) -> str:
        """The camera's name, or nothing."""
        return "" if self.camera is None else str(self.camera.get("name", ""))

    @property
    def user(self) -> str | None:
        """Whose process it was: the name, the uid where there is no name, None where neither is known."""
        process = self.process or {}
        user, uid = process.get("user"), process.get("uid")
        return user if user is not None else None if uid is None else str(uid)


def fold(number: int, entries: Sequence[ActivationEntry], *, watched: bool = True) -> ActivationRecord:
    """The record of one activation from all its entries, at least one, in their order.

    `watched` is False where the guard that saw it begin stopped or died since.
    """
    folding = _Folding(entries[0].data)
    for entry in entries:
        folding.take(entry)
    life, first, last = folding.life, entries[0], entries[-1]
    over = life.state in _OVER
    return ActivationRecord(
        number=number,
        state=life.state,
        camera=folding.camera,
        app=folding.app,
        process=folding.process,
        opened_at=life.opened_at or first.at.at,
        capturing_at=life.capturing_at,
        ended_at=life.ended_at,
        duration_ms=life.duration_ms,
        capture=life.capture,
        frames=life.frames,
        opens=life.opens,
        ending=life.ending,
        verdict=folding.verdict,
        reasons=folding.reasons,
        alerted=folding.alerted,
        interrupted=not over and not watched,
        actions=tuple(folding.actions),
        first_seq=first.seq,
        last_seq=last.seq,
        last_at=last.at.at,
        decision=folding.decision,
        present=life.present,
        preserved=tuple(folding.preserved),
        context=folding.context,
    )


@dataclass(slots=True)
class _Folding:
    """What the entries of one activation have said so far; a later word replaces an earlier one."""

    life: ActivationData
    camera: dict[str, Any] | None = None
    app: dict[str, Any] | None = None
    process: dict[str, Any] | None = None
    verdict: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)
    alerted: bool = False
    actions: list[ActionRecord] = field(default_factory=list)
    decision: dict[str, Any] | None = None
    preserved: list[dict[str, Any]] = field(default_factory=list)
    context: dict[str, Any] | None = None

    def take(self, entry: ActivationEntry) -> None:
        data = entry.data
        self.camera = data.camera or self.camera
        self.app = data.app or self.app
        self.context = data.context or self.context
        # The first words about a process come before all was found out about it, and may come again later.
        if data.process is not None and len(data.process) >= len(self.process or ()):
            self.process = data.process
        if data.verdict is not None:
            self.verdict, self.reasons = data.verdict, data.reasons
        # Who acts may be another process with an older view of the life: only the life's own kinds tell it.
        if entry.kind in LIFE:
            self.life = data
        elif entry.kind == Kind.ALERT:
            self.alerted = True
        elif entry.kind == Kind.DECIDED:
            self.decision = {**data.extra, "at": entry.at.at.isoformat()}
        elif entry.kind in _PRESERVED:
            self.preserved.append({**data.extra, "at": entry.at.at.isoformat()})
        elif entry.kind == Kind.ACTION_PENDING:
            self.actions.append(ActionRecord(entry.seq, entry.at.at, None, data.extra, None))
        elif entry.kind == Kind.ACTION_COMPLETED:
            self._complete(entry)

    def _complete(self, entry: ActivationEntry) -> None:
        """Close the first action of the same words that is still pending."""
        at, about, outcome = entry.at.at, entry.data.extra, entry.data.outcome
        for index, action in enumerate(self.actions):
            if action.completed_at is None and action.about == about:
                self.actions[index] = replace(action, completed_at=at, outcome=outcome)
                return
        self.actions.append(ActionRecord(None, None, at, about, outcome))
