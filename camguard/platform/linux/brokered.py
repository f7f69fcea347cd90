"""Ends a use that goes through a broker: the connection is cut first, the process only if it comes straight back."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace

from camguard.core.model import Outcome, Process, Result, Step
from camguard.errors import BrokerError
from camguard.platform.linux.brokers import Brokers
from camguard.platform.linux.pipewire.cut import cut
from camguard.ports import Control, Tell

RETURN_S = 10.0
"""A process that has the camera again within this time after it was cut off is ended itself."""

_REMEMBERED = 64


class BrokeredControl:
    """Ends uses through a broker by `brokers`, and all others by `processes`; see `ports.Control`."""

    def __init__(self, processes: Control, brokers: Brokers) -> None:
        self._processes = processes
        self._brokers = brokers
        self._cut_off: OrderedDict[object, float] = OrderedDict()

    def objection(self, process: Process) -> str | None:
        """Why this use must not be ended, as a sentence; None where it may be.

        To cut a connection takes nothing from the process but the camera, so there is nothing to object to.
        """
        if process.through is not None and process.known and self._may_be_cut(process):
            return None
        return self._processes.objection(process)

    def end(self, process: Process, tell: Tell, patience_s: float | None = None) -> Outcome:
        """Cut the process off, and check; end it where that fails, or where it was cut off just before.

        The portal is never ended: it has cameras for other apps too.
        """
        if process.through is None or not process.known:
            return self._processes.end(process, tell, patience_s)
        came_back = self._came_back(process)
        outcome = self._cut(process, tell)
        if process.through.by_portal or outcome.result is Result.GONE or (
            outcome.result is Result.ENDED and not came_back
        ):  # fmt: skip
            return outcome
        ended = self._processes.end(process, tell, patience_s)
        return replace(ended, steps=outcome.steps + ended.steps)

    def _cut(self, process: Process, tell: Tell) -> Outcome:
        steps: list[Step] = []
        results: list[Outcome] = []
        try:
            for instance, consumer in tuple(self._brokers.consumers(process)):
                results.append(cut(instance, consumer, tell))
                steps += results[-1].steps
        except BrokerError as error:
            return Outcome(Result.FAILED, tuple(steps), f"{error}.")
        if not results:
            return Outcome(Result.GONE, why="It has no camera through PipeWire any more.")
        failed = [each for each in results if each.result is Result.FAILED]
        if failed:
            return replace(failed[0], steps=tuple(steps))
        if any(each.result is Result.ENDED for each in results):
            self._remember(process)
            return Outcome(Result.ENDED, tuple(steps))
        return replace(results[0], steps=tuple(steps))

    def _may_be_cut(self, process: Process) -> bool:
        return process.uid is not None and self._brokers.find(process.uid) is not None

    def _came_back(self, process: Process) -> bool:
        at = self._cut_off.get((process.identity, process.kinship))
        return at is not None and time.monotonic() - at < RETURN_S

    def _remember(self, process: Process) -> None:
        self._cut_off[process.identity, process.kinship] = time.monotonic()
        while len(self._cut_off) > _REMEMBERED:
            self._cut_off.popitem(last=False)
