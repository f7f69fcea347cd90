"""Bytes to lines, however the bytes were cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.ipc.frames import FrameReader, FrameTooLong

LIMIT = 16
STREAMS = st.lists(st.binary(max_size=LIMIT + 4)).map(b"\n".join)


def read(chunks: list[bytes], limit: int = LIMIT) -> tuple[list[bytes], bool]:
    """All lines in the chunks, and whether one was too long."""
    reader = FrameReader(limit)
    frames: list[bytes] = []
    try:
        for chunk in chunks:
            reader.feed(chunk)
            while (frame := reader.next_frame()) is not None:
                frames.append(frame)
    except FrameTooLong:
        return frames, True
    return frames, False


@st.composite
def cut(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    stream = draw(STREAMS)
    places = sorted(draw(st.lists(st.integers(0, len(stream)))))
    return stream, [stream[begin:end] for begin, end in zip([0, *places], [*places, len(stream)], strict=True)]


@given(cut())
def test_any_cut_gives_the_same_lines(stream_and_chunks: tuple[bytes, list[bytes]]) -> None:
    stream, chunks = stream_and_chunks
    whole = read([stream])
    assert read(chunks) == whole
    assert read([stream[at : at + 1] for at in range(len(stream))]) == whole


@given(STREAMS)
def test_lines_are_those_between_the_ends(stream: bytes) -> None:
    *lines, rest = stream.split(b"\n")
    fitting = []
    for line in lines:
        if len(line) > LIMIT:
            break
        fitting.append(line)
    assert read([stream]) == (fitting, any(len(line) > LIMIT for line in (*lines, rest)))


@given(st.lists(st.binary(max_size=LIMIT * 3)))
def test_it_never_keeps_more_than_the_limit(chunks: list[bytes]) -> None:
    reader = FrameReader(LIMIT)
    for chunk in chunks:
        reader.feed(chunk)
        try:
            while reader.next_frame() is not None:
                pass
        except FrameTooLong:
            assert not reader._buffer
        assert len(reader._buffer) <= LIMIT
        assert reader.unfinished == bool(reader._buffer)


def test_after_a_line_that_is_too_long_there_is_nothing_more() -> None:
    reader = FrameReader(LIMIT)
    reader.feed(b"first\n" + b"x" * (LIMIT + 1))
    assert reader.next_frame() == b"first"
    for _ in range(2):
        with pytest.raises(FrameTooLong, match="16 bytes"):
            reader.next_frame()
        reader.feed(b"\nsecond\n")


def test_a_line_may_be_as_long_as_the_limit() -> None:
    assert read([b"x" * LIMIT, b"\n"]) == ([b"x" * LIMIT], False)
    assert read([b"x" * (LIMIT + 1) + b"\n"]) == ([], True)
