"""Times as people write them: each means one time, which is said, or is refused with what to write instead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.cli.whens import LONGEST, explained, ns, understand, width

NOW = datetime(2026, 11, 25, 20, 30, tzinfo=UTC)
"""A Wednesday."""

BERLIN = "Europe/Berlin"


def meant(text: str, within: timedelta | None = None) -> tuple[str, str]:
    """From when to when, in UTC."""
    when = understand(text, NOW, within)
    return f"{when.begin.astimezone(UTC):%m-%d %H:%M}", f"{when.end.astimezone(UTC):%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-11-20 21:30", "11-20 19:30", "11-20 21:30"),
        ("2026-11-20T21:30", "11-20 19:30", "11-20 21:30"),
        ("last Friday 9pm", "11-20 19:00", "11-20 21:00"),
        ("last Wednesday 9pm", "11-18 19:00", "11-18 21:00"),
        ("friday at 9pm", "11-20 19:00", "11-20 21:00"),
        ("20 November 2026, 9:30 pm", "11-20 19:30", "11-20 21:30"),
        ("20/11/2026 21:30", "11-20 19:30", "11-20 21:30"),
        ("11.10.2026 21:30", "10-11 18:30", "10-11 20:30"),
        ("yesterday 21:30", "11-24 19:30", "11-24 21:30"),
        ("noon yesterday", "11-24 10:00", "11-24 12:00"),
        ("23:30", "11-24 21:30", "11-24 23:30"),
        ("3 hours ago", "11-25 16:30", "11-25 18:30"),
        ("2h", "11-25 17:30", "11-25 19:30"),
        ("yesterday evening", "11-24 17:00", "11-24 23:00"),
        ("monday morning", "11-23 05:00", "11-23 11:00"),
        ("last night", "11-24 17:00", "11-25 05:00"),
        ("last night at 2am", "11-25 00:00", "11-25 02:00"),
        ("last night at 11pm", "11-24 21:00", "11-24 23:00"),
        ("this morning", "11-25 05:00", "11-25 11:00"),
        ("tonight", "11-25 17:00", "11-25 20:30"),
        ("last Friday", "11-19 23:00", "11-20 23:00"),
        ("2026-11-20", "11-19 23:00", "11-20 23:00"),
        ("20261120", "11-19 23:00", "11-20 23:00"),
        ("2 days ago", "11-22 23:00", "11-23 23:00"),
        ("3d", "11-21 23:00", "11-22 23:00"),
        ("today", "11-24 23:00", "11-25 20:30"),
        ("2026-10-25", "10-24 22:00", "10-25 23:00"),  # an hour longer than others
    ],
)
def test_each_means_this(text: str, begin: str, end: str) -> None:
    assert meant(f"{text} {BERLIN}") == (begin, end)


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("2026-11-20 21:30 UTC", "11-20 20:30"),
        ("2026-11-20T21:30:00Z", "11-20 20:30"),
        ("2026-11-20 21:30 +05:30", "11-20 15:00"),
        ("2026-11-20T21:30-05:00", "11-21 01:30"),
        ("2026-11-20 21:30 -0500", "11-21 01:30"),
        ("2026-11-20 21:30 CET", "11-20 19:30"),
        ("2026-11-20 21:30 America/Lima", "11-21 01:30"),
        ("last Friday 9pm America/Lima", "11-21 01:00"),
        ("2026-10-25 02:30 +02:00", "10-24 23:30"),
        ("2026-10-25 02:30 CET", "10-25 00:30"),
    ],
)
def test_a_zone_is_taken_at_its_word(text: str, begin: str) -> None:
    assert meant(text)[0] == begin


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "is no day and no time of one"),
        ("", "is no day and no time of one"),
        ("last week", "is no day and no time of one"),
        ("November 2026", "is no day and no time of one"),
        ("2026-02-30", "is no day and no time of one"),
        ("2026-11-20 25:00", "is no day and no time of one"),
        ("11/12/2026", "means different days in different countries"),
        ("2026-11-20 21:30 IST", "means different times in different countries"),
        ("2026-11-20 21:30 ist", "cannot be told for sure"),
        ("2026-11-20 21:30 Nowhere/City", 'there is no time zone "Nowhere/City"'),
        ("2026-11-20 21:30 +20:00", "is used nowhere"),
        ("tomorrow", "is still to come"),
        ("in 2 hours", "is still to come"),
        ("2026-11-25 23:59", "is still to come"),
        ("2026-03-29 02:30 Europe/Berlin", "there was no 02:30 on 2026-03-29"),
        ("2026-10-25 02:30 Europe/Berlin", 'write "2026-10-25 02:30 +0200" or "2026-10-25 02:30 +0100"'),
        ("9999-12-31 CET", "is too far away"),
        ("x" * (LONGEST + 1), "at most"),
        ("\x1b[2J", "at most"),
    ],
)
def test_what_is_no_time_or_may_be_two_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"write|come|over it|nowhere|Berlin") as refused:
        understand(text, NOW, None)
    assert said in str(refused.value)


def test_how_wide_is_for_the_asker_to_say_and_for_a_moment() -> None:
    assert meant("2026-11-20 21:30 UTC", width("10m")) == ("11-20 21:25", "11-20 21:35")
    assert meant("2026-11-25 20:20 UTC", width("1h")) == ("11-25 19:50", "11-25 20:30")
    with pytest.raises(ValueError, match="--within is for a moment"):
        understand("yesterday", NOW, width("1h"))
    for wrong in ("0h", "32d", "hour", "-1h", ""):
        with pytest.raises(ValueError, match="is no length"):
            width(wrong)


def test_it_is_said_how_it_was_understood() -> None:
    said = explained(understand("last Friday 9pm Europe/Berlin", NOW, None))
    assert said == "Friday 20 November 2026, 21:00 (UTC+01:00), in UTC 2026-11-20 20:00; looked at from 20:00 to 22:00"
    said = explained(understand("last night Europe/Berlin", NOW, None))
    assert said == (
        "Tuesday 24 November 2026, 18:00 (UTC+01:00) to Wednesday 25 November 2026, 06:00 (UTC+01:00), "
        "in UTC 2026-11-24 17:00 to 2026-11-25 05:00"
    )


@given(
    st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2026-11-24")),
    st.sampled_from([BERLIN, "America/Lima", "Asia/Kolkata"]),
)
def test_what_is_written_in_full_is_that_very_minute_or_refused(wall: datetime, zone: str) -> None:
    text = f"{wall:%Y-%m-%d %H:%M} {zone}"
    first, second = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        with pytest.raises(ValueError, match="clocks"):
            understand(text, NOW, None)
        return
    when = understand(text, NOW, None)
    assert when.moment is not None
    assert f"{when.moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" == f"{wall:%Y-%m-%d %H:%M}"
    begin, end = ns(when)
    assert end - begin == 2 * 3600 * 10**9


WORDS = (
    "last next this friday monday 9pm 21:30 02:30 noon yesterday evening night tonight ago days hours weeks "
    "99999999 12 2026-10-25 0001-01-01 9999-12-31 1/2/2026 30.2.2026 +02:00 -1400 CET UTC Z Europe/Berlin "
    "now in at Feb 29 0 - : ."
)


@given(st.text(max_size=LONGEST) | st.lists(st.sampled_from(WORDS.split()), max_size=6).map(" ".join))
def test_whatever_is_written_is_understood_or_refused(text: str) -> None:
    try:
        when = understand(text, NOW, None)
    except ValueError:
        return
    assert when.begin < when.end <= NOW
