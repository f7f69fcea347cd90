"""What control groups tell, in the formats of real systems, and whatever else they may be named."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.platform.linux import groups

USER = "/user.slice/user-1000.slice/user@1000.service/app.slice"
PARTS = st.text(st.characters(exclude_characters="/\n\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
PATHS = st.lists(PARTS, max_size=6).map(lambda parts: "/" + "/".join(parts))


@pytest.mark.parametrize(
    ("unit", "app"),
    [
        ("app-gnome-org.gnome.Cheese-4711.scope", "org.gnome.Cheese"),
        ("app-gnome-firefox\\x2desr-2241.scope", "firefox-esr"),
        ("app-flatpak-org.gnome.Cheese-2719083561.scope", "org.gnome.Cheese"),
        ("app-org.kde.dolphin@6b9a2b5d8a1f4d0b9c0f.service", "org.kde.dolphin"),
        ("app-org.kde.konsole-13b5a0c9e3b24b0f8f.scope", "org.kde.konsole"),
        ("app-nextcloud@autostart.service", "nextcloud"),
        ("app-gnome\\x2dsession\\x2dmanager.slice", None),
        ("app-4711.scope", None),
        ("app-gnome-.service", None),
        ("session-2.scope", None),
        ("cheese.service", None),
    ],
)
def test_the_app_that_the_desktop_launched(unit: str, app: str | None) -> None:
    assert groups.launched((f"{USER}/{unit}",)) == app


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{USER}/snap.firefox.firefox-6c1f6f1e-4f0f-4bd4-9f0e-1d0f6c0f8a4e.scope", ("firefox", False)),
        (f"{USER}/snap.zoom-client.zoom-client.0a1b2c3d-0000-4000-8000-000000000000.scope", ("zoom-client", False)),
        ("/system.slice/snap.motion_two.daemon.service", ("motion_two", True)),
        ("/system.slice/snap-firefox-4336.mount", None),
        ("/system.slice/snapd.service", None),
        (f"{USER}/snap.Firefox.x.scope", None),
    ],
)
def test_the_snap_of_a_group(path: str, expected: tuple[str, bool] | None) -> None:
    found = groups.snap((path,))
    assert (None if found is None else (found.name, found.proven)) == expected


def test_only_the_hierarchies_that_systemd_keeps_count() -> None:
    content = "4:memory:/docker/x\n1:name=systemd:/system.slice/zm.service\n0::/a:b\n"
    assert groups.paths(content) == ("/system.slice/zm.service", "/a:b")


@given(PATHS, st.integers(1, 60_000))
def test_nothing_below_a_users_manager_is_proven(below: str, uid: int) -> None:
    own = f"/user.slice/user-{uid}.slice/user@{uid}.service{below.rstrip('/')}"
    for find, name in ((groups.snap, "snap.x.y.service"), (groups.container, f"docker-{'a' * 64}.scope")):
        found = find((f"{own}/{name}",))
        assert found is not None
        assert not found.proven


@given(st.text())
def test_whatever_a_file_holds_it_is_read(content: str) -> None:
    paths = groups.paths(content)
    groups.unit(paths)
    groups.launched(paths)
    for found in (groups.snap(paths), groups.container(paths)):
        assert found is None or set(found.name) <= {*string.ascii_lowercase, *string.digits, "-", "_"}


@given(st.text(min_size=1).filter(lambda text: "\0" not in text and "\n" not in text))
def test_an_escaped_name_comes_out_as_it_was(name: str) -> None:
    raw = name.encode("utf-8", "replace").decode()
    escaped = "".join(
        mark
        if mark.isascii() and (mark.isalnum() or mark in "._")
        else "".join(f"\\x{each:02x}" for each in mark.encode())
        for mark in raw
    )
    assert groups.launched((f"{USER}/app-gnome-{escaped}-12.scope",)) == raw
