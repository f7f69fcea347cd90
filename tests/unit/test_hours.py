"""Apps and hours as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import AppIdentity, AppKind, Hours
from camguard.ruletext import parse_app, parse_hours, spell_app, spell_hours

EVERY_DAY = frozenset(range(7))

hours = st.builds(
    Hours,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(0, 1440),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon-Fri 09:00-17:30", Hours(frozenset(range(5)), 540, 1050)),
        ("22:00-06:00", Hours(EVERY_DAY, 1320, 360)),
        ("Sat,Sun 10:00-12:00", Hours(frozenset({5, 6}), 600, 720)),
        ("fri-mon 0:00-24:00", Hours(frozenset({4, 5, 6, 0}), 0, 1440)),
        ("Mon,Wed-Fri  9:05 - 10:00 ", Hours(frozenset({0, 2, 3, 4}), 545, 600)),
        ("Sat", Hours(frozenset({5}), 0, 1440)),
    ],
)
def test_hours_are_read(text: str, expected: Hours) -> None:
    assert parse_hours(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no day"),
        ("Mon-", "is no day"),
        ("Monday 09:00-10:00", '"Monday" is no day, they are Mon, Tue'),
        ("Mon 9-5", "times are written"),
        ("Mon 25:00-26:00", "25:00 is no time of day"),
        ("Mon 09:60-10:00", "09:60 is no time of day"),
        ("24:00-06:00", "first minute is 00:00"),
        ("Mon 09:00-10:00 Tue", "times are written"),
        ("٠٩:00-10:00", "times are written"),
    ],
)
def test_what_are_no_hours(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="are no hours") as caught:
        parse_hours(text)
    assert why in str(caught.value)


@given(hours)
def test_spelt_hours_read_as_the_same(given_hours: Hours) -> None:
    assert parse_hours(spell_hours(given_hours)) == given_hours


@pytest.mark.parametrize(
    ("days", "spelt"),
    [({0, 1, 2, 3, 4}, "Mon-Fri"), ({5, 6}, "Sat,Sun"), ({0, 2, 3, 4, 6}, "Mon,Wed-Fri,Sun")],
)
def test_days_are_spelt_shortly(days: set[int], spelt: str) -> None:
    assert spell_hours(Hours(frozenset(days), 600, 720)) == f"{spelt} 10:00-12:00"


@given(st.sampled_from([AppKind.PACKAGE, AppKind.SCRIPT, AppKind.EXECUTABLE]), st.text(min_size=1))
def test_a_spelt_app_reads_as_the_same(kind: AppKind, name: str) -> None:
    app = AppIdentity(kind, name)
    if "\0" in name:
        with pytest.raises(ValueError, match="names no app"):
            parse_app(spell_app(app))
    else:
        assert parse_app(spell_app(app)) == app


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("flatpak:org.gnome.Cheese", AppKind.FLATPAK),
        ("snap:zoom-client", AppKind.SNAP),
        ("appimage:/home/anna/Call.AppImage", AppKind.APPIMAGE),
        (f"container:{'0123456789abcdef' * 4}", AppKind.CONTAINER),
    ],
)
def test_sandboxed_apps_are_named_as_camguard_names_them(text: str, kind: AppKind) -> None:
    assert parse_app(text) == AppIdentity(kind, text.partition(":")[2])
    assert spell_app(parse_app(text)) == text


@pytest.mark.parametrize(
    "text",
    ["flatpak:../x", "flatpak:a\n", "snap:/snap/x", "snap:a b", "appimage:Call.AppImage", "container:0123456789ab"],
)
def test_what_no_sandboxed_app_is_called(text: str) -> None:
    with pytest.raises(ValueError, match=f"names no {text.partition(':')[0]}; write"):
        parse_app(text)


@pytest.mark.parametrize("text", ["cheese", "package:", "unknown:x", "Package:cheese", ""])
def test_what_names_no_app(text: str) -> None:
    with pytest.raises(ValueError, match="names no app; write package:NAME"):
        parse_app(text)
