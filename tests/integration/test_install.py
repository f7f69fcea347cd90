"""Installing for real, in folders of its own: what may be trusted, what is carried out, what is put back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import camguard
from camguard.errors import CamguardError, Refused
from camguard.install import machine, packages, plan, trust
from camguard.install.carry import carry_out
from camguard.install.commands import CommandFailed
from camguard.install.model import Delete, Folder, Link, Move, Plan, Run, Standing, Step, Write

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")

NOBODY = 65534


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A folder that is root's alone, whatever pytest makes of its own."""
    tmp_path.chmod(0o755)
    return tmp_path


# -- who could change a path


@as_root
def test_what_is_roots_alone_is_trusted(ours: Path) -> None:
    file = ours / "file"
    file.touch(0o644)
    (ours / "link").symlink_to(file)
    assert trust.weakness(file) is None
    assert trust.weakness(ours / "link") is None
    assert trust.weakness(Path("/usr/bin/env")) is None


@as_root
@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder, file: file.chmod(0o664),
        lambda folder, file: file.chmod(0o646),
        lambda folder, file: folder.chmod(0o775),
        lambda folder, file: folder.chmod(0o757),
        lambda folder, file: os.chown(file, NOBODY, 0),
        lambda folder, file: os.chown(folder, NOBODY, 0),
    ],
    ids=["group", "others", "folder-group", "folder-others", "owner", "folder-owner"],
)
@pytest.mark.parametrize("linked", [False, True])
def test_what_others_could_change_is_not_trusted(ours: Path, spoil: Callable[[Path, Path], None], linked: bool) -> None:
    folder = ours / "folder"
    folder.mkdir(0o755)
    file = folder / "file"
    file.touch(0o644)
    path = file
    if linked:
        (ours / "link").symlink_to("folder/../folder")
        path = ours / "link" / "file"
    assert trust.weakness(path) is None
    spoil(folder, file)
    assert trust.weakness(path) is not None


@as_root
def test_a_link_of_somebody_elses_is_not_trusted(ours: Path) -> None:
    link = ours / "link"
    link.symlink_to("/usr/bin/env")
    os.lchown(link, NOBODY, NOBODY)
    assert trust.weakness(link) == f"{link} does not belong to root"


def test_a_path_that_leads_nowhere_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert trust.weakness(tmp_path / "one") is not None
    assert trust.weakness(tmp_path / "missing") is not None


def test_an_interpreter_is_found_that_everybody_can_run() -> None:
    found = trust.interpreter()
    assert trust.weakness(found.executable) is None
    assert found.library == f"python{sys.version_info.major}.{sys.version_info.minor}"
    said = subprocess.run([found.executable, "-I", "-c", "print(1)"], capture_output=True, text=True, check=True)
    assert said.stdout == "1\n"


def test_what_is_closed_to_some_is_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(0o700)
    (tmp_path / "closed/file").touch(0o755)
    assert trust.closed(tmp_path / "closed/file") == f"{tmp_path}/closed is not open to everybody"


# -- what is taken along


