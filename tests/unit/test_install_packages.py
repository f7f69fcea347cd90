"""What a package needs, and whether a file is what its RECORD says."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.errors import Refused
from camguard.install.packages import Need, inside, needs, normalised, verified


@pytest.mark.parametrize(
    ("requirement", "extras", "need"),
    [
        ("click>=8.1", (), Need("click", frozenset(), conditional=False)),
        ("click (>=8.1)", (), Need("click", frozenset(), conditional=False)),
        ("pyudev>=0.24; sys_platform == 'linux'", (), Need("pyudev", frozenset(), conditional=True)),
        ("pytest>=8; extra == 'test'", (), None),
        ("pytest>=8; extra == 'test'", ("test",), Need("pytest", frozenset(), conditional=False)),
        ("pytest>=8; extra == 'test' and os_name == 'nt'", ("test",), Need("pytest", frozenset(), conditional=True)),
        ("wmi ; (os_name == \"nt\") and extra == 'dev'", ("test",), None),
        ("dbus-fast[speed, more]>=1", (), Need("dbus-fast", frozenset({"speed", "more"}), conditional=False)),
        ("zope.interface", (), Need("zope.interface", frozenset(), conditional=False)),
    ],
)
def test_what_is_needed(requirement: str, extras: tuple[str, ...], need: Need | None) -> None:
    assert list(needs([requirement], frozenset(extras))) == ([] if need is None else [need])


@pytest.mark.parametrize("name", ["Dbus.Fast", "dbus_fast", "dbus-fast", "DBUS__fast"])
def test_a_name_is_compared_whatever_its_spelling(name: str) -> None:
    assert normalised(name) == "dbus-fast"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_only_the_content_that_was_recorded_passes(content: bytes, other: bytes) -> None:
    recorded = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    assert verified("click", "click/core.py", content, "sha256", recorded) == content
    if other != content:
        with pytest.raises(Refused, match=r"click: click/core\.py was changed"):
            verified("click", "click/core.py", other, "sha256", recorded)


@pytest.mark.parametrize("mode", ["", "md5", "sha1", "crc32"])
def test_a_file_without_a_strong_hash_is_refused(mode: str) -> None:
    with pytest.raises(Refused, match="no SHA-256"):
        verified("click", "click/core.py", b"", mode, "x")


@pytest.mark.parametrize(
    ("path", "is_inside"),
    [
        ("click/core.py", True),
        ("../../../bin/watchmedo", False),
        ("click/../../etc/passwd", False),
        ("/etc/passwd", False),
        ("click-8.5.1.dist-info/licenses/LICENSE.txt", True),
    ],
)
def test_only_what_is_below_site_packages_is_taken_along(path: str, is_inside: bool) -> None:
    assert inside(path) is is_inside
