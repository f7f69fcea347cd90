"""The gate's parts that need no such kernel: what is in its way, and the object that the package brings along."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from camguard.core.gatekeeping import GateOrder
from camguard.errors import Refused
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.gate import libbpf, obstacle
from camguard.platform.linux.gate.keeper import LinuxGate
from camguard.platform.linux.packages import Packages

PACKAGE = Path(obstacle.__file__).parent
OBJECT = PACKAGE / "gate.bpf.o"
BUILD = PACKAGE / "build"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /sys in which all is well, and root who asks."""
    for path, content in (("kernel/security/lsm", "lockdown,yama,bpf\n"), ("kernel/btf/vmlinux", "")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(content)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def test_where_all_is_well_nothing_is_in_the_way(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libbpf, "library", lambda: None)
    assert obstacle.find(str(kernel)) is None


def test_a_user_is_told_that_it_takes_root(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert obstacle.find(str(kernel)) == ("The gate takes root.", "Run the guard as root.")


def test_a_kernel_without_bpf_lsm_is_given_its_boot_parameter(kernel: Path) -> None:
    (kernel / "kernel/security/lsm").write_text("lockdown,bpfilter")
    found = obstacle.find(str(kernel))
    assert found is not None
    assert "lsm=lockdown,bpfilter,bpf" in found.remedy


def test_a_list_of_modules_that_is_not_mounted_is_mounted(kernel: Path) -> None:
    (kernel / "kernel/security/lsm").unlink()
    assert "mount -t securityfs" in getattr(obstacle.find(str(kernel)), "remedy", "")


def test_a_kernel_without_its_types(kernel: Path) -> None:
    (kernel / "kernel/btf/vmlinux").unlink()
    assert "CONFIG_DEBUG_INFO_BTF" in getattr(obstacle.find(str(kernel)), "remedy", "")


def test_a_machine_without_libbpf_is_told_its_package(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libbpf, "LIBRARY", "libnowhere.so.1")
    libbpf.library.cache_clear()
    found = obstacle.find(str(kernel))
    assert found is not None
    assert "libnowhere.so.1" in found.why
    assert "apt install libbpf1" in found.remedy


def test_every_obstacle_is_two_sentences(kernel: Path, tmp_path: Path) -> None:
    found = obstacle.find(str(tmp_path / "nowhere"))
    assert found is not None
    assert all(sentence.endswith(".") for sentence in found)


def test_a_gate_that_was_not_opened_says_so() -> None:
    gate = LinuxGate(LinuxClock())
    assert not gate.alive()
    with pytest.raises(Refused, match="not open"):
        gate.apply([GateOrder(None, refuse=True)], refuse_others=False)
    gate.close()


def test_the_files_of_an_installed_package() -> None:
    packages = Packages()
    owner = packages.owner(os.path.realpath("/bin/ls"))
    if owner is None:
        pytest.skip("no package manager knows /bin/ls here; run on Debian, Ubuntu or Fedora")
    names = {os.path.realpath(path) for path in packages.files(owner.name)}
    assert os.path.realpath("/bin/ls") in names


def symbols(image: bytes) -> set[bytes]:
    """The names of what a 64-bit little-endian ELF object defines, by elf(5)."""
    (sections_at,) = struct.unpack_from("<Q", image, 40)
    size, number, names_index = struct.unpack_from("<HHH", image, 58)
    sections = [struct.unpack_from("<IIQQQQII", image, sections_at + size * index) for index in range(number)]
    _, _, _, _, at, length, _, _ = sections[names_index]
    return {name for name in image[at : at + length].split(b"\0") if name and not name.startswith((b".", b"LBB"))}


def test_the_object_is_built_from_the_source(tmp_path: Path) -> None:
    """Bit by bit where the compiler is the one it was made with; with another the same programs and tables."""
    for tool, package in (("clang", "clang"), ("llvm-strip", "llvm")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed; Debian: apt install {package} libbpf-dev")
    if not Path("/usr/include/bpf/bpf_helpers.h").exists():
        pytest.skip("libbpf's headers are not installed; Debian: apt install libbpf-dev")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("build", "gate.bpf.c"):
        shutil.copy(PACKAGE / name, elsewhere)
    subprocess.run([BUILD, tmp_path / "one.o"], check=True, cwd="/")
    subprocess.run(["./build"], check=True, cwd=elsewhere)
    built = (tmp_path / "one.o").read_bytes()
    assert (elsewhere / "gate.bpf.o").read_bytes() == built
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    made_by = re.search(r"clang and llvm-strip (\S+) ", BUILD.read_text())
    assert made_by is not None
    if re.search(rf"clang version {re.escape(made_by[1])}\b", version):
        assert OBJECT.read_bytes() == built
    else:
        assert symbols(OBJECT.read_bytes()) == symbols(built)
