"""What every witness must do: of a process that is there, that is gone, and that another took the place of."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from camguard.core.belongings import Endpoint
from camguard.core.model import Process
from camguard.platform.keepsake import Keepsakes
from camguard.platform.linux.procfs import ProcessReader
from camguard.platform.linux.witness import LinuxWitness
from camguard.platform.simulated.processes import PortableClock, quick_facts
from camguard.platform.simulated.witness import SimulatedWitness
from camguard.ports import Witness

LONG_S = 10.0
_HAS = """\
import os, socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
file = open(sys.argv[2])
os.chdir(os.path.dirname(sys.argv[2]))
print(connection.getsockname()[1], flush=True)
sys.stdin.read()
"""


@dataclass
class World:
    """A kind of witness, and how it knows a process."""

    make: Callable[[Keepsakes | None], Witness]
    know: Callable[[int], Process]


def _linux() -> World:
    return World(lambda keepsakes: LinuxWitness(keepsakes=keepsakes), ProcessReader().process)


def _simulated() -> World:
    boot = PortableClock().now().boot_id
    return World(SimulatedWitness, lambda pid: quick_facts(psutil.Process(pid), boot))


@pytest.fixture(params=[_linux, _simulated], ids=["linux", "simulated"])
def world(request: pytest.FixtureRequest) -> World:
    made: World = request.param()
    return made


@dataclass
class Subject:
    """A process that has a file open and speaks to this one."""

    process: subprocess.Popen[str]
    script: Path
    file: Path
    local: str
    remote: str


@pytest.fixture
def subject(tmp_path: Path) -> Iterator[Subject]:
    script, file = tmp_path / "has.py", tmp_path / "notes.txt"
    script.write_text(_HAS)
    file.write_text("notes")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, str(script), str(port), str(file)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            own = int(process.stdout.readline())
            yield Subject(process, script, file, f"127.0.0.1:{own}", f"127.0.0.1:{port}")
            process.kill()


def test_it_sees_open_files_connections_parents_and_the_folder(world: World, subject: Subject) -> None:
    found = world.make(None).gather(world.know(subject.process.pid), LONG_S).belongings
    assert str(subject.file) in found.files
    assert Endpoint("tcp", subject.local, subject.remote, "established") in found.sockets
    assert found.parents[0].pid == os.getpid()
    assert (found.cwd, found.why) == (str(subject.file.parent), None)
    assert found.exe == os.path.realpath(sys.executable)
    assert (found.more_files, found.more_sockets) == (0, 0)


def test_of_a_process_that_is_gone_it_says_so(world: World, subject: Subject) -> None:
    known = world.know(subject.process.pid)
    subject.process.kill()
    subject.process.wait()
    gathered = world.make(None).gather(known, LONG_S)
    assert (gathered.belongings.files, gathered.belongings.why) == ((), "it had ended")


def test_another_process_of_that_pid_is_left_alone(world: World, subject: Subject) -> None:
    known = world.know(subject.process.pid)
    assert known.identity is not None
    other = replace(known, identity=replace(known.identity, start_ticks=known.identity.start_ticks - 1_000))
    gathered = world.make(None).gather(other, LONG_S)
    assert (gathered.belongings.files, gathered.programs) == ((), ())


def test_of_an_unknown_process_there_is_nothing_to_see(world: World) -> None:
    found = world.make(None).gather(Process(None), LONG_S).belongings
    assert found.why == "it is not known which process this was"


def test_without_a_folder_for_them_no_program_is_held_open(world: World, subject: Subject) -> None:
    gathered = world.make(None).gather(world.know(subject.process.pid), LONG_S)
    assert gathered.programs == ()
    assert world.make(None).keep(gathered) == ()


def test_programs_are_kept_once_the_process_is_gone(world: World, subject: Subject, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    witness = world.make(Keepsakes(folder))
    gathered = witness.gather(world.know(subject.process.pid), LONG_S)
    subject.process.kill()
    subject.process.wait()
    content = subject.script.read_bytes()
    subject.script.unlink()
    kept = {os.path.basename(each.path): each for each in witness.keep(gathered)}
    copy = kept["has.py"]
    assert copy.sha256 == hashlib.sha256(content).hexdigest()
    assert copy.file == str(folder / str(copy.sha256))
    assert (folder / str(copy.sha256)).read_bytes() == content
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for fd in (program.fd for program in gathered.programs):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
