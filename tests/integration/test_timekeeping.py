"""The clocks, as they are read and followed."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from camguard.core.events import Kind
from camguard.core.model import NANOSECONDS
from camguard.core.timekeeping import Reading
from camguard.errors import SensorError
from camguard.platform.linux import timekeeper, timerfd
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.timekeeper import LinuxTimekeeper, zone
from camguard.timewatch import TimeWatch
from tests.support.core_data import later
from tests.support.scripted import ScriptedTimekeeper

PATIENCE_S = 10.0


def test_a_watch_tells_what_changed_once() -> None:
    keeper = ScriptedTimekeeper()
    watch = TimeWatch(keeper)
    watch.follow(lambda: None)
    assert watch.changes() == []
    keeper.reading = Reading(later(100), 60 * NANOSECONDS, "Europe/Berlin")
    assert [report.kind for report in watch.changes()] == [Kind.MACHINE_SLEPT]
    assert watch.changes() == []
    watch.close()
    watch.close()
    assert keeper.followers == []


def test_without_a_timekeeper_there_is_nothing_to_tell() -> None:
    watch = TimeWatch(None)
    watch.follow(lambda: None)
    assert watch.changes() == []
    watch.close()


def test_where_changes_cannot_be_followed_they_are_found_at_the_next_event(caplog: pytest.LogCaptureFixture) -> None:
    keeper = ScriptedTimekeeper(failure=SensorError("no timer"))
    watch = TimeWatch(keeper)
    watch.follow(lambda: None)
    assert "is noticed late: no timer" in caplog.text
    keeper.reading = Reading(later(1), 0, "America/Lima")
    assert [report.kind for report in watch.changes()] == [Kind.ZONE_CHANGED]


def test_the_clocks_of_linux_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = LinuxTimekeeper(LinuxClock()).read()
    slept_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert abs(reading.slept_ns - slept_ns) < NANOSECONDS
    assert reading.zone == zone() != ""
    monkeypatch.setenv("TZ", "America/Lima")
    assert zone() == "America/Lima"


def test_a_zone_is_called_by_the_link_or_by_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    link = tmp_path / "localtime"
    monkeypatch.setattr(timekeeper, "_LOCALTIME", str(link))
    assert zone() == "/".join(time.tzname)
    link.symlink_to("/usr/share/zoneinfo/Asia/Kolkata")
    assert zone() == "Asia/Kolkata"


def test_following_costs_a_descriptor_which_is_given_back() -> None:
    async def scene() -> None:
        before = set(os.listdir("/proc/self/fd"))
        stop = LinuxTimekeeper(LinuxClock()).follow(lambda: None)
        during = set(os.listdir("/proc/self/fd"))
        stop()
        assert set(os.listdir("/proc/self/fd")) == before < during

    asyncio.run(scene())


def test_whatever_the_timer_says_the_clocks_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        rang = asyncio.Event()
        stop = LinuxTimekeeper(LinuxClock()).follow(rang.set)
        async with asyncio.timeout(PATIENCE_S):
            await rang.wait()
        stop()

    monkeypatch.setattr(timekeeper, "_NEVER", NANOSECONDS)  # long past: it rings at once, as it does when cancelled
    asyncio.run(scene())


def test_a_timer_without_a_descriptor_is_told() -> None:
    with pytest.raises(SensorError, match="could not be set"):
        timerfd.arm(-1, 1)
