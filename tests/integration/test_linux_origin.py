"""Where programs come from: real ones in real folders, and parents in a tree of plain files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.context import Origin
from camguard.core.details import Details, Parent
from camguard.core.model import NANOSECONDS, App, AppKind, Effect, Judgement, Rule
from camguard.core.policy import Circumstances, judge
from camguard.platform.linux import origin
from camguard.platform.linux.identity import LinuxIdentifier
from camguard.platform.linux.packages import Package, Packages
from tests.support.actors import facts, running
from tests.support.core_data import CAMERA, START

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root; run: sudo python -m pytest tests/integration")

SCRIPT = "import sys, time\nprint('ready', flush=True)\ntime.sleep(600)\n"
INSTALLED_NS = 1_700_000_000_000_000_000


class Owner:
    """A package manager that put one file in its place."""

    name = "one"

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def stamp(self) -> int:
        return 1

    def owner(self, path: str) -> Package | None:
        return Package("viewer", "2", INSTALLED_NS) if path == self._path else None

    def files(self, package: str) -> tuple[str, ...]:
        return ()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that only its user may write to, and that is not temporary by its place."""
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix="camguard-test-") as folder:
        yield Path(folder)


@pytest.fixture
def program(home: Path) -> Path:
    path = home / "viewer"
    shutil.copy(shutil.which("tail") or "/usr/bin/tail", path)
    (home / "line").write_text("ready\n")
    return path


def tail(program: Path) -> list[str]:
    return [str(program), "-f", str(program.parent / "line")]


def found(pid: int, packages: Packages | None = None) -> tuple[App, Details]:
    return LinuxIdentifier(packages=packages or Packages(())).identify(facts(pid))


def replaced(program: Path) -> None:
    """Put another file in the place of a program, as an upgrade does."""
    new = program.with_name("new")
    new.write_bytes(program.read_bytes() + b"\n")
    new.chmod(0o755)
    new.replace(program)


def test_a_program_in_ones_own_folder_is_nothing_to_wonder_about(program: Path) -> None:
    with running(tail(program)) as child:
        told = found(child.pid)[1].origin
    assert (told.deleted, told.temporary, told.folder) == (False, False, None)
    assert told.installed_utc_ns == program.stat().st_ctime_ns
    assert not told.by_package


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp", "/dev/shm"])
def test_a_program_in_a_temporary_folder_is_told_with_the_folder(program: Path, folder: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        copy = shutil.copy(program, inside)
        with running([copy, "-f", str(program.parent / "line")]) as child:
            told = found(child.pid)[1].origin
    assert (told.temporary, told.folder) == (True, folder)


def test_permissions_of_any_folder_above_count_not_names_alone(home: Path) -> None:
    deep = home / "tmp" / "deep"
    deep.mkdir(parents=True)
    assert origin.public_folder(str(deep / "x")) is None
    (home / "tmp").chmod(0o1777)
    assert origin.public_folder(str(deep / "x")) == str(home / "tmp")
    assert origin.public_folder("/run/user/1000/app/x") == "/run/user/1000"
    assert origin.public_folder("/usr/bin/x") is None


def test_a_name_like_that_of_a_mounted_image_is_not_enough(home: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix=".mount_") as folder:
        assert origin.public_folder(f"{folder}/usr/bin/x") == "/tmp"
    assert origin.public_folder("/tmp/.mount_that_nobody_may_look_into/usr/bin/x") is None


def test_a_script_counts_beside_its_interpreter(home: Path, tmp_path: Path) -> None:
    for folder, temporary in ((home, False), (tmp_path, True)):
        script = folder / "viewer.py"
        script.write_text(SCRIPT)
        with running([sys.executable, str(script)]) as child:
            told = found(child.pid)[1].origin
        # The interpreter may itself be in such a folder, as that of a virtual environment is.
        assert told.temporary is (temporary or origin.public_folder(os.path.realpath(sys.executable)) is not None)


def test_a_deleted_program_and_one_in_whose_place_another_is_are_told(program: Path) -> None:
    with running(tail(program)) as child:
        program.rename(program.with_name("moved"))
        assert found(child.pid)[1].origin.deleted is False
        replaced(program.with_name("moved"))
        assert found(child.pid)[1].origin.deleted is True


def test_a_script_that_was_changed_since_it_was_started_is_told(home: Path) -> None:
    script = home / "viewer.py"
    script.write_text(SCRIPT)
    with running([sys.executable, str(script)]) as child:
        process = facts(child.pid)
        assert LinuxIdentifier(packages=Packages(())).identify(process)[1].origin.deleted is False
        # What is changed within two seconds cannot be told: as if it had been started a little sooner.
        older = replace(process, started_utc_ns=(process.started_utc_ns or 0) - 3 * NANOSECONDS)
        script.write_text(SCRIPT)
        assert LinuxIdentifier(packages=Packages(())).identify(older)[1].origin.deleted is True


def test_a_script_without_a_known_start_is_not_guessed_about(home: Path) -> None:
    assert origin.changed_since(home.stat(), None) is None


@as_root
def test_an_upgrade_of_a_running_programs_package_leaves_it_the_app_that_was_allowed(program: Path) -> None:
    packages = Packages((Owner(program),))
    with running(tail(program)) as child:
        before, details = found(child.pid, packages)
        assert (details.origin.installed_utc_ns, details.origin.by_package) == (INSTALLED_NS, True)
        replaced(program)
        after, details = found(child.pid, packages)
        no_package, _ = found(child.pid)
    assert (before.identity.kind, before.version, after.version) == (AppKind.PACKAGE, "2", None)
    assert after.identity == before.identity
    assert (details.origin.deleted, details.exe_note) == (False, "replaced by an upgrade of its package")
    rule = Rule("r1", Effect.ALLOW, before.identity)
    assert judge(Circumstances(after, CAMERA, START), [rule]).judgement is Judgement.EXPECTED
    assert no_package.identity.id.startswith("sha256:")


@as_root
def test_what_another_than_root_could_have_put_there_is_no_upgrade(program: Path) -> None:
    packages = Packages((Owner(program),))
    for owner, mode in ((65534, 0o700), (0, 0o777)):
        with running(tail(program)) as child:
            os.chown(program, owner, 0)
            program.parent.chmod(mode)
            replaced(program)
            app, details = found(child.pid, packages)
        assert (details.origin.deleted, details.exe_note) == (True, "deleted")
        assert app.identity.id.startswith("sha256:")


@as_root
def test_in_a_view_of_files_of_its_own_nothing_is_an_upgrade(program: Path) -> None:
    try:
        with running(["unshare", "-m", *tail(program)]) as child:
            replaced(program)
            told = found(child.pid, Packages((Owner(program),)))[1].origin
    except AssertionError:
        pytest.skip("no mount namespace here; run as root on a machine that allows unshare -m")
    assert told.deleted is True


@as_root
def test_a_name_that_only_ends_as_that_of_a_deleted_file_is_no_upgrade(program: Path) -> None:
    odd = program.with_name("viewer (deleted)")
    shutil.copy(program, odd)
    with running([str(odd), "-f", str(program.parent / "line")]) as child:
        app, details = found(child.pid, Packages((Owner(program),)))
    assert app.identity.kind is not AppKind.PACKAGE
    assert details.exe_note is None


# Parents


class Tree:
    """Parents in a folder that looks like /proc."""

    def __init__(self, folder: Path) -> None:
        self.proc = str(folder)
        self._number = 100

    def parent(self, exe: str | None, *command: str) -> Parent:
        self._number += 1
        folder = Path(self.proc, str(self._number))
        folder.mkdir()
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in command))
        if exe is not None:
            (folder / "exe").symlink_to(exe)
        return Parent(self._number, "parent", exe)

    def starter(self, *parents: Parent) -> Origin:
        return origin.starter(self.proc, parents)


