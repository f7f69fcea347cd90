"""What the service tells systemd, and how grave: never waited for, and told apart."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from pathlib import Path

import pytest

from camguard.service import logs
from camguard.service.notify import Notifier


def told(record: logging.LogRecord) -> str:
    return logs.GravityFormatter("%(message)s").format(record)


def record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("camguard", level, __file__, 1, text, None, None)


@pytest.mark.parametrize(
    ("level", "prefix"),
    [
        (logging.CRITICAL, "<3>"),
        (logging.ERROR, "<3>"),
        (logging.WARNING, "<4>"),
        (logging.INFO, "<6>"),
        (logging.DEBUG, "<7>"),
        (1, "<7>"),
    ],
)
def test_each_line_says_how_grave_it_is(level: int, prefix: str) -> None:
    assert told(record(level, "one\ntwo")) == f"{prefix}one\n{prefix}two"


@pytest.mark.parametrize("grave", [True, False])
def test_only_systemds_journal_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grave: bool) -> None:
    with (tmp_path / "stderr").open("w+") as stderr:
        found = os.fstat(stderr.fileno())
        stream = f"{found.st_dev}:{found.st_ino if grave else found.st_ino + 1}"
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        logs.begin({"JOURNAL_STREAM": stream})
        logging.getLogger("camguard").error("it is broken")
        stderr.seek(0)
        assert stderr.read() == ("<3>it is broken\n" if grave else "it is broken\n")


def test_a_systemd_that_does_not_read_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        sent = 0
        while notifier.tell("WATCHDOG=1"):
            sent += 1
        assert sent

        async def insist() -> None:
            insisting = asyncio.create_task(notifier.insist("READY=1"))
            await asyncio.sleep(0)
            assert not insisting.done()
            assert [systemd.recv(99) for _ in range(sent)] == [b"WATCHDOG=1"] * sent
            await insisting

        asyncio.run(insist())
        assert systemd.recv(99) == b"READY=1"


def test_without_systemd_nobody_is_told() -> None:
    assert Notifier({}).tell("READY=1")
