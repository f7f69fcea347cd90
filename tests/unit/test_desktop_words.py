"""The sentences of the tray, whatever names are in them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.decisions import Decision
from camguard.core.model import App, AppIdentity, AppKind, Judgement, Result
from camguard.desktop import words
from camguard.desktop.cards import alert_card, number_of_key, result_card, without_buttons
from camguard.desktop.uses import Alerted
from camguard.wording import CUT, CUT_ONLY
from tests.support.tray_data import HOSTILE, NAMES, foreign, told

NOW = datetime.fromisoformat("2026-10-25T20:00+01:00")


def named(name: str) -> App:
    return App(AppIdentity(AppKind.EXECUTABLE, name, name, None), name)


@given(NAMES)
def test_a_name_is_harmless_and_short(name: str) -> None:
    shown = words.name(name)
    assert shown.isprintable()
    assert len(shown) <= words.LONGEST_NAME
    shown.encode()  # what a lone surrogate could not be


def test_a_short_name_is_left_as_it_is_and_a_long_one_keeps_both_ends() -> None:
    assert words.name("Firefox é") == "Firefox é"
    shown = words.name("/opt/" + "x" * 10_000 + "/evil.py")
    assert shown.startswith("/opt/xxx")
    assert shown.endswith("xxx/evil.py")
    assert "…" in shown


@given(NAMES, NAMES, NAMES)
def test_an_alert_is_one_bounded_sentence_under_a_title_of_ours(name: str, camera: str, why: str) -> None:
    record = told(3, app=named(name), why=why)
    record = {**record, "camera": {"name": camera}}
    alert = Alerted(3, record, NOW)
    for card in (alert_card(alert, NOW), result_card(record, "Ended."), without_buttons(alert_card(alert, NOW), 3)):
        assert card.title in {"Your camera is in use", "Your camera"}
        assert all(line.isprintable() for line in card.body.split("\n"))
        assert len(card.body) < 700
        card.body.encode()
    body = alert_card(alert, NOW).body
    assert "\n" not in body
    assert " has been using " in body


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_what_has_no_name_is_called_unknown(name: str) -> None:
    app = {"name": name}
    assert words.who({"app": app}) == ("An unknown program" if not name.strip() else words.name(name))
    assert words.camera({"camera": {"name": name}}) == "a camera"


def test_who_it_is_is_told_by_the_best_that_is_known() -> None:
    process = {"name": "python3", "script": "/home/anna/bin/snap.py"}
    assert words.who({"app": {"name": "Firefox"}, "process": process}) == "Firefox"
    assert words.who({"app": None, "process": process}) == "snap.py"
    assert words.who({"process": {"name": "python3"}}) == "python3"
    assert words.who(foreign(1)) == "Another user's program"
    assert words.who({}) == "An unknown program"


def test_the_sentences() -> None:
    assert words.alert(told(1), "20:15") == (
        "Firefox has been using Integrated Camera since 20:15: first use of a camera by this app."
    )
    blocked = told(1, judgement=Judgement.BLOCKED, why="rule r1 blocks it")
    assert words.alert(blocked, "20:15") == (
        "Firefox tried to use Integrated Camera at 20:15 and was stopped: rule r1 blocks it."
    )
    assert words.alert_title(blocked) != words.alert_title(told(1))
    assert words.alert(foreign(1), "20:15").startswith("Another user's program has been using Integrated Camera since")
    assert "only that user and administrators may know" in words.alert(foreign(1), "20:15")
    assert words.going_on(told(1), 185.0) == "Firefox has been using Integrated Camera for 3 minutes"
    assert words.going_on(told(1), None) == "Firefox has been using Integrated Camera"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute"),
        (59.9, "less than a minute"),
        (60, "1 minute"),
        (179, "2 minutes"),
        (3600, "1 hour"),
        (3660, "1 hour 1 minute"),
        (7 * 3600 + 59 * 60, "7 hours 59 minutes"),
        (100 * 3600, "100 hours"),
    ],
)
def test_how_long(seconds: float, said: str) -> None:
    assert words.lasting(seconds) == said


@given(st.floats(0, 1e7))
def test_how_long_is_never_empty(seconds: float) -> None:
    assert words.lasting(seconds)


@pytest.mark.parametrize(
    ("days_ago", "said"),
    [
        (0, "20:00"),
        (1, "20:00 on Saturday"),
        (6, "20:00 on Monday"),
        (7, "20:00 on 2026-10-18"),
        (-1, "20:00 on 2026-"),
    ],
)
def test_when(days_ago: int, said: str) -> None:
    assert words.clock(NOW - timedelta(days=days_ago), NOW).startswith(said)


def answer(decision: Decision, result: Result | None = None, why: str | None = None, not_off: str | None = None) -> str:
    outcome = None if result is None else {"result": result.value, "why": why}
    return words.decided({"decision": decision.value, "outcome": outcome, "not_off": not_off})


def test_what_came_of_an_answer() -> None:
    assert answer(Decision.OFF, Result.ENDED) == "Ended. The camera is off."
    assert answer(Decision.OFF, Result.GONE) == "It had stopped already. The camera is off."
    assert answer(Decision.END, Result.ENDED) == "Ended."
    assert answer(Decision.END, Result.REFUSED, "It is a broker.") == "It was not ended. It is a broker."
    assert answer(Decision.END, Result.STILL_HELD) == "It could not be ended."
    assert (
        answer(Decision.OFF, Result.ENDED, not_off="No rights.") == "Ended. The camera is not switched off: No rights."
    )
    assert answer(Decision.KEEP) == "It may go on until it stops."
    allowed = {"decision": "allow", "rule": {"effect": "allow", "user": "kid"}}
    assert words.decided(allowed) == "From now on this app is expected."
    allowed["rule"] = {"effect": "allow"}
    assert words.decided(allowed) == "From now on this app is expected, whichever user runs it."


@pytest.mark.parametrize("decision", Decision)
@pytest.mark.parametrize("result", Result)
@given(why=NAMES, not_off=st.none() | NAMES)
def test_what_came_of_an_answer_is_harmless(decision: Decision, result: Result, why: str, not_off: str | None) -> None:
    said = answer(decision, result, why, not_off)
    assert said.isprintable()
    assert len(said) < 700
    if decision in {Decision.OFF, Decision.END} and result is not Result.ENDED:
        assert "Ended." not in said.split("not switched off")[0]


def test_the_buttons_are_the_three_answers() -> None:
    card = alert_card(Alerted(3, told(3), NOW), NOW)
    assert card.critical
    assert card.buttons == (("off", "Turn it off"), ("keep", "Keep on this time"), ("allow", "Always allow"))
    blocked = alert_card(Alerted(3, told(3, judgement=Judgement.BLOCKED), NOW), NOW)
    assert (blocked.critical, [word for word, _ in blocked.buttons]) == (False, ["seen"])
    assert [word for word, _ in alert_card(Alerted(3, foreign(3), NOW), NOW).buttons] == ["seen"]


def test_without_buttons_it_says_where_to_answer_instead() -> None:
    card = alert_card(Alerted(3, told(3), NOW), NOW)
    plain = without_buttons(card, 3)
    assert plain == replace(card, body=plain.body, buttons=())
    assert plain.body == f"{card.body}\nAnswer in the menu of camguard's icon, or: camguard alerts answer a3 off"
    blocked = alert_card(Alerted(3, told(3, judgement=Judgement.BLOCKED), NOW), NOW)
    assert without_buttons(blocked, 3).body.endswith("camguard alerts answer a3 seen")
    assert without_buttons(card, None).body == card.body  # a card that is no alert has no such answer
    told_only = result_card(told(3), "Ended.")
    assert without_buttons(told_only, 3) == told_only


@pytest.mark.parametrize(
    ("key", "number"),
    [("a17", 17), ("reminder-a17", 17), ("17", None), ("reminder-17", None), ("test", None), ("a17-failed", None)],
)
def test_which_use_a_card_is_about(key: str, number: int | None) -> None:
    assert number_of_key(key) == number


@given(st.text("0123456789\u00b2\u0661-a reminder", max_size=20) | st.from_regex(r"(reminder-)*a+\d+", fullmatch=True))
def test_no_other_key_is_about_a_use(key: str) -> None:
    number = number_of_key(key)
    shape = re.fullmatch("(?:reminder-)?a([0-9]+)", key)
    assert number == (None if shape is None else int(shape[1]))


def test_the_hostile_names_are_some_that_do_harm_as_they_are() -> None:
    assert any(not name.isprintable() for name in HOSTILE)
    assert any(len(name) > words.LONGEST_NAME for name in HOSTILE)


def test_a_program_that_was_only_cut_off_goes_on_and_one_that_was_ended_too_does_not() -> None:
    cut = {"pid": 7, "what": CUT, "result": "it is gone"}
    ended = {"pid": 7, "what": "asked it to end (SIGTERM)", "result": "ended"}
    for steps, said in (([cut], f"Ended. {CUT_ONLY}"), ([cut, ended], "Ended."), ([], "Ended.")):
        outcome = {"result": "ended", "why": None, "steps": steps}
        assert words.decided({"decision": "end", "outcome": outcome, "not_off": None}) == said
