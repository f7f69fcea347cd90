"""What every alarm must do, by its platform's own clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from camguard.core.model import NANOSECONDS
from camguard.platform.linux.alarm import LinuxAlarm
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.simulated.alarm import SimulatedAlarm
from camguard.platform.simulated.processes import PortableClock
from camguard.ports import Alarm, Clock

PATIENCE_S = 30.0
SOON = NANOSECONDS // 20
NEVER = 3_600 * NANOSECONDS


class Hall:
    """A running loop with alarms in it, and what they rang."""

    def __init__(self, make: Callable[[Callable[[], None]], Alarm], clock: Clock) -> None:
        self.make, self._clock = make, clock
        self.rung: list[tuple[str, int]] = []
        self._threads: set[int] = set()
        self._news = asyncio.Event()
        self._alarms: list[Alarm] = []
        self._failures: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._failures.append(context))

    def now(self) -> int:
        return self._clock.now().boottime_ns

    def alarm(self, name: str = "alarm") -> Alarm:
        alarm = self.make(lambda: self.ring(name))
        self._alarms.append(alarm)
        return alarm

    def ring(self, name: str) -> None:
        self.rung.append((name, self.now()))
        self._threads.add(threading.get_ident())
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.rung) < count:
                self._news.clear()
                await self._news.wait()

    def close(self) -> None:
        for alarm in self._alarms:
            alarm.close()
        assert self._threads <= {threading.get_ident()}
        assert not self._failures


Play = Callable[[Callable[[Hall], Awaitable[None]]], None]


@pytest.fixture(params=["linux", "simulated"])
def play(request: pytest.FixtureRequest) -> Play:
    """Runs a story in a hall."""

    def run(story: Callable[[Hall], Awaitable[None]]) -> None:
        async def main() -> None:
            clock: Clock = LinuxClock() if request.param == "linux" else PortableClock()
            make = LinuxAlarm if request.param == "linux" else lambda ring: SimulatedAlarm(ring, clock)
            hall = Hall(make, clock)
            try:
                await story(hall)
            finally:
                hall.close()

        coroutine: Coroutine[None, None, None] = main()
        asyncio.run(coroutine)

    return run


def test_it_rings_once_and_not_before_its_moment(play: Play) -> None:
    async def story(hall: Hall) -> None:
        alarm, other = hall.alarm(), hall.alarm("other")
        at = hall.now() + SOON
        alarm.set(at)
        await hall.until(1)
        other.set(hall.now() + SOON)
        await hall.until(2)
        assert [name for name, _ in hall.rung] == ["alarm", "other"]
        assert hall.rung[0][1] >= at

    play(story)


def test_a_moment_that_is_past_rings_but_not_at_once(play: Play) -> None:
    async def story(hall: Hall) -> None:
        alarm = hall.alarm()
        for number, past in enumerate((hall.now() - SOON, 0, -1), 1):
            alarm.set(past)
            assert len(hall.rung) == number - 1
            await hall.until(number)

    play(story)


def test_setting_it_again_replaces_what_was_set(play: Play) -> None:
    async def story(hall: Hall) -> None:
        alarm = hall.alarm()
        alarm.set(hall.now() - 1)
        alarm.set(hall.now() + NEVER)
        later = hall.alarm("later")
        later.set(hall.now() + SOON)
        await hall.until(1)
        assert [name for name, _ in hall.rung] == ["later"]
        alarm.set(hall.now())
        await hall.until(2)
        assert [name for name, _ in hall.rung] == ["later", "alarm"]

    play(story)


def test_it_can_be_set_anew_by_who_is_called(play: Play) -> None:
    async def story(hall: Hall) -> None:
        def ring() -> None:
            if len(hall.rung) < 2:
                again.set(hall.now() + 1)
            hall.ring("again")

        again = hall.make(ring)
        again.set(hall.now())
        await hall.until(3)
        again.close()
        assert [name for name, _ in hall.rung] == ["again"] * 3

    play(story)


@pytest.mark.parametrize("closes", [0, 1, 2])
def test_it_rings_no_more_when_it_is_taken_back(play: Play, closes: int) -> None:
    async def story(hall: Hall) -> None:
        alarm, witness = hall.alarm(), hall.alarm("witness")
        alarm.set(hall.now() + SOON)
        if not closes:
            alarm.set(None)
        for _ in range(closes):
            alarm.close()
        witness.set(hall.now() + 2 * SOON)
        await hall.until(1)
        assert [name for name, _ in hall.rung] == ["witness"]

    play(story)


def test_a_moment_in_the_far_future_is_taken(play: Play) -> None:
    async def story(hall: Hall) -> None:
        far, near = hall.alarm("far"), hall.alarm("near")
        far.set(2**80)
        near.set(hall.now())
        await hall.until(1)
        assert [name for name, _ in hall.rung] == ["near"]

    play(story)


def test_one_that_is_due_can_still_be_taken_back(play: Play) -> None:
    async def story(hall: Hall) -> None:
        def rival(name: str) -> Alarm:
            def ring() -> None:
                for other in rivals.keys() - {name}:
                    rivals[other].set(None)
                hall.ring(name)

            return hall.make(ring)

        rivals = {name: rival(name) for name in ("one", "other")}
        for alarm in rivals.values():
            alarm.set(hall.now() - SOON)
        await hall.until(1)
        hall.alarm("witness").set(hall.now() + SOON)
        await hall.until(2)
        for alarm in rivals.values():
            alarm.close()
        assert hall.rung[1][0] == "witness"

    play(story)
