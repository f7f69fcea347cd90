"""Which cameras should be on and which off, and why: decisions alone.

What people said, passes that run out, hours that rules give and the configured default come in; what has to be
switched comes out. Nothing here switches: a `Turn` is a wish, whose result comes back through `finished`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, Camera, CameraId, Effect, Moment, Outcome, Result, Rule
from camguard.core.policy import expired, names_camera, next_edge_ns, within
from camguard.core.power import Plan, Power

EVERY = CameraId("")
"""Stands for every camera, those to come included."""

RETRIES_NS = tuple(seconds * NANOSECONDS for seconds in (1, 5, 30, 300))
"""How long after a switch that failed it is tried again; the last of them from then on."""

_HOURS_CHECK_NS = 600 * NANOSECONDS
"""While a rule's hours decide, they are looked at again at least so often: the clock on the wall may be set."""


@dataclass(frozen=True, slots=True)
class PowerPolicy:
    """The configured part: `default` OFF is the lock mode, in which a camera is on only for a time.

    `usual_pass_ns` is how long that is where nobody said; `warning_ns` how long before its end people are warned.
    """

    default: Power = Power.ON
    usual_pass_ns: int = 1800 * NANOSECONDS
    warning_ns: int = 60 * NANOSECONDS

    @property
    def locked(self) -> bool:
        """Whether a camera is off unless somebody turned it on."""
        return self.default is Power.OFF


@dataclass(frozen=True, slots=True)
class Word:
    """What a person, or a rule that had to be enforced, said last. `whole`: what else is in the device may go too."""

    power: Power
    by: str
    at: Moment
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Pass:
    """A camera is on from `at` on for `for_ns`; it ends by itself."""

    by: str
    at: Moment
    for_ns: int
    warned: bool = False

    def left_ns(self, now: Moment) -> int:
        """How long it lasts still; 0 or less where it is over.

        By the clock that counts through suspend and never jumps. After a restart there is only the wall clock: where
        that went back, nobody can tell how long it has been, and the pass is over.
        """
        passed = now.since(self.at)
        if passed is None:
            passed = now.utc_ns - self.at.utc_ns
            if passed < 0:
                return 0
        return self.for_ns - passed


@dataclass(frozen=True, slots=True)
class Held:
    """A device that is off, or about to be (not `done`). `found`: it was off already, and not by this guard.

    `back`: it was switched on again and was not seen since, so that nobody knows its nodes yet.
    """

    plan: Plan
    by: str
    at: Moment
    done: bool = False
    found: bool = False
    back: bool = False

    @property
    def ids(self) -> frozenset[CameraId]:
        """The cameras in it."""
        return frozenset(camera.id for camera in self.plan.cameras)


@dataclass(frozen=True, slots=True)
class Standing:
    """All that has to outlast the guard. The keys of `words` and `passes` are cameras, or `EVERY`."""

    words: dict[CameraId, Word] = field(default_factory=dict)
    passes: dict[CameraId, Pass] = field(default_factory=dict)
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a camera's power should be: on whose word, and why, in a sentence. `left_ns`: how long a pass lasts yet."""

    power: Power
    by: str
    why: str
    left_ns: int | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """Switch a camera off, or a device that is `held` on again; or off, where that was begun and never finished."""

    power: Power
    cameras: tuple[Camera, ...]
    wanted: Wanted
    held: Held | None = None


def wanted(camera: Camera, standing: Standing, policy: PowerPolicy, rules: Iterable[Rule], now: Moment) -> Wanted:
    """What a camera's power should be: what was said last, else what a rule's hours and the default say."""
    for said_of in (camera.id, EVERY):  # what was said of every camera took away what was said of each before
        granted = standing.passes.get(said_of)
        if granted is not None and (left := granted.left_ns(now)) > 0:
            return Wanted(Power.ON, granted.by, f"{granted.by} turned it on for a time", left)
        word = standing.words.get(said_of)
        if word is not None and not (policy.locked and word.power is Power.ON):
            return Wanted(word.power, word.by, f"{word.by} turned it {word.power}", whole=word.whole)
    if not policy.locked:
        return Wanted(Power.ON, "the default", "nobody turned it off")
    for rule in rules:
        if _turns_on(rule, camera, now):
            return Wanted(Power.ON, f"rule {rule.id}", f"these are the hours of rule {rule.id}")
    return Wanted(Power.OFF, "the lock", "the camera is off unless somebody turns it on for a time")


def _turns_on(rule: Rule, camera: Camera, now: Moment) -> bool:
    if rule.effect is not Effect.ALLOW or not rule.turns_on or rule.hours is None:
        return False
    if rule.camera is not None and not names_camera(rule.camera, camera):
        return False
    return not expired(rule, now.utc_ns) and within(rule.hours, now)


