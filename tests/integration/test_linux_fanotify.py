"""fanotify as the kernel here speaks it, and as it might be made to speak."""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.errors import SensorError
from camguard.platform.linux import fanotify
from tests.support.detection import Actor, folder_for_nodes

root_only = pytest.mark.skipif(
    not fanotify.available(), reason="fanotify takes root; run: sudo -E python -m pytest tests/integration"
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Path]:
    with folder_for_nodes(tmp_path) as folder:
        path = folder / "node"
        path.touch()
        yield path


@pytest.fixture
def group(node: Path) -> Iterator[fanotify.Group]:
    group = fanotify.Group()
    group.mark(str(node))
    group.mark(str(node))
    yield group
    group.close()


def next_events(group: fanotify.Group) -> list[fanotify.Event]:
    assert select.select([group.fd], [], [], 20.0)[0]
    return group.read()


@root_only
def test_who_opened_and_who_closed(group: fanotify.Group, node: Path) -> None:
    actor = Actor()
    try:
        fd = actor.do("open", node)
        ((mask, pid, pidfd),) = events = next_events(group)
        assert mask & fanotify.OPENED
        assert pid == actor.pid
        assert pidfd is not None
        assert f"Pid:\t{actor.pid}\n" in Path(f"/proc/self/fdinfo/{pidfd}").read_text()
        fanotify.release(events)
        actor.do("close", fd)
        events = next_events(group)
        assert [(event.mask & fanotify.CLOSED != 0, event.pid) for event in events] == [(True, actor.pid)]
        fanotify.release(events)
        assert group.read() == []
    finally:
        actor.end()


@root_only
def test_an_opener_that_is_gone_has_no_pidfd(group: fanotify.Group, node: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", "import os, sys; os.open(sys.argv[1], os.O_RDONLY)", str(node)]
    subprocess.run(command, check=True)
    events = next_events(group)
    assert {event.pidfd for event in events} == {None}
    assert any(event.mask & fanotify.OPENED for event in events)


@root_only
def test_a_name_that_is_taken_away_is_a_change(group: fanotify.Group, node: Path) -> None:
    node.unlink()
    events = next_events(group)
    fanotify.release(events)
    assert any(event.mask & fanotify.CHANGED for event in events)


@root_only
def test_a_path_without_a_file(group: fanotify.Group, node: Path) -> None:
    with pytest.raises(FileNotFoundError):
        group.mark(str(node) + "-not")


def record(pidfd: int, *, version: int = 3, length: int = 60, info: int = 8) -> bytes:
    head = struct.pack("=IBxHQii", length, version, 24, fanotify.OPENED, -1, 7)
    fid = struct.pack("=BxH24s", 1, 28, b"")
    return head + fid + struct.pack("=BxHi", 4, info, pidfd)


def test_a_record() -> None:
    (event,) = fanotify.decode(record(-1))
    assert event == fanotify.Event(fanotify.OPENED, 7, None)
    assert fanotify.decode(b"") == []


@pytest.mark.parametrize(
    "second", [record(-1, version=4), record(-1, length=61), record(-1, length=0), record(-1, info=0), record(-1)[:-1]]
)
def test_a_record_in_another_form_is_refused_and_leaks_nothing(second: bytes) -> None:
    pidfd = os.pidfd_open(os.getpid())
    with pytest.raises(SensorError, match="does not know"):
        fanotify.decode(record(pidfd) + second)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pidfd)


@given(st.binary(min_size=1, max_size=23))
def test_a_stump_is_refused(data: bytes) -> None:
    with pytest.raises(SensorError):
        fanotify.decode(data)
