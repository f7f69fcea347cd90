"""What people said about cameras, passes, hours and the lock: which camera should be on, and what is switched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.events import Kind
from camguard.core.model import (
    NANOSECONDS,
    AppIdentity,
    AppKind,
    CameraId,
    Effect,
    Hours,
    Moment,
    Outcome,
    Result,
    Rule,
)
from camguard.core.power import Method, Part, Plan, Power
from camguard.core.switchboard import EVERY, RETRIES_NS, Held, Pass, PowerPolicy, Standing, Switchboard, Turn, wanted
from tests.support.core_data import CAMERA, OTHER_CAMERA, START, later

LOCKED = PowerPolicy(default=Power.OFF, usual_pass_ns=600 * NANOSECONDS)
OPEN = PowerPolicy()
PLAN = Plan((CAMERA,), "/sys/devices/usb1/1-1", Method.INTERFACES, (Part("/sys/devices/usb1/1-1/1-1:1.0", "uvcvideo"),))
OFF, ON, FAILED = Outcome(Result.OFF), Outcome(Result.ON), Outcome(Result.FAILED, why="no")
ALWAYS = Hours(frozenset(range(7)), 0, 1440)


def board(policy: PowerPolicy = OPEN, standing: Standing | None = None) -> Switchboard:
    return Switchboard(policy, standing or Standing())


def review(of: Switchboard, at: Moment, *, rules: tuple[Rule, ...] = (), on: bool = True) -> list[Turn]:
    _, turns = of.review((CAMERA,) if on else (), rules, (), at)
    return turns


def switch_off(of: Switchboard, at: Moment) -> None:
    """Have the camera switched off, as the guard does."""
    [turn] = review(of, at)
    assert turn.power is Power.OFF
    of.hold(PLAN, turn.wanted.by, at)
    of.finished(turn, PLAN, OFF, at)


def hours_rule(hours: Hours = ALWAYS, *, turns_on: bool = True) -> Rule:
    return Rule("r3", Effect.ALLOW, AppIdentity(AppKind.PACKAGE, "zoom"), hours=hours, turns_on=turns_on)


def test_nothing_is_switched_where_nobody_said_anything() -> None:
    assert review(board(), START) == []


def test_off_holds_until_somebody_turns_it_on() -> None:
    of = board()
    of.say(Power.OFF, EVERY, None, "anna", START, whole=False)
    switch_off(of, START)
    assert set(of.off) == {CAMERA.id}
    assert review(of, later(10 * 86400), on=False) == []
    of.say(Power.ON, CAMERA.id, None, "anna", later(20), whole=False)
    [turn] = review(of, later(20), on=False)
    assert (turn.power, turn.held is not None) == (Power.ON, True)
    of.finished(turn, PLAN, ON, later(21))
    assert of.off == {}
    assert review(of, later(22)) == []


def test_a_pass_turns_it_off_again_by_itself() -> None:
    of = board()
    of.say(Power.ON, EVERY, 30 * NANOSECONDS, "anna", START, whole=False)
    assert review(of, later(29)) == []
    assert of.deadline_ns((), START) == later(30).boottime_ns
    reports, turns = of.review((CAMERA,), (), {CAMERA.id}, later(30))
    assert [report.kind for report in reports] == [Kind.PASS_ENDED]
    assert [turn.power for turn in turns] == [Power.OFF]


def test_a_pass_that_ends_while_the_camera_is_in_use_is_announced_once() -> None:
    of = board()
    of.say(Power.ON, EVERY, 300 * NANOSECONDS, "anna", START, whole=False)
    assert of.deadline_ns((), START) == later(240).boottime_ns
    reports, _ = of.review((CAMERA,), (), {CAMERA.id}, later(240))
    assert [report.kind for report in reports] == [Kind.PASS_ENDING]
    assert (reports[0].extra or {})["left_s"] == 60
    assert of.review((CAMERA,), (), {CAMERA.id}, later(250)) == ([], [])
    assert of.deadline_ns((), later(250)) == later(300).boottime_ns


def test_nobody_is_warned_of_the_end_of_a_pass_until_somebody_uses_it() -> None:
    of = board()
    of.say(Power.ON, EVERY, 300 * NANOSECONDS, "anna", START, whole=False)
    assert of.review((CAMERA,), (), set(), later(250))[0] == []
    assert [report.kind for report in of.review((CAMERA,), (), {CAMERA.id}, later(290))[0]] == [Kind.PASS_ENDING]


@given(jump_s=st.integers(-(10**6), 10**6), passed_s=st.integers(0, 200))
def test_a_pass_does_not_mind_where_the_clock_on_the_wall_jumps(jump_s: int, passed_s: int) -> None:
    granted = Pass("anna", START, 100 * NANOSECONDS)
    now = later(passed_s)
    now = replace(now, utc_ns=now.utc_ns + jump_s * NANOSECONDS)
    assert granted.left_ns(now) == (100 - passed_s) * NANOSECONDS


@given(passed_s=st.integers(-(10**6), 10**6))
def test_after_a_restart_the_wall_clock_counts_and_one_that_went_back_ends_the_pass(passed_s: int) -> None:
    granted = Pass("anna", START, 100 * NANOSECONDS)
    now = Moment(START.utc_ns + passed_s * NANOSECONDS, 0, 5, "boot-2")
    left = granted.left_ns(now)
    assert left == ((100 - passed_s) * NANOSECONDS if passed_s >= 0 else 0)
    assert left <= 100 * NANOSECONDS


def test_locked_a_camera_is_off_also_one_that_is_new() -> None:
    of = board(LOCKED)
    _, turns = of.review((CAMERA, OTHER_CAMERA), (), (), START)
    assert [(turn.power, turn.cameras[0].id) for turn in turns] == [
        (Power.OFF, CAMERA.id),
        (Power.OFF, OTHER_CAMERA.id),
    ]


def test_locked_on_without_a_time_is_for_the_usual_time() -> None:
    of = board(LOCKED)
    report = of.say(Power.ON, EVERY, None, "anna", START, whole=False)
    assert (report.extra or {})["for_s"] == 600
    assert review(of, later(599)) == []
    assert [turn.power for turn in review(of, later(600))] == [Power.OFF]


def test_a_word_from_before_the_lock_does_not_open_it() -> None:
    of = board()
    of.say(Power.ON, EVERY, None, "anna", START, whole=False)
    of.policy = LOCKED
    assert [turn.power for turn in review(of, later(1))] == [Power.OFF]


@pytest.mark.parametrize(("turns_on", "expected"), [(True, Power.ON), (False, Power.OFF)])
def test_locked_a_rule_turns_it_on_in_its_hours(turns_on: bool, expected: Power) -> None:
    asked = wanted(CAMERA, Standing(), LOCKED, [hours_rule(turns_on=turns_on)], START)
    assert asked.power is expected


def test_off_goes_before_the_hours_of_a_rule() -> None:
    of = board(LOCKED)
    of.say(Power.OFF, EVERY, None, "anna", START, whole=False)
    assert of.wanted(CAMERA, [hours_rule()], later(1)).power is Power.OFF


def test_what_is_said_of_every_camera_takes_the_place_of_what_was_said_of_one() -> None:
    of = board()
    of.say(Power.OFF, CAMERA.id, None, "anna", START, whole=False)
    of.say(Power.ON, EVERY, None, "anna", later(1), whole=False)
    assert of.wanted(CAMERA, (), later(2)).power is Power.ON
    of.say(Power.OFF, CAMERA.id, None, "anna", later(3), whole=False)
    assert of.wanted(CAMERA, (), later(4)).power is Power.OFF
    assert of.wanted(OTHER_CAMERA, (), later(4)).power is Power.ON


def test_off_for_one_camera_goes_before_a_pass_for_all() -> None:
    of = board()
    of.say(Power.ON, EVERY, 3600 * NANOSECONDS, "anna", START, whole=False)
    of.say(Power.OFF, CAMERA.id, None, "anna", later(1), whole=False)
    assert of.wanted(CAMERA, (), later(2)).power is Power.OFF


def test_a_switch_that_fails_is_tried_again_later_and_later() -> None:
    of = board(LOCKED)
    at = START
    for pause in (*RETRIES_NS, RETRIES_NS[-1]):
        [turn] = review(of, at)
        assert review(of, at) == []  # it is under way
        of.finished(turn, None, FAILED, at)
        assert of.deadline_ns((), at) == at.boottime_ns + pause
        assert review(of, later((pause - 1) / NANOSECONDS, at)) == []
        at = later(pause / NANOSECONDS, at)


def test_a_device_that_was_plugged_in_anew_while_it_was_off_is_switched_off_again() -> None:
    of = board()
    of.say(Power.OFF, EVERY, None, "anna", START, whole=False)
    switch_off(of, later(1))
    of.seen((CAMERA,), START)  # what was seen before it was off says nothing
    assert set(of.off) == {CAMERA.id}
    of.seen((CAMERA,), later(5))
    assert of.off == {}
    assert [turn.power for turn in review(of, later(5))] == [Power.OFF]


def test_one_camera_that_is_wanted_is_enough_to_turn_its_device_on() -> None:
    both = Plan((CAMERA, OTHER_CAMERA), "/sys/x", Method.DEVICE, ())
    standing = Standing(held=(Held(both, "anna", START, done=True),))
    of = board(LOCKED, standing)
    of.say(Power.ON, OTHER_CAMERA.id, None, "anna", START, whole=False)
    assert [turn.power for turn in review(of, later(1), on=False)] == [Power.ON]


def test_a_guard_that_begins_takes_what_it_finds_off() -> None:
    begun = Held(PLAN, "anna", START)
    other = Plan((OTHER_CAMERA,), "/sys/devices/usb1/1-2", Method.INTERFACES, ())
    of = board(standing=Standing(held=(begun,)))
    of.find((other,), {PLAN.device: Power.OFF}, later(9))
    assert set(of.off) == {CAMERA.id, OTHER_CAMERA.id}
    turns = review(of, later(9), on=False)
    # What this guard switched off, and nobody wants off, goes on; what somebody else did stays.
    assert [turn.cameras for turn in turns] == [(CAMERA,)]


@pytest.mark.parametrize("state", [Power.ON, None])
def test_a_guard_that_begins_forgets_what_is_not_off_any_more(state: Power | None) -> None:
    of = board(LOCKED, Standing(held=(Held(PLAN, "anna", START, done=True),)))
    of.find((), {PLAN.device: state}, later(9))
    assert of.off == {}
    assert [turn.power for turn in review(of, later(9))] == [Power.OFF]


def test_what_somebody_else_switched_off_goes_on_when_a_person_says_so() -> None:
    of = board()
    of.find((PLAN,), {}, START)
    assert review(of, START, on=False) == []
    of.say(Power.ON, EVERY, None, "anna", later(1), whole=False)
    assert [turn.power for turn in review(of, later(1), on=False)] == [Power.ON]


def test_a_switch_that_failed_and_need_not_be_tried_again_wakes_nobody_up() -> None:
    of = board(LOCKED)
    [turn] = review(of, START)
    of.finished(turn, None, FAILED, START)
    retry = START.boottime_ns + RETRIES_NS[0]
    assert of.deadline_ns((), START) == retry
    assert review(of, later(5), on=False) == []  # it was unplugged
    assert of.deadline_ns((), later(5)) is None


def test_a_switch_that_is_under_way_again_wakes_nobody_up() -> None:
    of = board(LOCKED)
    [turn] = review(of, START)
    of.finished(turn, None, FAILED, START)
    assert len(review(of, later(5))) == 1
    assert of.deadline_ns((), later(5)) is None


@pytest.mark.parametrize(("word", "power"), [(Power.OFF, Power.OFF), (Power.ON, Power.ON)])
def test_what_was_left_half_way_is_switched_as_it_is_wanted(word: Power, power: Power) -> None:
    of = board(standing=Standing(held=(Held(PLAN, "anna", START),)))
    of.say(word, EVERY, None, "anna", START, whole=False)
    of.find((), {PLAN.device: Power.ON}, later(9))
    [turn] = review(of, later(9), on=False)
    assert (turn.power, turn.held is not None) == (power, True)
    of.finished(turn, PLAN, OFF if word is Power.OFF else ON, later(10))
    assert set(of.off) == ({CAMERA.id} if word is Power.OFF else set())
    assert review(of, later(10), on=False) == []


def test_what_is_half_off_and_cannot_be_switched_is_tried_again() -> None:
    of = board(standing=Standing(held=(Held(PLAN, "anna", START),)))
    of.say(Power.OFF, EVERY, None, "anna", START, whole=False)
    of.find((), {PLAN.device: Power.ON}, later(9))
    [turn] = review(of, later(9), on=False)
    of.finished(turn, PLAN, FAILED, later(9))
    assert review(of, later(9), on=False) == []
    assert [turn.power for turn in review(of, later(10), on=False)] == [Power.OFF]


def test_a_camera_that_was_switched_on_and_is_not_seen_yet_is_switched_off_all_the_same() -> None:
    of = board()
    of.say(Power.OFF, EVERY, None, "anna", START, whole=False)
    switch_off(of, START)
    of.say(Power.ON, EVERY, None, "anna", later(1), whole=False)
    [turn] = review(of, later(1), on=False)
    of.finished(turn, PLAN, ON, later(2))
    assert (set(of.back), of.off) == ({CAMERA.id}, {})
    of.say(Power.OFF, EVERY, None, "anna", later(3), whole=False)
    [turn] = review(of, later(3), on=False)
    assert turn.power is Power.OFF
    of.finished(turn, PLAN, OFF, later(4))
    of.seen((CAMERA,), later(2))  # what was seen before it was off says nothing
    assert (of.back, set(of.off)) == ({}, {CAMERA.id})


def test_a_camera_that_is_seen_again_is_as_any_other() -> None:
    of = board()
    of.say(Power.OFF, EVERY, None, "anna", START, whole=False)
    switch_off(of, START)
    of.say(Power.ON, EVERY, None, "anna", later(1), whole=False)
    [turn] = review(of, later(1), on=False)
    of.finished(turn, PLAN, ON, later(2))
    of.seen((CAMERA,), later(3))
    assert of.standing.held == ()


def test_after_a_restart_the_boot_clock_is_another() -> None:
    before = Moment(START.utc_ns - 1, 0, later(9_000).boottime_ns, "boot-0")
    of = board(LOCKED, Standing(held=(Held(PLAN, "anna", before, done=True),)))
    of.find((), {PLAN.device: Power.OFF}, START)
    of.seen((CAMERA,), later(1))  # it was plugged in anew
    assert of.off == {}


SAYINGS = st.lists(
    st.tuples(
        st.sampled_from([Power.ON, Power.OFF]),
        st.sampled_from([EVERY, CAMERA.id]),
        st.sampled_from([None, 10 * NANOSECONDS, 1000 * NANOSECONDS]),
        st.integers(0, 100),
    ),
    max_size=8,
)


@given(SAYINGS, st.integers(0, 2000), st.sampled_from([OPEN, LOCKED]))
def test_the_last_word_decides(
    said: list[tuple[Power, CameraId, int | None, int]], after_s: int, policy: PowerPolicy
) -> None:
    """What was said of this camera, else of all, since all were last spoken of; a time that is over is off.

    Locked, one that is over leaves the word to what was said of all before, which may be a longer time.
    """
    of, at = board(policy), START
    words: dict[CameraId, tuple[Power, int | None]] = {}
    for power, camera, for_ns, wait_s in said:
        at = later(wait_s, at)
        lasting = for_ns if power is Power.ON else None
        of.say(power, camera, lasting, "anna", at, whole=False)
        if power is Power.ON and policy.locked and lasting is None:
            lasting = policy.usual_pass_ns
        words = {} if camera == EVERY else words
        words[camera] = (power, None if lasting is None else at.boottime_ns + lasting)
    now = later(after_s, at)
    assert of.wanted(CAMERA, (), now).power is _expected(words, now, policy)


def _expected(words: dict[CameraId, tuple[Power, int | None]], now: Moment, policy: PowerPolicy) -> Power:
    for camera in (CAMERA.id, EVERY):
        power, until_ns = words.get(camera, (None, None))
        if power is not None and (until_ns is None or now.boottime_ns < until_ns):
            return power
        if power is not None and not policy.locked:
            return Power.OFF
    return policy.default
