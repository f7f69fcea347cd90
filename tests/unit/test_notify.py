"""What is told to systemd, and that nobody waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.service.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(10)
        yield receiver


def notifier(tmp_path: Path, **more: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), **more})


def test_states_arrive_together(systemd: socket.socket, tmp_path: Path) -> None:
    assert notifier(tmp_path).tell("READY=1", "STATUS=guarding")
    assert systemd.recv(4096) == b"READY=1\nSTATUS=guarding"


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0camguard-test-{os.getpid()}")
        receiver.settimeout(10)
        assert Notifier({"NOTIFY_SOCKET": f"@camguard-test-{os.getpid()}"}).tell("READY=1")
        assert receiver.recv(4096) == b"READY=1"


def test_without_systemd_nothing_is_told() -> None:
    assert Notifier({}).tell("READY=1")
    assert Notifier({}).watchdog_s is None


def test_one_who_does_not_listen_holds_nobody_up(systemd: socket.socket, tmp_path: Path) -> None:
    tells = notifier(tmp_path)
    told = 0
    while tells.tell("WATCHDOG=1"):
        told += 1
    assert told > 0
    assert systemd.recv(4096) == b"WATCHDOG=1"
    assert tells.tell("WATCHDOG=1")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
    ],
)
def test_the_watchdog_is_for_this_process(environ: dict[str, str], expected: float | None) -> None:
    assert Notifier(environ).watchdog_s == expected