@pytest.fixture
def tree(home: Path) -> Tree:
    (home / "proc").mkdir()
    return Tree(home / "proc")


def test_a_parent_in_its_place_is_vouched_for(tree: Tree) -> None:
    assert tree.starter(tree.parent("/usr/bin/tail")) == Origin(unknown_parent=False)


def test_a_parent_in_a_temporary_folder_is_unknown_and_named(tree: Tree) -> None:
    assert tree.starter(tree.parent("/tmp/drop")) == Origin(unknown_parent=True, parent="parent")


def test_a_shell_is_looked_through_to_who_started_it(tree: Tree) -> None:
    shell = tree.parent("/usr/bin/bash", "bash")
    assert tree.starter(shell, tree.parent("/dev/shm/drop")) == Origin(unknown_parent=True, parent="parent")
    assert tree.starter(shell, tree.parent("/usr/bin/tail"), tree.parent("/tmp/x")) == Origin(unknown_parent=False)
    assert tree.starter(shell) == Origin()


def test_the_script_of_a_shell_counts(tree: Tree) -> None:
    script = tree.parent("/usr/bin/bash", "bash", "/var/tmp/drop.sh")
    assert tree.starter(script) == Origin(unknown_parent=True, parent="drop.sh")


def test_a_parent_that_may_not_be_looked_at_is_not_known(tree: Tree) -> None:
    for parent in (tree.parent(None), tree.parent("/usr/bin/that-is-not-there")):
        assert tree.starter(parent, tree.parent("/tmp/x")) == Origin()


def test_a_parent_whose_program_was_deleted_is_unknown(program: Path) -> None:
    with running(tail(program)) as child:
        parent = Parent(child.pid, "viewer", str(program))
        assert origin.starter("/proc", [parent]).unknown_parent is False
        program.unlink()
        gone = Parent(child.pid, "viewer", f"{program} (deleted)")
        assert origin.starter("/proc", [gone]) == Origin(unknown_parent=True, parent="viewer")


def test_who_started_a_real_program_is_found(program: Path, tmp_path: Path) -> None:
    drop = tmp_path / "drop.sh"
    drop.write_text(f"{program} -f {program.parent}/line & echo $!; wait\n")
    with subprocess.Popen(["/bin/sh", str(drop)], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        lines = [shell.stdout.readline(), shell.stdout.readline()]
        pid = next(int(line) for line in lines if line.strip().isdecimal())
        try:
            told = found(pid)[1].origin
        finally:
            os.kill(pid, 9)
    assert (told.unknown_parent, told.parent) == (True, "drop.sh")
