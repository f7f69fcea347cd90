"""Who real processes are."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.model import AppKind, Process
from camguard.errors import NothingMatched
from camguard.platform.linux import groups
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.evidence import groups as groups_of
from camguard.platform.linux.identity import LinuxIdentifier, user_name
from tests.support.actors import facts, python, running

READY_SCRIPT = "import sys, time\nprint('ready', flush=True)\ntime.sleep(600)\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root; run: sudo python -m pytest tests/integration")


def sha256(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "viewer.py"
    path.write_text(READY_SCRIPT)
    return path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program of no package: says a line at once, then waits."""
    path = tmp_path / "tail-of-mine"
    shutil.copy(shutil.which("tail") or "/usr/bin/tail", path)
    (tmp_path / "line").write_text("ready\n")
    return path


def tail(program: Path) -> list[str]:
    return [str(program), "-f", str(program.parent / "line")]


def test_a_script_is_known_by_its_path_and_content(script: Path) -> None:
    with running([sys.executable, str(script), "--token", "hunter2"]) as child:
        app, details = LinuxIdentifier().identify(facts(child.pid))
    assert (app.identity.kind, app.identity.id, app.identity.path) == (AppKind.SCRIPT, str(script), str(script))
    assert app.identity.sha256 == sha256(script)
    assert app.name == "viewer.py"
    assert details.command[1:] == (str(script), "--token", "[redacted]")
    assert details.exe_sha256 == sha256(os.path.realpath(sys.executable))
    assert details.exe_note is None
    assert details.parents[0].pid == os.getpid()
    assert details.user == user_name(os.geteuid())


def test_a_script_is_one_app_by_whatever_link_it_is_started(script: Path) -> None:
    link = script.parent / "link.py"
    link.symlink_to(script)
    with running([sys.executable, link.name], cwd=str(script.parent)) as child:
        app, _ = LinuxIdentifier().identify(facts(child.pid))
    assert (app.identity.id, app.name) == (str(script), "link.py")


def test_a_module_is_known_by_its_name_and_file(script: Path) -> None:
    with running([sys.executable, "-m", "viewer"], cwd=str(script.parent)) as child:
        app, _ = LinuxIdentifier().identify(facts(child.pid))
    assert (app.identity.kind, app.identity.id, app.identity.path) == (AppKind.SCRIPT, "-m viewer", str(script))
    assert (app.identity.sha256, app.name) == (sha256(script), "viewer")


def test_inline_code_is_no_app_that_a_rule_could_name() -> None:
    with python("") as child:
        app, details = LinuxIdentifier().identify(facts(child.pid))
    assert not app.known
    assert app.name.endswith("(inline code)")
    assert details.exe_sha256 is not None