class Switchboard:
    """What was said about the cameras, and what of it is done. Not for use from two threads."""

    def __init__(self, policy: PowerPolicy, standing: Standing) -> None:
        self.policy = policy
        self.standing = standing
        self._turning: set[CameraId] = set()
        self._failed: dict[CameraId, tuple[int, int]] = {}

    @property
    def off(self) -> dict[CameraId, Held]:
        """The cameras that are off, each with the device that is held off."""
        return {camera: held for held in self.standing.held if held.done for camera in held.ids}

    @property
    def back(self) -> dict[CameraId, Camera]:
        """The cameras that were switched on and are to be seen in a moment."""
        return {camera.id: camera for held in self.standing.held if held.back for camera in held.plan.cameras}

    def wanted(self, camera: Camera, rules: Iterable[Rule], now: Moment) -> Wanted:
        """What a camera's power should be, and why."""
        return wanted(camera, self.standing, self.policy, rules, now)

    def say(self, power: Power, camera: CameraId, for_ns: int | None, by: str, now: Moment, *, whole: bool) -> Report:
        """Take in what somebody said about one camera or about `EVERY` one; it takes the place of all said before.

        On for a time means off afterwards. In lock mode, on without a time is on for the usual time.
        """
        words, passes = dict(self.standing.words), dict(self.standing.passes)
        for said in (words, passes):
            said.clear() if camera == EVERY else said.pop(camera, None)
        if power is Power.ON and self.policy.locked:
            for_ns = self.policy.usual_pass_ns if for_ns is None else for_ns
        elif power is Power.ON and for_ns is not None:
            words[camera] = Word(Power.OFF, by, now)
        else:
            words[camera] = Word(power, by, now, whole)
        if power is Power.ON and for_ns is not None:
            passes[camera] = Pass(by, now, for_ns)
        self.standing = replace(self.standing, words=words, passes=passes)
        self._failed.clear()
        said_of = "every camera" if camera == EVERY else str(camera)
        extra = {"power": power.value, "camera": said_of, "by": by, "for_s": None if for_ns is None else for_ns / 1e9}
        return Report(Kind.POWER_SAID, now, extra=dict(extra))

    def seen(self, cameras: Iterable[Camera], at: Moment) -> None:
        """Take in which cameras are there: one that was off is back, was plugged in anew, or somebody switched it."""
        there = {camera.id for camera in cameras}
        kept = tuple(
            held
            for held in self.standing.held
            if not (held.done or held.back) or not held.ids & there or at.boottime_ns <= held.at.boottime_ns
        )
        if kept != self.standing.held:
            self.standing = replace(self.standing, held=kept)

    def review(
        self, cameras: Sequence[Camera], rules: Sequence[Rule], in_use: Collection[CameraId], now: Moment
    ) -> tuple[list[Report], list[Turn]]:
        """What time and rules have changed, and what has to be switched; `cameras` are those that are on."""
        reports = list(self._run_out(in_use, now))
        turns = [turn for held in self.standing.held if (turn := self._turn_held(held, rules, now)) is not None]
        known = {camera for held in self.standing.held for camera in held.ids}
        for camera in cameras:
            asked = self.wanted(camera, rules, now)
            if asked.power is Power.OFF and camera.id not in known and self._may_turn(camera.id, now):
                turns.append(Turn(Power.OFF, (camera,), asked))
        for turn in turns:
            self._turning |= {camera.id for camera in turn.cameras}
        # What need not be tried again by now is no failure any more: nothing is left to wake up for.
        self._failed = {
            camera: failed
            for camera, failed in self._failed.items()
            if camera in self._turning or now.boottime_ns < failed[1]
        }
        return reports, turns

    def hold(self, plan: Plan, by: str, now: Moment) -> None:
        """A device is about to be switched off: to be kept before it is done."""
        self.standing = replace(self.standing, held=(*self._others(plan), Held(plan, by, now)))

    def release(self, plan: Plan) -> None:
        """A device could not be switched off this way; another is tried next."""
        self.standing = replace(self.standing, held=self._others(plan))

    def finished(self, turn: Turn, plan: Plan | None, outcome: Outcome, now: Moment) -> None:
        """A turn came to this; `plan` is how it was done, None where it was not even begun."""
        ids = {camera.id for camera in turn.cameras}
        self._turning -= ids
        others = self.standing.held if plan is None else self._others(plan)
        if outcome.result is Result.OFF and plan is not None:
            others = (*others, Held(plan, turn.wanted.by, now, done=True))
            self._turning -= {camera.id for camera in plan.cameras}
        elif outcome.result is Result.ON and turn.held is not None:
            others = (*others, replace(turn.held, at=now, done=False, found=False, back=True))
        elif outcome.result is Result.FAILED and turn.held is not None:
            others = (*others, turn.held)
        self.standing = replace(self.standing, held=others)
        done = outcome.result in {Result.OFF, Result.ON, Result.GONE}
        for camera in ids:
            tries = self._failed.pop(camera, (0, 0))[0]
            if not done:
                pause = RETRIES_NS[min(tries, len(RETRIES_NS) - 1)]
                self._failed[camera] = (tries + 1, now.boottime_ns + pause)

    def void(self, plan: Plan, at: Moment) -> None:
        """The device of a plan is on after all, though it was switched off before `at`."""
        kept = tuple(held for held in self.standing.held if held.plan != plan or held.at.boottime_ns >= at.boottime_ns)
        self.standing = replace(self.standing, held=kept)

    def failed_before(self, turn: Turn) -> bool:
        """Whether the last try to switch this failed too."""
        return any(camera.id in self._failed for camera in turn.cameras)

    def find(self, dormant: Iterable[Plan], states: dict[str, Power | None], now: Moment) -> None:
        """Take in how the devices stand: `states` of those held, by device; `dormant` are all that are off.

        One that is held and not off may have been left half way: `review` has it switched, as it is wanted now.
        """
        kept = [
            replace(held, at=now, done=state is Power.OFF, found=held.found or held.back, back=False)
            for held in self.standing.held
            if (state := states.get(held.plan.device)) is Power.OFF
            or (state is Power.ON and not (held.found or held.back))
        ]
        known = {held.plan.device for held in kept}
        kept += [
            Held(plan, "somebody else", now, done=True, found=True) for plan in dormant if plan.device not in known
        ]
        self.standing = replace(self.standing, held=tuple(kept))

    def deadline_ns(self, rules: Sequence[Rule], now: Moment) -> int | None:
        """When `review` will next have something to do, on the clock of `Moment.boottime_ns`."""
        dues = [retry for camera, (_, retry) in self._failed.items() if camera not in self._turning]
        for granted in self.standing.passes.values():
            left = granted.left_ns(now)
            early = 0 if granted.warned or left <= self.policy.warning_ns else self.policy.warning_ns
            dues.append(now.boottime_ns + max(0, left - early))
        edges = [next_edge_ns(rule.hours, now) for rule in rules if rule.turns_on and rule.hours is not None]
        if self.policy.locked and edges:
            dues.append(now.boottime_ns + min(*edges, _HOURS_CHECK_NS))
        return min(dues, default=None)

    def _run_out(self, in_use: Collection[CameraId], now: Moment) -> Iterator[Report]:
        passes = dict(self.standing.passes)
        for camera, granted in self.standing.passes.items():
            left = granted.left_ns(now)
            used = bool(in_use) if camera == EVERY else camera in in_use
            about = {"camera": "every camera" if camera == EVERY else str(camera), "by": granted.by}
            if left <= 0:
                del passes[camera]
                yield Report(Kind.PASS_ENDED, now, extra={**about, "in_use": used})
            elif left <= self.policy.warning_ns and used and not granted.warned:
                passes[camera] = replace(granted, warned=True)
                yield Report(Kind.PASS_ENDING, now, extra={**about, "left_s": round(left / NANOSECONDS)})
        if passes != self.standing.passes:
            self.standing = replace(self.standing, passes=passes)

    def _turn_held(self, held: Held, rules: Sequence[Rule], now: Moment) -> Turn | None:
        """Whether a device has to go on: one camera in it that is wanted on is enough. Or off, where it is not yet."""
        if not all(self._may_turn(camera, now) for camera in held.ids):
            return None
        asked = [self.wanted(camera, rules, now) for camera in held.plan.cameras]
        on = next((one for one in asked if one.power is Power.ON), None)
        if on is None:
            return None if held.done or not asked else Turn(Power.OFF, held.plan.cameras, asked[0], held)
        if held.back or (held.found and on.by == "the default"):
            return None
        return Turn(Power.ON, held.plan.cameras, on, held)

    def _may_turn(self, camera: CameraId, now: Moment) -> bool:
        _, retry_at = self._failed.get(camera, (0, 0))
        return camera not in self._turning and now.boottime_ns >= retry_at

    def _others(self, plan: Plan) -> tuple[Held, ...]:
        return tuple(held for held in self.standing.held if held.plan.device != plan.device)
