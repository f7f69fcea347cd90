"""Still on? When somebody is reminded of an expected use, and for how long."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.events import Kind
from camguard.core.model import Judgement
from camguard.desktop.reminders import Hints, Reminders, Wanted
from camguard.desktop.uses import UseNow
from tests.support.tray_data import NAMES, told

HOUR = 3600.0
LOCKED, IDLE, NOTHING = Hints(locked=True), Hints(idle=True), Hints()


def use(number: int = 1, begun_s: float | None = 0.0, *, capturing: bool = True, expected: bool = True) -> UseNow:
    record = told(number, Kind.CAPTURING, judgement=Judgement.EXPECTED if expected else Judgement.UNEXPECTED)
    return UseNow(number, "camera", record, begun_s, capturing)


def test_a_long_use_is_told_once_each_time_that_it_outlives() -> None:
    reminders = Reminders(Wanted(HOUR))
    assert not reminders.cards((use(),), NOTHING, HOUR - 1)
    [(key, card)] = reminders.cards((use(),), NOTHING, HOUR).items()
    assert key == "reminder-a1"
    assert card.body == (
        "Firefox has been using Integrated Camera for 1 hour. Still needed? Make sure the camera is off when it is not."
    )
    assert not card.critical
    assert card.buttons == (("end", "End it"), ("seen", "Leave it on"))
    assert reminders.cards((use(),), NOTHING, HOUR + 60) == {key: card}  # the same, not a new one each minute
    reminders.gone(key)
    assert not reminders.cards((use(),), NOTHING, 2 * HOUR - 1)
    assert "for 2 hours" in reminders.cards((use(),), NOTHING, 2 * HOUR)[key].body


@pytest.mark.parametrize("hints", [LOCKED, IDLE])
def test_each_lock_and_each_absence_is_a_reason_of_its_own(hints: Hints) -> None:
    reminders = Reminders(Wanted())
    [(key, card)] = reminders.cards((use(),), hints, 60.0).items()
    assert card.critical
    assert ("locked" in card.body) == bool(hints.locked)
    reminders.gone(key)
    assert not reminders.cards((use(),), hints, 120.0)
    assert not reminders.cards((use(),), NOTHING, 180.0)
    assert reminders.cards((use(),), hints, 240.0)


def test_a_reminder_goes_when_its_use_is_over() -> None:
    reminders = Reminders(Wanted(HOUR))
    assert reminders.cards((use(),), LOCKED, 60.0)
    assert not reminders.cards((), LOCKED, 61.0)
    assert not reminders.cards((use(),), NOTHING, 62.0)


def test_a_lock_of_which_nobody_saw_the_end_is_told_also_when_the_screen_is_open_again() -> None:
    reminders = Reminders(Wanted())
    shown = reminders.cards((use(),), LOCKED, 60.0)
    assert reminders.cards((use(),), NOTHING, 120.0) == shown


@pytest.mark.parametrize("other", [use(expected=False), use(capturing=False)])
def test_only_an_expected_use_that_takes_pictures_is_reminded_of(other: UseNow) -> None:
    reminders = Reminders(Wanted(HOUR))
    assert not reminders.cards((other,), Hints(locked=True, idle=True), 10 * HOUR)
    assert reminders.next_s((other,), 0.0) is None


def test_what_is_not_wanted_is_not_told() -> None:
    reminders = Reminders(Wanted(None, locked=False, idle=False))
    assert not reminders.cards((use(),), Hints(locked=True, idle=True), 1000 * HOUR)
    assert reminders.next_s((use(),), 0.0) is None


def test_of_a_use_that_began_nobody_knows_when_only_the_lock_is_told() -> None:
    reminders = Reminders(Wanted(HOUR))
    assert not reminders.cards((use(begun_s=None),), NOTHING, 1000 * HOUR)
    assert reminders.next_s((use(begun_s=None),), 0.0) is None
    [card] = reminders.cards((use(begun_s=None),), LOCKED, 1000 * HOUR).values()
    assert card.body.startswith("Firefox has been using Integrated Camera, and the screen is locked.")


@given(
    st.floats(1, 10 * HOUR),
    st.lists(st.floats(0, 50 * HOUR), min_size=1, max_size=3),
    st.floats(0, 20 * HOUR),
)
def test_it_is_awake_when_a_reminder_is_due_and_not_before(after_s: float, begun: list[float], later_s: float) -> None:
    now_s = 50 * HOUR + later_s
    reminders = Reminders(Wanted(after_s))
    uses = tuple(use(number, at) for number, at in enumerate(begun, 1))
    for key in reminders.cards(uses, NOTHING, now_s):
        reminders.gone(key)
    wait_s = reminders.next_s(uses, now_s)
    assert wait_s is not None
    assert not reminders.cards(uses, NOTHING, now_s + wait_s * 0.999 - 1e-3)
    assert reminders.cards(uses, NOTHING, math.nextafter(now_s + wait_s, math.inf) + 1e-6)


@given(NAMES)
def test_a_reminder_is_harmless_whatever_the_app_is_called(name: str) -> None:
    record = {**told(1, Kind.CAPTURING, judgement=Judgement.EXPECTED), "app": {"name": name}}
    [card] = Reminders(Wanted()).cards((UseNow(1, "camera", record, 0.0, True),), LOCKED, 60.0).values()
    assert card.title == "Your camera is still on"
    assert card.body.isprintable()
    assert len(card.body) < 400
