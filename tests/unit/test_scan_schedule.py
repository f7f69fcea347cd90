"""When a scan may begin."""

from __future__ import annotations

import pytest

from camguard.platform.linux.schedule import QUIET_AT_MOST_S, QUIET_S, SCAN_CREDIT_S, SCAN_SHARE, ScanSchedule


def test_scans_may_burst_but_not_go_on_and_on() -> None:
    schedule = ScanSchedule(0.0)
    schedule.want()
    schedule.spend(0.0, SCAN_CREDIT_S)
    assert schedule.due_at(0.0) == 0.0
    schedule.spend(0.0, 1.0)
    assert schedule.due_at(0.0) == pytest.approx(1.0 / SCAN_SHARE)
    assert schedule.due_at(5.0) == 5.0
    schedule.spend(1e6, SCAN_CREDIT_S + 1.0)
    assert schedule.due_at(1e6) == pytest.approx(1e6 + 1.0 / SCAN_SHARE)


def test_nothing_is_due_that_nobody_wants() -> None:
    schedule = ScanSchedule(0.0)
    assert schedule.due_at(0.0) is None
    schedule.want(mappings=True)
    assert schedule.begun()
    assert schedule.due_at(0.0) is None
    schedule.want()
    assert not schedule.begun()


def test_a_scan_that_only_confirms_waits_for_a_pause() -> None:
    schedule = ScanSchedule(0.0)
    schedule.want_when_quiet(0.0)
    schedule.stirred(0.0)
    assert schedule.due_at(0.0) == pytest.approx(QUIET_S)
    schedule.stirred(0.015)
    assert schedule.due_at(0.015) == pytest.approx(0.015 + QUIET_S)


def test_but_not_for_ever() -> None:
    schedule = ScanSchedule(0.0)
    schedule.want_when_quiet(0.0)
    now = 0.0
    while now < QUIET_AT_MOST_S:
        schedule.stirred(now)
        schedule.want_when_quiet(now)
        due = schedule.due_at(now)
        assert due is not None
        assert due == pytest.approx(min(now + QUIET_S, QUIET_AT_MOST_S))
        now += QUIET_S / 2
    assert schedule.due_at(now) == now


def test_what_is_unclear_does_not_wait() -> None:
    schedule = ScanSchedule(0.0)
    schedule.want_when_quiet(0.0)
    schedule.stirred(0.0)
    schedule.want()
    assert schedule.due_at(0.0) == 0.0
    schedule.want_when_quiet(0.0)
    assert schedule.due_at(0.0) == 0.0, "wanted sooner stays wanted sooner"
