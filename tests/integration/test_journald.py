"""What goes to the systemd journal, read from a socket as journald has one."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.journald import encode, send
from tests.support.journald import Journald, decoded


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    with Journald(tmp_path / "socket") as journald:
        yield journald


def test_each_field_arrives_as_it_was(journald: Journald) -> None:
    fields: dict[str, str | bytes] = {"MESSAGE": "a = b", "CAMGUARD_APP": "Prüfung", "EMPTY": "", "RAW": b"\x00\xff"}
    send(fields, journald.path)
    assert journald.entry() == {
        "MESSAGE": b"a = b",
        "CAMGUARD_APP": "Prüfung".encode(),
        "EMPTY": b"",
        "RAW": b"\x00\xff",
    }


def test_a_line_end_in_a_value_begins_no_field(journald: Journald) -> None:
    send({"CAMGUARD_APP": "x\nPRIORITY=0\n", "PRIORITY": "6"}, journald.path)
    assert journald.entry() == {"CAMGUARD_APP": b"x\nPRIORITY=0\n", "PRIORITY": b"6"}


def test_text_that_is_no_text_arrives_as_escapes(journald: Journald) -> None:
    send({"CAMGUARD_APP": "bad\udcff"}, journald.path)
    assert journald.entry() == {"CAMGUARD_APP": rb"bad\udcff"}


def test_what_is_larger_than_a_datagram_comes_as_a_sealed_file(journald: Journald) -> None:
    large = "x" * 3_000_000
    send({"MESSAGE": "large", "CAMGUARD_RECORD": large}, journald.path)
    data, file = journald.receive()
    assert data == b""
    assert file is not None
    seals = fcntl.fcntl(file, fcntl.F_GET_SEALS)
    os.close(file)
    wanted = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    assert seals == wanted
    send({"MESSAGE": "large", "CAMGUARD_RECORD": large}, journald.path)
    assert journald.entry() == {"MESSAGE": b"large", "CAMGUARD_RECORD": large.encode()}


def test_a_full_journal_is_told_and_not_waited_for(journald: Journald) -> None:
    def fill() -> None:
        for _ in range(100_000):
            send({"MESSAGE": "again"}, journald.path)

    with pytest.raises(BlockingIOError):
        fill()
    assert journald.entry() == {"MESSAGE": b"again"}


def test_no_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        send({"MESSAGE": "hello"}, tmp_path / "none")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
        gone.bind(str(tmp_path / "gone"))
    with pytest.raises(ConnectionRefusedError):
        send({"MESSAGE": "hello"}, tmp_path / "gone")


@pytest.mark.parametrize("name", ["", "lower", "_TRUSTED", "1ST", "A=B", "A\nB", "Ä", "A" * 65])
def test_a_name_that_the_journal_would_drop_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a journal field"):
        encode({name: "value"})


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True),
        st.one_of(st.binary(), st.text(alphabet="\n=A\0", max_size=9)),
        max_size=5,
    )
)
def test_whatever_the_values_are_the_fields_are_the_same(fields: dict[str, str | bytes]) -> None:
    wanted = {name: value if isinstance(value, bytes) else value.encode() for name, value in fields.items()}
    assert decoded(encode(fields)) == wanted
