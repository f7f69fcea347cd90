"""One line for people about each thing that happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.cli import eventlines
from camguard.core.events import Kind, Report
from camguard.core.records import Record, line
from tests.support import core_data
from tests.support.journal_data import FIREFOX, details, life, verdict


def answered(decision: str, by: str) -> Record:
    opened = life(17, 0)[0]
    report = Report(
        Kind.DECIDED,
        core_data.later(3),
        camera=opened.camera,
        activation=opened.activation,
        app=FIREFOX,
        details=details(FIREFOX),
        verdict=verdict(),
        extra={"decision": decision, "by": by},
        seq=9,
    )
    return line(report)


def test_an_answer_says_what_who_and_about_what() -> None:
    told = eventlines.line(answered("keep", "user anna"))
    assert "a17  answered   keep, said user anna: Integrated Camera  Firefox (pid 3017, user anna)" in told


@pytest.mark.parametrize("kind", Kind)
def test_there_is_a_line_for_every_kind(kind: Kind) -> None:
    assert kind in eventlines._TELL


@given(st.text(), st.text())
def test_an_answer_is_one_line_whatever_is_in_it(decision: str, by: str) -> None:
    told = eventlines.line(answered(decision, by))
    assert told.isprintable()
    assert len(told) < 900


def test_a_client_is_told_by_its_own_pid_and_an_app_of_the_portal_by_none() -> None:
    of_client, of_portal = ({"broker": "/usr/bin/pipewire", "pid": 8, "app": app} for app in (None, "org.gnome.Cheese"))
    process = {"pid": 42, "user": "anna", "name": "x"}
    told = {"app": {"name": "Cheese"}, "process": process}
    assert eventlines.who({**told, "process": {**process, "through": of_client}}) == "Cheese (pid 42, user anna)"
    assert eventlines.who({**told, "process": {**process, "through": of_portal}}) == "Cheese (user anna)"


@pytest.mark.parametrize(("judgement", "offered"), [("unexpected", True), ("blocked", False)])
def test_ending_is_offered_where_the_guard_does_not_do_it_itself(judgement: str, offered: bool) -> None:
    use = {"event": "alert", "activation": "a7", "state": "opened", "verdict": judgement}
    assert ("To end it: camguard end a7" in eventlines._alert(use)[1]) is offered
