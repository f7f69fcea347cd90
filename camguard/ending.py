"""Ending a use, the whole way: journalled as pending, carried out, checked, journalled with its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from camguard.core.casebook import Case
from camguard.core.details import Details
from camguard.core.events import HoldersSeen, Kind, Report
from camguard.core.model import Activation, App, Camera, Judgement, Outcome, Process, Result, Step, Verdict
from camguard.ports import Platform, Tell
from camguard.preserving import LOOK_S, Preserving, Record

BLOCK_PATIENCE_S = 0.1
"""How long a blocked program may take to end after it was asked to: until then it has the camera."""

_ROUNDS = 3
"""How often whoever is found holding on (a forked child, say) is ended in turn before it is called still held."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which use is to be ended, and on whose word (``by``: "rule r3", a user's name).

    `patience_s` is how long a process may take after it was asked to stop; None for the configured time.
    """

    camera: Camera
    processes: frozenset[Process]
    by: str
    activation: Activation | None = None
    app: App | None = None
    details: Details | None = None
    verdict: Verdict | None = None
    patience_s: float | None = None


def block_of(case: Case) -> Order:
    """The order to end a use that is blocked: by the rule that blocks it."""
    identity = case.identity
    return Order(
        case.camera,
        case.targets,
        by="policy" if case.verdict is None or case.verdict.rule is None else f"rule {case.verdict.rule}",
        activation=case.activation,
        app=None if identity is None else identity.app,
        details=None if identity is None else identity.details,
        verdict=case.verdict,
        patience_s=BLOCK_PATIENCE_S,
    )


async def end_use(platform: Platform, record: Record, order: Order, tell: Tell) -> Outcome:
    """End a use and say what became of it. What the processes of an unexpected one have is in the log before.

    The camera is looked at again afterwards: who holds it still and is the same app at work (a child that
    inherited the descriptor) is ended too. Raises whatever `record` raises for the pending entry; nothing was
    done then.
    """
    preserving = preserving_of(platform, order)
    seen = () if preserving is None else await asyncio.to_thread(preserving.look, LOOK_S)
    try:
        if preserving is not None:
            await preserving.note(record, seen)
        await record(pending(platform, order))
        return await carry_out(platform, record, order, tell)
    finally:
        if preserving is not None:
            await preserving.keep(record, seen)


def preserving_of(platform: Platform, order: Order) -> Preserving | None:
    """What is to be preserved before an order is carried out; None for a use that was expected."""
    expected = order.verdict is not None and order.verdict.judgement is Judgement.EXPECTED
    if platform.witness is None or expected:
        return None
    in_order = sorted(order.processes, key=lambda process: process.age)
    sha256 = None if order.details is None else order.details.exe_sha256
    about = partial(_about, platform, order)
    return Preserving(platform.witness, tuple(in_order), order.by, sha256, about)


def pending(platform: Platform, order: Order) -> Report:
    """What has to be in the activation log before `carry_out`."""
    return _report(platform, order, Kind.ACTION_PENDING, None)


async def carry_out(
    platform: Platform, record: Record, order: Order, tell: Tell, begun: Awaitable[Sequence[Outcome]] | None = None
) -> Outcome:
    """End a use whose pending entry is written already; see `end_use`.

    `begun` is what comes of the order's processes where somebody ends those already.
    """
    outcome = await _climb(platform, order, tell, begun)
    await record(_report(platform, order, Kind.ACTION_COMPLETED, outcome))
    platform.sensor.rescan()
    return outcome


def end_each(
    platform: Platform, processes: Iterable[Process], tell: Tell, patience_s: float | None
) -> tuple[Outcome, ...]:
    """End these processes, the oldest first. Blocking."""
    in_order = sorted(processes, key=lambda process: process.age)
    return tuple([platform.control.end(process, tell, patience_s) for process in in_order])


async def _climb(platform: Platform, order: Order, tell: Tell, begun: Awaitable[Sequence[Outcome]] | None) -> Outcome:
    kin = {process.kinship for process in order.processes}
    targets = order.processes
    outcomes: list[Outcome] = []
    for _ in range(_ROUNDS):
        ending = begun or asyncio.to_thread(end_each, platform, targets, tell, order.patience_s)
        outcomes += await ending
        begun = None
        targets = frozenset(
            process
            for process in await asyncio.to_thread(_holding, platform, order.camera)
            if process.kinship in kin or _identities(process) & _identities(*order.processes)
        )
        if not targets or any(outcome.result is Result.REFUSED for outcome in outcomes):
            break
    steps = tuple(step for outcome in outcomes for step in outcome.steps)
    return _overall(outcomes, steps, targets)


def _overall(outcomes: list[Outcome], steps: tuple[Step, ...], left: frozenset[Process]) -> Outcome:
    """The one result of several: what the look afterwards found comes before what each step claimed."""
    refused = [outcome for outcome in outcomes if outcome.result is Result.REFUSED]
    failed = [outcome for outcome in outcomes if outcome.result in {Result.FAILED, Result.STILL_HELD}]
    if not left:
        gone = all(outcome.result is Result.GONE for outcome in outcomes)
        return Outcome(Result.GONE if gone else Result.ENDED, steps)
    worst = (refused or failed or [Outcome(Result.STILL_HELD)])[0]
    result = worst.result if worst.result in {Result.REFUSED, Result.FAILED} else Result.STILL_HELD
    return replace(worst, result=result, steps=steps, left=tuple(sorted(left, key=lambda process: process.age)))


def _holding(platform: Platform, camera: Camera) -> frozenset[Process]:
    for sighting in platform.sensor.look():
        if isinstance(sighting, HoldersSeen) and sighting.camera == camera.id:
            return frozenset(holder.process for holder in sighting.holders)
    return frozenset()


def _report(platform: Platform, order: Order, kind: Kind, outcome: Outcome | None) -> Report:
    """A step of the action itself."""
    pids = sorted(process.pid for process in order.processes if process.pid is not None)
    return replace(_about(platform, order, kind, {"action": "end", "by": order.by, "pids": pids}), outcome=outcome)


def _about(platform: Platform, order: Order, kind: Kind, extra: dict[str, Any]) -> Report:
    return Report(
        kind,
        platform.clock.now(),
        camera=order.camera,
        activation=order.activation,
        process=min(order.processes, key=lambda process: process.age, default=None),
        app=order.app,
        details=order.details,
        verdict=order.verdict,
        extra=extra,
    )


def _identities(*processes: Process) -> set[object]:
    return {process.identity for process in processes if process.identity is not None}
