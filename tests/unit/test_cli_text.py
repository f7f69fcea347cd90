"""What commands print: harmless whatever it is made of, and in line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from camguard.cli.text import aligned, columns, fitted, pad, safe, safe_lines, shorten, width_of
from camguard.cli.times import from_ns, parse_future, parse_past, to_ns
from camguard.wording import spoken

any_text = st.text(st.characters(codec=None), max_size=60)
HOSTILE = "a\x1b]0;pwned\x07\u202egnp.exe\n\r\t\x00\udcff\u2066\u200b\x9b31m"


@given(any_text)
def test_safe_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable()
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_hostile_text_is_shown_escaped() -> None:
    assert safe(HOSTILE) == (r"a\x1b]0;pwned\x07\u202egnp.exe\n\r\t\x00\udcff\u2066\u200b\x9b31m")


@given(any_text, st.integers(0, 40))
def test_safe_text_fits_its_width(text: str, width: int) -> None:
    assert width_of(safe(text, width)) <= width


def test_a_huge_name_is_shown_by_its_ends() -> None:
    assert safe("begin" + "x" * 10_000_000 + "end", 11) == "begin…xxend"


@given(st.text(st.characters(categories=["L", "N"]), max_size=30), st.integers(1, 30))
def test_shortening_keeps_both_ends(text: str, width: int) -> None:
    assume(width_of(text) > width)
    head, _, tail = shorten(text, width).partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("📷", 2), ("\uff57\uff49", 4), ("", 0), ("Kamera ü", 8)],
)
def test_widths_are_those_of_a_terminal(text: str, width: int) -> None:
    assert width_of(text) == width
    assert width_of(pad(text, 12)) == 12


def test_our_own_lines_stay_lines_and_others_do_not_look_like_them() -> None:
    assert safe_lines("first \x1b\nsecond") == "first \\x1b\n  second"


def test_columns_line_up_by_what_is_seen() -> None:
    lines = columns([["a", "camera", "x"], ["a17", "カメラ", "y"], ["b", "\x1b", "z"]], None)
    assert lines == ["a    camera  x", "a17  カメラ  y", "b    \\x1b    z"]


@given(st.lists(st.lists(any_text, min_size=3, max_size=3), min_size=1, max_size=5), st.integers(28, 80))
def test_columns_fit_and_line_up(rows: list[list[str]], available: int) -> None:
    lines = columns(rows, available)
    assert len(lines) == len(rows)
    assert all(width_of(line) <= available for line in lines)


def test_columns_that_must_not_give_way_do_not() -> None:
    rows = [["x" * 20, "y" * 30, "z" * 20]]
    assert fitted(rows, 60, elastic=(0, 2)) == [13, 30, 13]
    assert fitted(rows, 20, elastic=(0, 2)) == [8, 30, 8]


def test_a_cell_that_is_not_cut_moves_the_others() -> None:
    assert aligned(["long\x1b", "y"], [4, 1], cut=False) == "long\\x1b  y"
    assert aligned(["long\x1b", "y"], [4, 1]) == "lo…b  y"


def test_without_a_limit_nothing_is_left_out() -> None:
    [line] = columns([["x" * 300, "y"]], None)
    assert line == "x" * 300 + "  y"
    assert columns([], 80) == []


NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC).astimezone()


def local(*parts: int) -> datetime:
    return datetime(*parts).astimezone()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20", local(2026, 11, 20)),
        ("2026-11-20 21:30", local(2026, 11, 20, 21, 30)),
        ("2026-11-20T21:30:05", local(2026, 11, 20, 21, 30, 5)),
        ("2026-11-20T21:30+01:00", datetime(2026, 11, 20, 20, 30, tzinfo=UTC)),
        ("2026-11-20T21:30Z", datetime(2026, 11, 20, 21, 30, tzinfo=UTC)),
        ("2h", NOW - timedelta(hours=2)),
        ("90 min", NOW - timedelta(minutes=90)),
        ("3d", NOW - timedelta(days=3)),
        ("today", local(2026, 11, 24)),
        ("Yesterday", local(2026, 11, 23)),
        ("yesterday 9:05", local(2026, 11, 23, 9, 5)),
        ("9:05", local(2026, 11, 24, 9, 5)),
    ],
)
def test_times_that_were(text: str, expected: datetime) -> None:
    assert parse_past(text, NOW) == expected


def test_a_day_ends_with_its_last_moment() -> None:
    assert parse_past("yesterday", NOW, end=True) == local(2026, 11, 24) - timedelta(microseconds=1)
    assert parse_past("2026-11-20", NOW, end=True) == local(2026, 11, 21) - timedelta(microseconds=1)
    assert parse_past("yesterday 9:05", NOW, end=True) == local(2026, 11, 23, 9, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOW + timedelta(minutes=30)),
        ("23:59", local(2026, 11, 24, 23, 59)),
        ("0:01", local(2026, 11, 25, 0, 1)),
        ("tomorrow", local(2026, 11, 26) - timedelta(microseconds=1)),
        ("tomorrow 12:00", local(2026, 11, 25, 12)),
        ("2026-12-01", local(2026, 12, 2) - timedelta(microseconds=1)),
    ],
)
def test_times_to_come(text: str, expected: datetime) -> None:
    assert parse_future(text, NOW) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-11-20", "2026-11-20 21:30", "0s"])
def test_what_is_over_is_no_time_to_come(text: str) -> None:
    with pytest.raises(ValueError, match="is over already"):
        parse_future(text, NOW)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "yesterday soon", "-2h", "999999w", "1:2"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time that is understood; write for example"):
        parse_past(text, NOW)
    with pytest.raises(ValueError, match="is no time that is understood; write for example"):
        parse_future(text, NOW)


def test_a_time_too_far_away_is_told() -> None:
    with pytest.raises(ValueError, match="is too far away"):
        parse_future("3001-01-01", NOW)


@given(any_text)
def test_any_text_is_a_time_or_told_not_to_be(text: str) -> None:
    for parse in (parse_past, parse_future):
        try:
            found = parse(text, NOW)
        except ValueError:
            continue
        assert found.tzinfo is not None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.04, "<0.1 s"),
        (0.3, "0.3 s"),
        (2.5, "2.5 s"),
        (7, "7 s"),
        (9.96, "10 s"),
        (45.4, "45 s"),
        (59.7, "1 min"),
        (192, "3 min 12 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (3900, "1 h 5 min"),
        (86400 * 2 + 3600 * 3, "2 d 3 h"),
    ],
)
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    assert spoken(round(seconds * 1e9)) == said


@given(st.integers(0, 10**18))
def test_a_said_duration_has_two_units_at_most(ns: int) -> None:
    assert re.fullmatch(r"<?\d+(\.\d)? (d|h|min|s)( \d+ (h|min|s))?", spoken(ns))


@given(st.integers(0, 32_000_000_000_000_000))
def test_instants_survive(microseconds: int) -> None:
    assert to_ns(from_ns(microseconds * 1000)) == microseconds * 1000
