"""Who holds a node: real processes, real devices, and what a process might do so as not to be found."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.core.model import Node
from camguard.platform.linux.holders import Grip, HolderFinder
from camguard.platform.linux.procfs import ProcessReader
from tests.support.detection import Actor

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root; run: sudo -E python -m pytest tests/integration")


@pytest.fixture
def finder() -> HolderFinder:
    return HolderFinder(ProcessReader())


@pytest.fixture
def actor() -> Iterator[Actor]:
    actor = Actor()
    yield actor
    actor.end()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    path = tmp_path / "node"
    path.write_bytes(bytes(4096))
    found = path.stat()
    return Node(str(path), (found.st_dev, found.st_ino), pretend=True)


def pids(grips: tuple[Grip, ...] | None) -> set[int]:
    assert grips is not None
    return {grip.process.identity.pid for grip in grips if grip.process.identity is not None}


def test_a_descriptor(finder: HolderFinder, actor: Actor, node: Node) -> None:
    assert finder.scan([node]).grips == ()
    fd = actor.do("open", node.path)
    (grip,) = finder.scan([node]).grips
    assert grip.descriptors == {str(fd)}
    assert grip.node == node
    assert not grip.mapped
    assert finder.look(actor.pid, [node]) == (grip,)
    assert finder.look(actor.pid, [node], limit=1) is None


@pytest.mark.parametrize(
    ("ways", "writes_only"),
    [
        ((os.O_WRONLY,), True),
        ((os.O_RDWR,), False),
        ((os.O_WRONLY, os.O_RDONLY), False),
        ((os.O_WRONLY, os.O_PATH), True),
    ],
)
def test_who_can_only_write(finder: HolderFinder, node: Node, ways: tuple[int, ...], writes_only: bool) -> None:
    opened = [os.open(node.path, way | os.O_CLOEXEC) for way in ways]
    try:
        holder = subprocess.Popen(["sleep", "60"], pass_fds=opened)
        try:
            (grip,) = finder.look(holder.pid, [node]) or ()
            assert grip.writes_only is writes_only
        finally:
            holder.kill()
            holder.wait()
    finally:
        for fd in opened:
            os.close(fd)


def test_nothing_but_a_mapping(finder: HolderFinder, actor: Actor, node: Node) -> None:
    fd = actor.do("open", node.path)
    actor.do("mmap", fd)
    actor.do("close", fd)
    (grip,) = finder.look(actor.pid, [node]) or ()
    assert grip.mapped
    assert not grip.descriptors
    assert pids(finder.scan([node], mappings=True).grips) == {actor.pid}
    actor.do("unmap", fd)
    assert finder.look(actor.pid, [node]) == ()


def test_a_path_alone_is_not_a_hold(finder: HolderFinder, actor: Actor, node: Node) -> None:
    actor.do("path", node.path)
    assert finder.scan([node]).grips == ()


@as_root
def test_a_copy_of_a_device_made_with_mknod(finder: HolderFinder, actor: Actor, tmp_path: Path) -> None:
    full = os.stat("/dev/full")
    node = Node("/dev/full", (os.major(full.st_rdev), os.minor(full.st_rdev)))
    copy = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path) / f"copy-{os.getpid()}"
    try:
        os.mknod(copy, stat.S_IFCHR | 0o600, full.st_rdev)
        if os.statvfs(copy).f_flag & os.ST_NODEV:
            copy.unlink()
            copy = tmp_path / "copy"
            os.mknod(copy, stat.S_IFCHR | 0o600, full.st_rdev)
        actor.do("open", copy)
        assert actor.pid in pids(finder.scan([node]).grips)
    finally:
        copy.unlink()


def test_a_descriptor_that_one_thread_keeps_for_itself(finder: HolderFinder, actor: Actor, node: Node) -> None:
    actor.do("thread", node.path)
    assert pids(finder.look(actor.pid, [node], careful=True)) == {actor.pid}
    assert pids(finder.scan([node], [actor.pid]).grips) == {actor.pid}


ENDED_MAIN_THREAD = """
import ctypes, os, sys, threading, time
def work():
    os.open(sys.argv[1], os.O_RDWR)
    while open("/proc/self/stat").read().split()[2] != "Z": time.sleep(0.005)
    os.write(1, b"ready")
    time.sleep(600)
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@as_root  # what is left of the main thread belongs to root
def test_a_process_whose_main_thread_has_ended(finder: HolderFinder, node: Node) -> None:
    command = [sys.executable, "-I", "-S", "-c", ENDED_MAIN_THREAD, node.path]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.read(5) == b"ready"
        assert pids(finder.scan([node]).grips) == {child.pid}
    finally:
        child.kill()
        child.communicate()


def test_a_process_that_is_gone(finder: HolderFinder, node: Node) -> None:
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    child.wait()
    assert finder.look(child.pid, [node]) == ()


def test_no_nodes_no_scan(finder: HolderFinder) -> None:
    assert finder.scan([]).grips == ()


@as_root
def test_a_file_system_that_never_answers_holds_nothing_up(finder: HolderFinder, node: Node, tmp_path: Path) -> None:
    """A FUSE server that says hello and nothing more; a stat of its root would wait for ever."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/fuse; run: modprobe fuse")
    where = tmp_path / "mute"
    where.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"mute", os.fsencode(where), b"fuse", 0, options.encode()) != 0:
        os.close(server)
        pytest.skip(
            f"mounting is not allowed here ({os.strerror(ctypes.get_errno())}); run as root outside a container"
        )
    held = None
    try:
        held = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "import os, sys; os.open(sys.argv[1], os.O_PATH); input()", str(where)],
            stdin=subprocess.PIPE,
        )
        other = Actor()
        try:
            other.do("open", node.path)
            assert pids(finder.scan([node], mappings=True).grips) == {other.pid}
        finally:
            other.end()
    finally:
        libc.umount2(os.fsencode(where), 2)
        os.close(server)
        if held is not None:
            held.communicate(b"\n")