def test_code_from_a_pipe_is_no_app_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "code")
    with subprocess.Popen([sys.executable, str(tmp_path / "code")], stdout=subprocess.PIPE) as child:
        try:
            (tmp_path / "code").write_text(READY_SCRIPT)
            assert child.stdout is not None
            child.stdout.readline()
            app, _ = LinuxIdentifier().identify(facts(child.pid))
        finally:
            child.kill()
    assert not app.known


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs a system with dpkg, such as Debian")
def test_a_packaged_program_is_known_by_its_package() -> None:
    with running(["/usr/bin/tail", "-f", "/etc/passwd"]) as child:
        app, details = LinuxIdentifier().identify(facts(child.pid))
    asked = ["dpkg-query", "-W", "-f", "${Version}", "coreutils"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert (app.identity.kind, app.identity.id, app.name) == (AppKind.PACKAGE, "coreutils", "tail")
    assert app.identity.path == os.path.realpath("/usr/bin/tail")
    assert (app.version, details.package, details.package_version) == (version, "coreutils", version)


def test_a_program_of_no_package_is_known_by_path_and_content(program: Path) -> None:
    with running(tail(program)) as child:
        app, details = LinuxIdentifier().identify(facts(child.pid))
    assert (app.identity.kind, app.identity.id) == (AppKind.EXECUTABLE, str(program))
    assert app.identity.sha256 == details.exe_sha256 == sha256(program)


def test_a_deleted_program_is_known_by_what_runs(program: Path) -> None:
    content = sha256(program)
    with running(tail(program)) as child:
        program.unlink()
        program.write_text("another file at the same place")
        app, details = LinuxIdentifier().identify(facts(child.pid))
    assert (app.identity.id, app.identity.path, app.identity.sha256) == (f"sha256:{content}", None, content)
    assert (app.name, details.exe_note) == (program.name, "deleted")


@as_root
def test_a_file_mounted_over_a_packaged_program_is_not_taken_for_it(program: Path) -> None:
    target = os.path.realpath("/usr/bin/tail")
    script = f"mount --bind {program} {target} && exec {target} -f {program.parent}/line"
    program.write_bytes(program.read_bytes() + b"evil")
    try:
        with running(["unshare", "-m", "sh", "-c", script]) as child:
            process = facts(child.pid)
            app, details = LinuxIdentifier().identify(process)
    except AssertionError:
        pytest.skip("no mount namespace here; run as root on a machine that allows unshare -m")
    assert process.exe == target
    assert (app.identity.id, app.identity.path) == (f"sha256:{sha256(program)}", None)
    assert (details.exe_note, details.package) == ("not the file at its path", None)


@as_root
@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o644, True)])
def test_nobody_is_told_the_hash_of_a_file_closed_to_him(public: Path, mode: int, told: bool) -> None:
    named = public / "named.sh"
    named.write_text("not what runs")
    named.chmod(mode)
    before = public / "before.sh"
    before.write_text("echo ready; read -r line\n")
    # The shell waits in what it runs before the file that stands on its command line as if that were the script.
    command, nobody, environment = ["/bin/bash", str(named)], 65534, {"BASH_ENV": str(before)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=nobody,
        group=nobody,
        extra_groups=[],
        env=environment,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        process = facts(child.pid)
        app, _ = LinuxIdentifier().identify(process)
    assert process.script == str(named)
    assert (app.identity.sha256 is not None) is told


def test_a_process_that_is_gone_is_told_by_its_quick_facts() -> None:
    with python("") as child:
        process = facts(child.pid)
        child.kill()
        child.wait()
        app, details = LinuxIdentifier().identify(process)
    assert not app.known
    assert app.name == os.path.basename(os.path.realpath(sys.executable))
    assert (details.user, details.command) == (user_name(os.geteuid()), ())


@pytest.mark.parametrize("change", [{"start_ticks": 1}, {"boot_id": "another-boot"}])
def test_another_process_with_the_same_pid_is_not_described(change: dict[str, object]) -> None:
    with python("") as child:
        process = facts(child.pid)
        assert process.identity is not None
        other = replace(process, identity=replace(process.identity, **change))  # type: ignore[arg-type]
        app, details = LinuxIdentifier().identify(other)
    assert not app.known
    assert (details.command, details.parents, details.exe_sha256) == ((), (), None)


def test_an_unknown_process_has_a_name_all_the_same() -> None:
    app, details = LinuxIdentifier().identify(Process(None, uid=4_000_000_000))
    assert (app.name, app.known, details.user) == ("unknown process", False, "4000000000")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-cheese\\x2d12.scope\n", "app-cheese-12.scope"),
        ("0::/system.slice/motion.service/deeper\n", "motion.service"),
        ("3:cpu:/x.service\n1:name=systemd:/system.slice/zm.service\n", "zm.service"),
        ("0::/\n", None),
        ("", None),
    ],
)
def test_the_unit_is_read_from_the_control_group(tmp_path: Path, content: str, expected: str | None) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(content)
    assert groups.unit(groups_of(str(tmp_path), 7)) == expected


def test_files_are_identified_as_they_would_be_when_run(script: Path, program: Path) -> None:
    identifier = LinuxIdentifier()
    assert identifier.identify_file(str(script)).identity.id == str(script)
    assert identifier.identify_file(str(program)).identity.kind is AppKind.EXECUTABLE
    assert not identifier.identify_file(sys.executable).known
    with running([sys.executable, str(script)]) as child:
        assert identifier.identify(facts(child.pid))[0] == identifier.identify_file(str(script))
    with running(tail(program)) as child:
        assert identifier.identify(facts(child.pid))[0] == identifier.identify_file(str(program))


def test_the_first_line_of_a_script_says_who_runs_it(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_text("#!/usr/bin/env -S python3 -I\n")
    assert LinuxIdentifier().identify_file(str(path)).identity.kind is AppKind.SCRIPT
    path.write_text(f"#!{path}\n")  # its own interpreter: the kernel refuses that, and nothing here may loop
    assert LinuxIdentifier().identify_file(str(path)).identity.kind is AppKind.EXECUTABLE


def test_what_cannot_be_run_is_no_app(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for path in (tmp_path / "notes.txt", tmp_path, tmp_path / "missing", Path("/dev/null")):
        with pytest.raises(NothingMatched):
            LinuxIdentifier().identify_file(str(path))


def test_the_clock_tells_both_times() -> None:
    clock = LinuxClock()
    one, two = clock.now(), clock.now()
    assert one.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    elapsed = two.since(one)
    assert elapsed is not None
    assert elapsed >= 0
