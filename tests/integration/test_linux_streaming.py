"""Frames: counted from the kernel's trace, each once, whatever a process calls itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.platform.linux.streaming import FrameCounter, FrameTrace, FrameWatch

COMM = b"v4l2-ctl"


def dequeued(
    tid: int = 181, tgid: bytes = b"181", comm: bytes = COMM, minor: int = 0, kind: str = "VIDEO_CAPTURE"
) -> bytes:
    return (
        b"        %b-%d     (%7b) [001] .....    10.799608: v4l2_dqbuf: minor = %d, index = 0, type = %b, "
        b"bytesused = 460800, flags = MAPPED|TIMESTAMP_MONOTONIC, field = NONE, timestamp = 10944584000, sequence = 0"
        % (comm, tid, tgid, minor, kind.encode())
    )


def handed_over(tid: int = 181, tgid: bytes = b"181", kind: int = 1) -> bytes:
    return (
        b"        v4l2-ctl-%d     (%7b) [001] d..1.    10.799473: vb2_dqbuf: owner = 000000005a65ee46, queued = 3, "
        b"owned_by_drv = 3, index = 0, type = %d, bytesused = 460800, timestamp = 10944584637" % (tid, tgid, kind)
    )


def count(*lines: bytes, settled: bool = True) -> dict[tuple[int | None, int], int]:
    counter = FrameCounter()
    for line in lines:
        counter.feed(line)
    return counter.take(settled=settled)


def test_two_lines_are_one_frame() -> None:
    assert count(handed_over(), dequeued(), handed_over(), dequeued()) == {(0, 181): 2}


def test_frames_of_two_threads_at_once() -> None:
    lines = (handed_over(7, b"5"), handed_over(8, b"5"), dequeued(8, b"5"), dequeued(7, b"5", minor=2))
    assert count(*lines) == {(0, 5): 1, (2, 5): 1}


def test_read_has_the_first_line_alone() -> None:
    assert count(handed_over(), handed_over(), handed_over()) == {(None, 181): 3}


def test_pictures_that_were_handed_in_are_no_frames_taken_but_tell_who_feeds() -> None:
    counter = FrameCounter()
    for line in (handed_over(kind=2), dequeued(minor=9, kind="VIDEO_OUTPUT"), dequeued(7, b"5")):
        counter.feed(line)
    assert counter.take(settled=True) == {(0, 5): 1}
    assert counter.handed_in() == {(9, 181)}
    assert counter.handed_in() == set()


def test_a_frame_waits_once_for_its_second_line() -> None:
    counter = FrameCounter()
    counter.feed(handed_over())
    assert counter.take(settled=False) == {}
    assert counter.unfinished
    counter.feed(dequeued())
    assert counter.take(settled=False) == {(0, 181): 1}
    counter.feed(handed_over())
    assert counter.take(settled=False) == {}
    assert counter.take(settled=False) == {(None, 181): 1}
    assert not counter.unfinished


def test_what_is_no_picture_from_a_camera() -> None:
    assert count(dequeued(kind="META_CAPTURE"), dequeued(kind="VIDEO_OUTPUT"), handed_over(kind=2)) == {}
    assert count(b"CPU:0 [LOST 12 EVENTS]", b"") == {}


@given(comm=st.binary(min_size=1, max_size=15))
def test_a_name_changes_nothing(comm: bytes) -> None:
    lines = dequeued(comm=comm).split(b"\n")
    assert count(*lines) == {(0, 181): 1}


def test_a_thread_whose_process_the_trace_does_not_know() -> None:
    assert count(dequeued(os.getpid(), b"-------")) == {(0, os.getpid()): 1}


def test_no_tracing_here(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FrameTrace(str(tmp_path))

    async def watch() -> None:
        frames = FrameWatch(lambda: None)
        frames.open(str(tmp_path), "/proc")
        assert frames.take() == {}
        frames.close()

    asyncio.run(watch())


@pytest.mark.parametrize("line", [b"CPU:1 [LOST 212 EVENTS]", b"CPU:0 [LOST EVENTS]"])
def test_that_the_trace_lost_lines_is_known_once(line: bytes) -> None:
    counter = FrameCounter()
    counter.feed(handed_over())
    assert not counter.lost()
    counter.feed(line)
    assert counter.lost()
    assert not counter.lost()


def test_no_program_can_say_that_lines_were_lost() -> None:
    counter = FrameCounter()
    counter.feed(dequeued(comm=b"CPU:1 [LOST 2 EVENTS]"))
    assert not counter.lost()