def test_the_running_camguard_is_taken_along_with_all_it_needs() -> None:
    found = {package.name: package for package in packages.running()}
    assert {"camguard", "click", "msgspec", "psutil", "pyudev", "watchdog", "platformdirs"} <= set(found)
    assert "pytest" not in found
    files = {file.path: file.content for file in found["camguard"].files}
    assert files["camguard/__init__.py"] == Path(camguard.__file__).read_bytes()
    assert f"{packages.DATA}/systemd/{plan.UNIT}" in files
    assert not any("__pycache__" in path or path.startswith(("..", "/")) for path in files)
    assert found["camguard"].version == camguard.__version__


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment made by the very steps of an install, but below a folder of its own."""
    release = tmp_path_factory.mktemp("release") / "one"
    steps = plan.install(machine.data(), packages.running(), trust.interpreter(), release, Standing()).steps
    carry_out(Plan(tuple(step for step in steps if _below(step, release))), _silent, _unexpected)
    return release


def test_the_environment_runs_camguard_and_nothing_else(environment: Path) -> None:
    code = "import camguard, sys, camguard.service.main; print(camguard.__file__, sys.flags.isolated); import pip"
    done = subprocess.run(
        [environment / "bin/python", "-I", "-c", code], capture_output=True, text=True, cwd="/", check=False
    )
    where, isolated = done.stdout.split()
    assert Path(where).is_relative_to(environment)
    assert isolated == "1"
    assert "No module named 'pip'" in done.stderr


def test_the_environment_can_install_from_itself(environment: Path) -> None:
    code = (
        "from camguard.install import packages, machine, plan\n"
        "print(sorted(p.name for p in packages.running()), plan.UNIT in machine.data().units)"
    )
    done = subprocess.run(
        [environment / "bin/python", "-I", "-c", code], capture_output=True, text=True, cwd="/", check=True
    )
    assert done.stdout == f"{sorted(package.name for package in packages.running())} True\n"


def test_all_of_it_is_compiled_and_nobody_elses(environment: Path) -> None:
    source = next(environment.glob("lib/python3*/site-packages/camguard/guard.py"))
    assert list(source.parent.glob("__pycache__/guard.*.pyc"))
    for path in environment.rglob("*"):
        assert path.is_symlink() or not path.lstat().st_mode & 0o022, path


# -- carrying out


def test_what_failed_is_put_back_as_it_was(tmp_path: Path) -> None:
    steps = _changes(tmp_path)
    before = _state(tmp_path)
    told: list[Step] = []
    said: list[str] = []
    failing = Plan(
        (*steps, Run(("sh", "-c", "echo because >&2; exit 3"))),
        undone=True,
        retreat=(Write(tmp_path / "retreat", b""),),
        rescue=(Delete(tmp_path / "retreat"), Run(("false",))),
    )
    with pytest.raises(CommandFailed, match="because"):
        carry_out(failing, told.append, said.append)
    assert _state(tmp_path) == before
    assert told == list(failing.steps)
    assert said == ["`false` failed"]


def test_what_succeeded_stays(tmp_path: Path) -> None:
    steps = _changes(tmp_path)
    carry_out(Plan(steps, undone=True), _silent, _unexpected)
    assert _state(tmp_path) == {
        "new": None,
        "new/folder": None,
        "new/folder/file": (0o644, "new"),
        "file": (0o755, "after"),
        "another": (0o644, "after"),
        "current": f"{tmp_path}/new",
        "link": f"{tmp_path}/new",
        "moved": (0o600, "a person's"),
    }


def _changes(folder: Path) -> tuple[Step, ...]:
    """A folder with something in it, and steps that change all of that."""
    (folder / "file").write_text("before")
    (folder / "file").chmod(0o640)
    (folder / "current").symlink_to("old")
    (folder / "wrote").write_text("a person's")
    (folder / "wrote").chmod(0o600)
    return (
        Folder(folder / "new/folder"),
        Write(folder / "new/folder/file", b"new"),
        Write(folder / "file", b"after", 0o755),
        Write(folder / "another", b"after"),
        Link(folder / "current", folder / "new"),
        Link(folder / "link", folder / "new"),
        Move(folder / "wrote", folder / "moved"),
    )


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(CamguardError):
        carry_out(Plan((Write(tmp_path / "folder", b"x"),), undone=True), _silent, _unexpected)
    assert _state(tmp_path) == {"folder": None}


def test_the_umask_of_the_caller_does_not_matter(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        carry_out(
            Plan((Folder(tmp_path / "open"), Write(tmp_path / "open/file", b""), Run(("touch", f"{tmp_path}/made")))),
            _silent,
            _unexpected,
        )
    finally:
        os.umask(before)
    modes = [oct((tmp_path / name).stat().st_mode & 0o777) for name in ("open", "open/file", "made")]
    assert modes == ["0o755", "0o644", "0o644"]


def test_tidying_up_that_fails_is_told_and_ends_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    carry_out(Plan((), tidy=(Run(("false",)), Write(tmp_path / "file", b""))), _silent, said.append)
    assert said == ["`false` failed"]
    assert (tmp_path / "file").exists()


@as_root
def test_no_space_and_a_read_only_disk_are_told(tmp_path: Path) -> None:
    for options, wanted in (("size=64k", "no space left"), ("ro", "read-only")):
        disk = tmp_path / options[:2]
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("nothing can be mounted here")
        try:
            with pytest.raises(Refused, match=wanted):
                carry_out(Plan((Write(disk / "file", bytes(1 << 20)),), undone=True), _silent, _unexpected)
            assert list(disk.iterdir()) == []
        finally:
            subprocess.run(["umount", disk], check=True)


def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandFailed, match="no-such-command is not installed"):
        carry_out(Plan((Run(("no-such-command", "--now")),)), _silent, _unexpected)


def test_the_units_of_a_packager(tmp_path: Path) -> None:
    data = machine.data()
    carry_out(plan.package(data, tmp_path, plan.packaged_command()), _silent, _unexpected)
    unit = (tmp_path / "usr/lib/systemd/system/camguard.service").read_text()
    assert "\nExecStart=/usr/bin/python3 -I -X no_debug_ranges -m camguard.service\n" in unit
    assert (tmp_path / "usr/lib/sysusers.d/camguard.conf").stat().st_mode & 0o777 == 0o644
    carry_out(plan.unpackage(data, tmp_path), _silent, _unexpected)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def _below(step: Step, folder: Path) -> bool:
    if isinstance(step, Run):
        return any(str(folder) in word for word in step.argv)
    return isinstance(step, Folder | Write) and (step.path == folder or folder in step.path.parents)


def _state(folder: Path) -> dict[str, tuple[int, str] | str | None]:
    """All that is below a folder: a file's mode and content, a link's target."""
    found: dict[str, tuple[int, str] | str | None] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = None if path.is_dir() else (path.stat().st_mode & 0o7777, path.read_text())
    return found


def _silent(_: Step) -> None:
    pass


def _unexpected(sentence: str) -> None:
    raise AssertionError(sentence)
