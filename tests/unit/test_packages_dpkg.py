"""Which package owns a path, read from a tree made like dpkg's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from camguard.platform.linux.packages import Dpkg, Package, Packages, Rpm

STATUS = """\
Package: cheese
Status: install ok installed
Architecture: amd64
Version: 43.0-1
Description: takes pictures
 Version: not this line

Package: libcam
Architecture: i386
Version: 1.0-old

Package: libcam
Architecture: amd64
Version: 2.0-1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    for folder in ("bin", "usr/bin"):
        (tmp_path / folder).parent.mkdir(parents=True, exist_ok=True)
    os.symlink("usr/bin", tmp_path / "bin")
    (info / "cheese.list").write_text("/.\n/usr\n/usr/bin\n/usr/bin/cheese\n/bin/old-cheese\n/usr/share/a*[b]\n")
    (info / "libcam:amd64.list").write_text("/usr/lib/libcam.so.2\n")
    (info / "libcam:i386.list").write_text("/usr/lib/i386/libcam.so.1\n")
    return tmp_path


def owner(root: Path, path: str) -> Package | None:
    return Packages((Dpkg(str(root)),)).owner(path)


def test_the_owner_and_its_version(root: Path) -> None:
    assert owner(root, "/usr/bin/cheese") == Package("cheese", "43.0-1")


def test_the_version_is_that_of_the_same_architecture(root: Path) -> None:
    assert owner(root, "/usr/lib/libcam.so.2") == Package("libcam", "2.0-1")
    assert owner(root, "/usr/lib/i386/libcam.so.1") == Package("libcam", "1.0-old")


def test_both_names_of_a_merged_usr_lead_to_the_owner(root: Path) -> None:
    assert owner(root, "/bin/cheese") == owner(root, "/usr/bin/cheese")
    assert owner(root, "/usr/bin/old-cheese") == Package("cheese", "43.0-1")


def test_without_a_merged_usr_the_names_are_two_files(root: Path) -> None:
    (root / "bin").unlink()
    assert owner(root, "/usr/bin/old-cheese") is None


@pytest.mark.parametrize(
    "path",
    ["/usr/bin/chees", "/usr/bin/cheese2", "/usr/*", "/usr/bin/chees?", "-x", "cheese", "/usr/bin/cheese\n/x", "/\0"],
)
def test_only_whole_paths_have_owners(root: Path, path: str) -> None:
    assert owner(root, path) is None


def test_a_name_with_the_signs_of_a_pattern_is_itself(root: Path) -> None:
    assert owner(root, "/usr/share/a*[b]") == Package("cheese", "43.0-1")
    assert owner(root, "/usr/share/axb") is None


def test_a_diverted_file_belongs_to_who_diverted_it(root: Path) -> None:
    dpkg = root / "var/lib/dpkg"
    (dpkg / "info/wrap.list").write_text("/usr/bin/cheese\n")
    (dpkg / "diversions").write_text("/usr/bin/cheese\n/usr/bin/cheese.real\nwrap\n")
    assert owner(root, "/usr/bin/cheese") == Package("wrap", None)
    assert owner(root, "/usr/bin/cheese.real") == Package("cheese", "43.0-1")


def test_what_the_administrator_diverted_belongs_to_no_package(root: Path) -> None:
    (root / "var/lib/dpkg/diversions").write_text("/usr/bin/cheese\n/usr/bin/cheese.orig\n:\n")
    assert owner(root, "/usr/bin/cheese") is None
    assert owner(root, "/usr/bin/cheese.orig") == Package("cheese", "43.0-1")


def test_answers_are_kept_until_the_database_changes(root: Path) -> None:
    packages = Packages((Dpkg(str(root)),))
    assert packages.owner("/usr/bin/new") is None
    (root / "var/lib/dpkg/info/new.list").write_text("/usr/bin/new\n")
    assert packages.owner("/usr/bin/new") is None
    os.utime(root / "var/lib/dpkg/status", ns=(1, 1))
    assert packages.owner("/usr/bin/new") == Package("new", None)


def test_a_machine_without_a_package_manager(tmp_path: Path) -> None:
    packages = Packages((Dpkg(str(tmp_path)), Rpm((str(tmp_path),))))
    assert packages.managers() == ()
    assert packages.owner("/usr/bin/cheese") is None
