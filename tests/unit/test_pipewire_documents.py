"""Taking apart what pw-dump writes, in whatever pieces it comes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camguard.errors import BrokerError
from camguard.platform.linux.pipewire.documents import END, Decoder, Item

PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(['"', "\\", '}]"', "\n]\n["])
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)
DOCUMENTS = st.lists(st.lists(OBJECTS, max_size=4), max_size=4)


def written(documents: list[list[dict[str, Any]]], indent: int | None = 2) -> bytes:
    return b"".join(json.dumps(each, indent=indent, ensure_ascii=False).encode() + b"\n" for each in documents)


def expected(documents: list[list[dict[str, Any]]]) -> list[Item]:
    items: list[Item] = []
    for document in documents:
        items += [*document, END]
    return items


@settings(max_examples=40)
@given(DOCUMENTS, st.lists(st.integers(1, 40)), st.sampled_from([None, 2]))
def test_any_chunking_gives_the_same_objects(
    documents: list[list[dict[str, Any]]], sizes: list[int], indent: int | None
) -> None:
    data = written(documents, indent)
    decoder = Decoder()
    items: list[Item] = []
    for size in sizes:
        items += decoder.feed(data[:size])
        data = data[size:]
    items += decoder.feed(data)
    assert items == expected(documents)
    assert decoder.left_out == 0


@settings(max_examples=30)
@given(DOCUMENTS)
def test_byte_by_byte(documents: list[list[dict[str, Any]]]) -> None:
    decoder = Decoder()
    items = [item for byte in written(documents) for item in decoder.feed(bytes([byte]))]
    assert items == expected(documents)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_whatever_comes_is_taken_apart_or_refused(data: bytes, size: int) -> None:
    decoder = Decoder(largest=32)
    with suppress(BrokerError):
        for at in range(0, len(data), size):
            for item in decoder.feed(data[at : at + size]):
                assert item is END or isinstance(item, dict)
            assert len(decoder._kept) <= 32


def test_half_a_document_gives_the_objects_that_are_whole() -> None:
    assert list(Decoder().feed(b'[ {"id": 1}, {"id": 2}, {"id": 3, "info": {')) == [{"id": 1}, {"id": 2}]


def test_what_is_too_large_is_left_out_and_never_kept() -> None:
    decoder = Decoder(largest=100)
    items: list[Item] = list(decoder.feed(b'[{"id": 1}, {"id": 2, "name": "'))
    for _ in range(1000):
        items += decoder.feed(b"x]}\\" + b'"')
        assert len(decoder._kept) <= 100
    items += decoder.feed(b'"}, {"id": 3}]')
    assert items == [{"id": 1}, {"id": 3}, END]
    assert decoder.left_out == 1


@pytest.mark.parametrize("bad", [b'{"a": nonsense}', b'{"a" 1}', b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"])
def test_an_object_that_is_no_json_costs_nothing_but_itself(bad: bytes) -> None:
    decoder = Decoder()
    assert list(decoder.feed(b"[" + bad + b', {"id": 3}]')) == [{"id": 3}, END]
    assert decoder.left_out == 1


def test_a_text_that_is_no_utf8_is_kept_as_far_as_it_can_be_read() -> None:
    assert list(Decoder().feed(b'[{"name": "a\xffb"}]')) == [{"name": "a\ufffdb"}, END]


@pytest.mark.parametrize("garbage", [b"Host is down", b'"text"', b"]", b"{}", b"[[", b"[}", b"[ 1, {} ]", b'[{"a": 1]'])
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(BrokerError):
        list(Decoder().feed(garbage))
