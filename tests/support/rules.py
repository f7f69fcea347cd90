"""Any rules, apps and moments, for properties."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from camguard.core.model import AppIdentity, AppKind, CameraKind, Effect, Hours, Lasting, Rule
from tests.support.core_data import CAMERA, OTHER_CAMERA, later

APPS = st.builds(
    AppIdentity,
    st.sampled_from([AppKind.PACKAGE, AppKind.EXECUTABLE]),
    st.sampled_from("xy"),
    st.sampled_from([None, "/usr/bin/one", "/usr/bin/two"]),
    st.sampled_from([None, "a" * 64, "b" * 64]),
)
HOURS = st.builds(Hours, st.frozensets(st.integers(0, 6), min_size=1), st.integers(0, 1440), st.integers(0, 1440))
RULES = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        effect=st.sampled_from(Effect),
        app=st.none() | APPS,
        camera=st.sampled_from([None, CAMERA.id, OTHER_CAMERA.name.upper(), "nowhere"]),
        user=st.sampled_from([None, "anna", "1001"]),
        hours=st.none() | HOURS,
        lasting=st.sampled_from(Lasting),
        kind=st.sampled_from([None, *CameraKind]),
        shipped=st.booleans(),
        until_utc_ns=st.none() | st.integers(-5, 5).map(lambda hours: later(3600 * hours).utc_ns),
    ),
    max_size=8,
)
"""Rules that overlap often. Each user is named in one way only."""

MOMENTS = st.builds(
    lambda hours, zone: replace(later(3600 * hours), utc_offset_s=zone * 1800),
    st.integers(-200, 200),
    st.integers(-24, 28),
)
