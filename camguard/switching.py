"""Switching cameras, the whole way: said, journalled as pending, carried out, checked, journalled with its outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from camguard.core.events import CamerasSeen, Kind, Report
from camguard.core.model import Camera, CameraId, Moment, Outcome, Result, Rule, Step
from camguard.core.power import Plan, Power
from camguard.core.switchboard import EVERY, Switchboard, Turn, Wanted
from camguard.errors import Refused
from camguard.ports import Platform
from camguard.standing import StandingFile

CONFIRM_S = 1.0
"""How long after a device was switched off it is looked at once more."""

log = logging.getLogger(__name__)

Ask = Callable[[Callable[[Moment], Sequence[Report]]], Awaitable[tuple[Report, ...]]]
"""Has the engine's consumer do something to its state, and returns the reports once they, and it, are on disk."""


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of switching one camera."""

    camera: Camera
    power: Power
    outcome: Outcome


class Switching:
    """Keeps the cameras as they are wanted.

    All but `turn`, `results`, `confirm` and `reconcile` is for the engine's consumer alone.
    """

    def __init__(
        self, platform: Platform, board: Switchboard, file: StandingFile, *, restore_on_stop: bool = False
    ) -> None:
        self.board = board
        self.restore_on_stop = restore_on_stop
        self._platform = platform
        self._file = file
        self._one_at_a_time = asyncio.Lock()
        self._under_way: dict[CameraId, asyncio.Future[Switched]] = {}

    @property
    def going(self) -> frozenset[CameraId]:
        """The cameras that are off or about to be: one of them that disappears was not unplugged."""
        return frozenset(camera for held in self.board.standing.held if not held.back for camera in held.ids)

    def seen(self, seen: CamerasSeen) -> None:
        """Take in which cameras are there."""
        self.board.seen(seen.cameras, seen.at)

    def review(
        self, cameras: Sequence[Camera], rules: Sequence[Rule], in_use: Collection[CameraId], now: Moment
    ) -> tuple[list[Report], list[Turn]]:
        """See `Switchboard.review`. Each turn must be handed to `turn`."""
        reports, turns = self.board.review(cameras, rules, in_use, now)
        for turn in turns:
            result: asyncio.Future[Switched] = asyncio.get_running_loop().create_future()
            self._under_way.update({camera.id: result for camera in turn.cameras})
        return reports, turns

    async def results(self, camera: CameraId) -> tuple[Switched, ...]:
        """Wait for what is being switched now, of one camera or of `EVERY` one."""
        found = self._under_way.values() if camera == EVERY else [self._under_way.get(camera)]
        waited_for = {id(result): result for result in found if result is not None}.values()
        # Others may wait for the same: who is cancelled meanwhile goes alone.
        return tuple([await asyncio.shield(result) for result in waited_for])

    def save(self) -> None:
        """Write down what must outlast the guard. Blocking."""
        if self._file.differs(self.board.standing):
            self._file.save(self.board.standing)

    def unsaved(self) -> bool:
        """Whether `save` has something to do."""
        return self._file.differs(self.board.standing)

    async def reconcile(self) -> None:
        """Look how the devices stand that an earlier guard held, or was about to."""
        held = self.board.standing.held
        states = {each.plan.device: await asyncio.to_thread(self._platform.switch.state, each.plan) for each in held}
        dormant = await asyncio.to_thread(self._platform.switch.dormant)
        self.board.find(dormant, states, self._platform.clock.now())

    async def turn(self, turn: Turn, ask: Ask) -> Outcome:
        """Switch a device; raises whatever `ask` raises for the pending entry, and nothing was done then."""
        result = self._under_way.get(turn.cameras[0].id)
        async with self._one_at_a_time:
            try:
                outcome = await (self._off(turn, ask) if turn.power is Power.OFF else self._on(turn, ask))
            except BaseException:
                self._answer(turn, result, None)
                raise
        self._answer(turn, result, outcome)
        return outcome

    async def confirm(self, turn: Turn, ask: Ask) -> None:
        """Look a moment later whether what was switched off is off still.

        A device that came back in that very moment looks to the sensor as if it had never been away.
        """
        await asyncio.sleep(CONFIRM_S)
        held = self.board.off.get(turn.cameras[0].id)
        looked = self._platform.clock.now()
        if held is None or await asyncio.to_thread(self._platform.switch.state, held.plan) is not Power.ON:
            return

        def void(_: Moment) -> list[Report]:
            self.board.void(held.plan, looked)
            return []

        await ask(void)

    async def _off(self, turn: Turn, ask: Ask) -> Outcome:
        if turn.held is not None:
            return await self._try(turn, turn.held.plan, ask, last=True)
        if turn.cameras[0].id in self.board.off:
            return await self._went_along(turn, ask)
        try:
            plans = await asyncio.to_thread(self._platform.switch.plans, turn.cameras[0])
        except Refused as error:
            return await self._give_up(turn, Outcome(Result.REFUSED, why=str(error)), ask)
        allowed = [plan for plan in plans if not plan.takes or turn.wanted.whole]
        outcome = Outcome(Result.REFUSED, why=_what_else_goes(plans))
        for plan in allowed:
            outcome = await self._try(turn, plan, ask, last=plan is allowed[-1])
            if outcome.result in {Result.OFF, Result.GONE}:
                return outcome
        if not allowed:
            return await self._give_up(turn, outcome, ask)
        return outcome

    async def _went_along(self, turn: Turn, ask: Ask) -> Outcome:
        outcome = Outcome(Result.OFF, why="It went off with another camera of the same device.")

        def over(now: Moment) -> list[Report]:
            self.board.finished(turn, None, outcome, now)
            return []

        await ask(over)
        return outcome

    async def _try(self, turn: Turn, plan: Plan, ask: Ask, *, last: bool) -> Outcome:
        def begin(now: Moment) -> list[Report]:
            self.board.hold(plan, turn.wanted.by, now)
            return [_report(turn, plan, Kind.ACTION_PENDING, None, now)]

        await ask(begin)
        outcome = await asyncio.to_thread(self._platform.switch.off, plan, _log_step)

        def over(now: Moment) -> list[Report]:
            if last or outcome.result in {Result.OFF, Result.GONE}:
                return self._over(turn, plan, outcome, now)
            self.board.release(plan)
            return [_report(turn, plan, Kind.ACTION_COMPLETED, outcome, now)]

        await ask(over)
        return outcome

    async def _on(self, turn: Turn, ask: Ask) -> Outcome:
        if turn.held is None:
            raise AssertionError("what is not held off cannot be switched on")
        plan = turn.held.plan
        await ask(lambda now: [_report(turn, plan, Kind.ACTION_PENDING, None, now)])
        outcome = await asyncio.to_thread(self._platform.switch.on, plan, _log_step)
        await ask(lambda now: self._over(turn, plan, outcome, now))
        return outcome

    async def _give_up(self, turn: Turn, outcome: Outcome, ask: Ask) -> Outcome:
        await ask(lambda now: self._over(turn, None, outcome, now))
        return outcome

    def _over(self, turn: Turn, plan: Plan | None, outcome: Outcome, now: Moment) -> list[Report]:
        again = self.board.failed_before(turn)
        self.board.finished(turn, plan, outcome, now)
        if again and plan is None:
            return []  # it was said once that this camera cannot be switched
        return [_report(turn, plan, Kind.ACTION_COMPLETED, outcome, now)]

    def _answer(self, turn: Turn, result: asyncio.Future[Switched] | None, outcome: Outcome | None) -> None:
        """Tell whoever waits for this turn. Its cameras may be in the next turn by now, which others wait for."""
        for camera in turn.cameras:
            if self._under_way.get(camera.id) is result:
                self._under_way.pop(camera.id, None)
        if result is None or result.done():
            return
        if outcome is None:
            result.cancel()
        else:
            result.set_result(Switched(turn.cameras[0], turn.power, outcome))

    def restore(self) -> list[Report]:
        """Switch on whatever this guard holds off, as for good-bye, and say what came of it. Blocking."""
        reports = []
        for held in [held for held in self.board.standing.held if not (held.found or held.back)]:
            wanted = Wanted(Power.ON, "the configuration", "the guard stops")
            turn = Turn(Power.ON, held.plan.cameras, wanted, held)
            outcome = self._platform.switch.on(held.plan, _log_step)
            now = self._platform.clock.now()
            self.board.finished(turn, held.plan, outcome, now)
            reports.append(_report(turn, held.plan, Kind.ACTION_COMPLETED, outcome, now))
        self.save()
        return reports


def _what_else_goes(plans: Sequence[Plan]) -> str:
    takes = sorted({name for plan in plans for name in plan.takes})
    return (
        f"The camera alone cannot be switched off here; {', '.join(takes) or 'something else'} would go off with it. "
        "If that is all right: camguard off --whole."
    )


def _report(turn: Turn, plan: Plan | None, kind: Kind, outcome: Outcome | None, now: Moment) -> Report:
    extra: dict[str, object] = {"action": turn.power.value, "by": turn.wanted.by, "why": turn.wanted.why}
    if plan is not None:
        extra |= {
            "method": plan.method.value,
            "device": plan.device,
            "parts": [{"path": part.path, "driver": part.driver} for part in plan.parts],
            "takes": list(plan.takes),
        }
    return Report(kind, now, camera=turn.cameras[0], outcome=outcome, extra=extra)


def _log_step(step: Step) -> None:
    log.info("%s: %s", step.what, step.result)
