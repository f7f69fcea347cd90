"""The service's events on their way to the systemd journal: all of them, none waited for, none lost unsaid."""

from __future__ import annotations

from pathlib import Path

from camguard.core.events import Kind
from camguard.core.records import line
from camguard.journalentry.settings import Share
from camguard.service.systemjournal import SystemJournal
from tests.support.journal_data import life
from tests.support.journald import Journald

USE = [line(report) for report in life(17, 0)]


def test_each_event_is_an_entry(tmp_path: Path) -> None:
    with Journald(tmp_path / "socket") as journald:
        journal = SystemJournal(Share.ALL, journald.path)
        for record in USE:
            journal.tell(record)
        events = [journald.entry()["CAMGUARD_EVENT"].decode() for _ in USE]
    assert events == [record["event"] for record in USE]


def test_what_a_full_journal_does_not_take_is_counted_and_told_later(tmp_path: Path) -> None:
    with Journald(tmp_path / "socket") as journald:
        journal = SystemJournal(Share.ALL, journald.path)
        told = 0
        while not journal.left_out:
            journal.tell(USE[0])
            told += 1
        journal.tell(USE[0])
        missed = journal.left_out
        assert missed == 2
        for _ in range(told - 1):
            assert journald.entry()["CAMGUARD_EVENT"] == b"opened"
        journal.tell(USE[-1])
        assert journal.left_out == 0
        assert journald.entry()["CAMGUARD_LEFT_OUT"] == b"2"
        assert journald.entry()["CAMGUARD_EVENT"] == b"ended"


def test_a_journal_that_comes_back_hears_what_it_missed(tmp_path: Path) -> None:
    journal = SystemJournal(Share.ALL, tmp_path / "socket")
    journal.tell(USE[0])
    with Journald(tmp_path / "socket") as journald:
        journal.catch_up()
        assert journald.entry()["CAMGUARD_LEFT_OUT"] == b"1"


def test_as_much_as_the_configuration_says(tmp_path: Path) -> None:
    with Journald(tmp_path / "socket") as journald:
        SystemJournal(Share.NONE, journald.path).tell(USE[-1])
        reduced = SystemJournal(Share.REDUCED, journald.path)
        reduced.tell({**USE[-1], "event": Kind.JUDGED.value})
        reduced.tell(USE[-1])
        fields = journald.entry()
        private = SystemJournal(Share.ALL, journald.path, private=True)
        private.tell(USE[-1])
        private.tell({"event": Kind.GUARD_STOPPED.value, "at": "2030-01-01"})
        assert journald.entry()["CAMGUARD_EVENT"] == b"guard.stopped"
    assert fields["CAMGUARD_EVENT"] == b"ended"
    assert fields["CAMGUARD_CAMERA"] == b"Integrated Camera"
    assert not {"CAMGUARD_APP", "CAMGUARD_PID", "CAMGUARD_USER", "CAMGUARD_EXE", "CAMGUARD_VERDICT"} & set(fields)
    assert b"Firefox" not in fields["MESSAGE"]
