"""A rule for one script never covers another, whatever runs it; and nothing covers code that is in no file."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.model import App, AppKind, Effect, Judgement, Process, ProcessIdentity, Rule
from camguard.core.policy import Circumstances, judge
from camguard.platform.linux import procfs
from camguard.platform.linux.identity import LinuxIdentifier
from tests.support.actors import facts, running
from tests.support.core_data import CAMERA, START

LINES = {
    "python3 -u SCRIPT": "cam.py",
    "node --no-warnings SCRIPT": "cam.js",
    "java -Xmx64m -jar SCRIPT": "cam.jar",
    "deno run -A SCRIPT": "cam.ts",
    "bun run SCRIPT": "cam.ts",
    "perl -w SCRIPT": "cam.pl",
    "ruby -W0 SCRIPT": "cam.rb",
    "sh -e SCRIPT": "cam.sh",
    "bash SCRIPT": "cam.sh",
}
"""How each interpreter is told to run a script."""

REAL = {
    "perl": ("cam.pl", '$| = 1; print "ready\\n"; sleep 600;'),
    "node": ("cam.js", 'console.log("ready"); setTimeout(() => 0, 600000);'),
    "sh": ("cam.sh", "echo ready; read -r line"),
    "ruby": ("cam.rb", '$stdout.sync = true; puts "ready"; sleep 600'),
}
"""Scripts that say that they are ready and stay."""


class Tree:
    """A /proc of plain files, with processes that run scripts of the real tree of files."""

    def __init__(self, folder: Path) -> None:
        self._proc = folder / "proc"
        self._programs = folder / "programs"
        self._programs.mkdir()
        (self._proc / "sys/kernel/random").mkdir(parents=True)
        (self._proc / "sys/kernel/random/boot_id").write_text("boot\n")
        self._pid = 1

    def app(self, command: list[str], cwd: Path) -> App:
        """The app that a process with this command line is."""
        program = self._programs / command[0]
        program.write_text("an interpreter")
        self._pid += 1
        process = self._proc / str(self._pid)
        process.mkdir()
        fields = " ".join(str(number) for number in range(4, 53))
        (process / "stat").write_text(f"{self._pid} ({command[0]}) S {fields}\n")
        (process / "cmdline").write_bytes(b"\0".join(os.fsencode(word) for word in command) + b"\0")
        for name, target in (("exe", program), ("cwd", cwd), ("root", Path("/"))):
            (process / name).symlink_to(target)
        found, _ = LinuxIdentifier(str(self._proc)).identify(
            Process(ProcessIdentity(self._pid, 22, "boot"), command[0], str(program), os.getuid())
        )
        return found


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def expected(app: App, rule: Rule) -> bool:
    return judge(Circumstances(app, CAMERA, START), [rule]).judgement is Judgement.EXPECTED


@pytest.mark.parametrize(("line", "name"), LINES.items())
def test_a_rule_for_one_script_covers_no_other(tree: Tree, tmp_path: Path, line: str, name: str) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("the same content")
    words = line.split()

    def run(folder: str, script: str) -> App:
        return tree.app([script if word == "SCRIPT" else word for word in words], tmp_path / folder)

    one, other = run("one", name), run("other", str(tmp_path / "other" / name))
    assert (one.identity.kind, one.identity.id) == (AppKind.SCRIPT, str(tmp_path / "one" / name))
    for identity in (one.identity, replace(one.identity, sha256=None), replace(one.identity, path=None)):
        rule = Rule("r1", Effect.ALLOW, identity)
        assert expected(one, rule)
        assert not expected(other, rule)
    (tmp_path / "one" / name).write_text("changed")
    assert not expected(run("one", name), Rule("r1", Effect.ALLOW, one.identity))


@pytest.mark.parametrize("line", LINES)
def test_an_interpreter_without_a_script_is_no_app(tree: Tree, tmp_path: Path, line: str) -> None:
    exe, *_ = line.split()
    (tmp_path / "-e").write_text("x")
    for command in ([exe], [exe, "-"], [exe, "--eval=code", "cam"], [exe, "-e"], [exe, str(tmp_path / "missing")]):
        assert not tree.app(command, tmp_path).known


@pytest.mark.parametrize("exe", REAL)
def test_real_scripts_are_told_apart(tmp_path: Path, exe: str) -> None:
    found = shutil.which(exe)
    if found is None:
        pytest.skip(f"{exe} not found; sudo apt-get install {exe}")
    name, text = REAL[exe]
    apps = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
        with running([found, name], cwd=str(tmp_path / folder)) as child:
            app, _ = LinuxIdentifier().identify(facts(child.pid))
            apps.append(app)
    one, other = apps
    assert one.identity.id == str(tmp_path / "one" / name)
    assert other.identity.id == str(tmp_path / "other" / name)
    assert not expected(other, Rule("r1", Effect.ALLOW, replace(one.identity, sha256=None)))


def test_a_shell_that_reads_its_input_is_not_the_file_it_was_told_of(tmp_path: Path) -> None:
    named = tmp_path / "trusted.sh"
    named.write_text("exit 1\n")
    with subprocess.Popen(["/bin/bash", "-s", str(named)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(b"echo ready\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"ready\n"
            app, _ = LinuxIdentifier().identify(facts(child.pid))
        finally:
            child.kill()
    assert procfs.is_interpreter("/bin/bash")
    assert not app.known
