"""Keeps the gate: orders as the rules have them now, refusals in the log, and its death never unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from camguard.config import GateMode
from camguard.core.events import Kind, OpenRefused, Report
from camguard.core.gatekeeping import GateOrder, next_change_utc_ns, orders
from camguard.core.model import NANOSECONDS, App, Camera, Judgement, Moment, Rule
from camguard.errands import whole
from camguard.errors import Refused, SensorError
from camguard.guard import Guard
from camguard.ports import Gate
from camguard.ruletext import spell_app

LOOK_AGAIN_S = 30.0
"""How often files are looked up anew, since an app may be installed or updated at any time, and the gate is tried."""

SET_UP_AGAIN_S = 1.0
"""How soon a gate that died is set up anew."""

_REVISE = frozenset({Kind.RULE_ADDED, Kind.RULE_REMOVED, Kind.CAMERA_ADDED, Kind.CAMERA_REMOVED})


@dataclass(frozen=True, slots=True)
class _Basis:
    """What orders are made from."""

    rules: tuple[Rule, ...]
    cameras: tuple[Camera, ...]


class Gating:
    """Keeps one gate for one guard. `mode` is not OFF."""

    def __init__(self, guard: Guard, gate: Gate, mode: GateMode) -> None:
        self._guard = guard
        self._gate = gate
        self._mode = mode
        self._revise = asyncio.Event()
        self._left_out: tuple[GateOrder, ...] | None = None
        self._trouble: str | None = None
        guard.listen(self._heard)

    async def run(self) -> None:
        """Keep the gate until cancelled; where it cannot work, that is written down once, and the guard goes on."""
        obstacle = await asyncio.to_thread(self._gate.obstacle)
        if obstacle is not None:
            await self._open_stands(f"it cannot work here: {obstacle}")
            return
        try:
            while True:
                why = await self._keep()
                if self._left_out is None and why == self._trouble:
                    pause_s = LOOK_AGAIN_S  # it did not come to work at all, as before: that was said
                else:
                    pause_s = SET_UP_AGAIN_S
                    await self._open_stands(f"{why}; it will be set up anew")
                self._gate.close()
                self._trouble, self._left_out = why, None
                await asyncio.sleep(pause_s)
        finally:
            self._gate.close()

    async def _keep(self) -> str:
        """Have the gate work until it is found not to; returns what is wrong with it."""
        try:
            await whole(asyncio.to_thread(self._gate.open))  # never closed while a thread is in it
            await self._apply()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._gate.watch(lambda refused: _begin(tasks, self._refused(refused))))
                tasks.create_task(self._follow())
        except (Refused, SensorError) as failure:
            return str(failure)
        except ExceptionGroup as failures:
            known, others = failures.split((Refused, SensorError))
            if known is None or others is not None:
                raise
            return str(known.exceptions[0])
        raise AssertionError("unreachable: both tasks go on for ever")

    async def _follow(self) -> None:
        while True:
            self._revise.clear()
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._revise.wait()
            except TimeoutError:
                if not await whole(asyncio.to_thread(self._gate.alive)):
                    raise SensorError("the gate works no longer, though nobody here opened it") from None
            await self._apply()

    async def _apply(self) -> None:
        await self._guard.ask(lambda _: [])  # by then the rules are those of the file as it is now
        basis = _Basis(self._guard.rules, self._guard.cameras)
        refuse_others = self._mode is GateMode.ALLOW
        told = orders(basis.rules, basis.cameras, self._now(), refuse_others=refuse_others)
        left_out = await whole(asyncio.to_thread(lambda: self._gate.apply(told, refuse_others=refuse_others)))
        if left_out != self._left_out:
            self._left_out = left_out
            names = ["any app" if order.app is None else spell_app(order.app) for order in left_out]
            extra = {"mode": self._mode.value, "not_told_apart": names}
            await self._guard.record(Report(Kind.GATE_CLOSED, self._now(), extra=extra))

    async def _refused(self, refused: OpenRefused) -> None:
        """Write down an open that the kernel refused, with who it was."""
        app, details = await asyncio.to_thread(self._guard.platform.identifier.identify, refused.process)
        if not app.known and refused.app is not None:
            app = App(refused.app, app.name)
        camera = next((each for each in self._guard.cameras if _has(each, refused.number)), None)
        extra = {"number": refused.number and [*refused.number], "times": refused.count}
        process = refused.process
        report = Report(Kind.OPEN_REFUSED, refused.at, camera, process=process, app=app, details=details, extra=extra)
        await self._guard.record(report)

    async def _open_stands(self, why: str) -> None:
        await self._guard.record(Report(Kind.GATE_OPEN, self._now(), extra={"why": why}))

    def _heard(self, report: Report) -> None:
        if report.kind in _REVISE or _slipped_through(report):
            self._revise.set()

    def _pause_s(self) -> float:
        change = next_change_utc_ns(self._guard.rules, self._now())
        if change is None:
            return LOOK_AGAIN_S
        return min(LOOK_AGAIN_S, max(0.0, (change - self._now().utc_ns) / NANOSECONDS))

    def _now(self) -> Moment:
        return self._guard.platform.clock.now()


def _begin(tasks: asyncio.TaskGroup, work: Coroutine[None, None, None]) -> None:
    tasks.create_task(work)


def _slipped_through(report: Report) -> bool:
    """Whether a use was seen that the gate would have refused, had it known of the program: it may be a new file."""
    return report.kind is Kind.ALERT and report.verdict is not None and report.verdict.judgement is Judgement.BLOCKED


def _has(camera: Camera, number: tuple[int, int] | None) -> bool:
    return any(node.number == number for node in camera.nodes)
