"""The tray's menu: plain sentences, each with what a click asks for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.decisions import Decision
from camguard.core.events import Kind
from camguard.core.model import App, AppIdentity, AppKind, Judgement
from camguard.core.power import Power
from camguard.core.records import Record
from camguard.desktop.board import Board
from camguard.desktop.menu import LINE, LISTED, PASSES_MIN, Do, Row, Verb, menu
from camguard.wording import ending_closes
from tests.support.journal_data import CAMERA
from tests.support.tray_data import NAMES, camera, foreign, status, told

NOW = datetime.fromisoformat("2026-10-25T20:00+01:00")


def standing(*uses: Record, alerts: tuple[Record, ...] = (), service: bool = True, **more: object) -> Board:
    board = Board()
    board.asking()
    for alert in alerts:
        board.take(alert)
    board.stand(status(*uses, **more), 100.0, "The service answers.", service=service, first=True)  # type: ignore[arg-type]  # what `status` takes
    return board


def rows(board: Board, now_s: float = 100.0) -> tuple[Row, ...]:
    return menu(board, NOW, now_s, "1.2.3")


def every(given_rows: tuple[Row, ...]) -> Iterator[Row]:
    for row in given_rows:
        yield row
        yield from every(row.rows)


def texts(given_rows: tuple[Row, ...]) -> list[str]:
    return [row.text for row in given_rows]


def row(given_rows: tuple[Row, ...], text: str) -> Row:
    [found] = [each for each in given_rows if each.text == text]
    return found


def asked(given_rows: tuple[Row, ...]) -> list[tuple[str, Decision | None]]:
    return [(each.text, each.do.decision) for each in given_rows if each.do is not None]


ENDS = [
    "Activity…",
    "What to do if someone threatens you…",
    "Test my alert",
    "About",
    "Quit (the service goes on guarding)",
]


def test_with_nothing_going_on() -> None:
    shown = rows(standing())
    assert texts(shown) == ["Integrated Camera is not in use", "", "Switch the camera off", "", *ENDS]
    assert row(shown, "Activity…").default
    assert row(shown, "What to do if someone threatens you…").do == Do(Verb.ADVICE)
    assert row(shown, "Integrated Camera is not in use").do is None
    assert row(shown, "Switch the camera off").do == Do(Verb.SWITCH, camera=CAMERA.id, power=Power.OFF)
    assert row(shown, ENDS[-1]).do == Do(Verb.QUIT)


def test_a_use_says_since_when_and_offers_the_answers() -> None:
    board = standing(told(7, Kind.CAPTURING), alerts=(told(7),))
    [use, *_] = rows(board, now_s=220.0)
    assert use.text == "Firefox has been using Integrated Camera for 3 minutes"
    assert asked(use.rows) == [
        ("End it", Decision.END),
        ("End it, and switch the camera off", Decision.OFF),
        ("Keep, until it stops", Decision.KEEP),
        ("Always allow", Decision.ALLOW),
    ]
    assert all(each.do is None or (each.do.verb, each.do.number) == (Verb.DECIDE, 7) for each in use.rows)
    details = texts(use.rows[-1].rows)
    assert "Program: /usr/lib/firefox/firefox" in details
    assert "Process: 3007" in details
    assert "User: anna" in details
    assert "Judged: unexpected" in details
    assert "Why: first use of a camera by this app" in details
    assert "In the log: a7" in details


def test_what_needs_no_answer_is_not_asked() -> None:
    answered = standing(told(7, Kind.CAPTURING))
    assert [word for word, _ in asked(rows(answered)[0].rows)] == [
        "End it",
        "End it, and switch the camera off",
        "Always allow",
    ]
    expected = standing(told(7, Kind.CAPTURING, judgement=Judgement.EXPECTED))
    assert [word for word, _ in asked(rows(expected)[0].rows)] == ["End it", "End it, and switch the camera off"]


def test_where_it_cannot_switch_nothing_is_offered_that_would_be_refused() -> None:
    board = standing(told(7, Kind.CAPTURING), alerts=(told(7),), switches=False)
    found = list(every(rows(board)))
    assert not [each for each in found if each.do is not None and each.do.verb is Verb.SWITCH]
    assert not [each for each in found if each.do is not None and each.do.decision is Decision.OFF]


def test_another_users_use_is_told_and_nothing_more() -> None:
    [use, *_] = rows(standing(foreign(7, Kind.CAPTURING)))
    assert use.text.startswith("Another user's program has been using Integrated Camera")
    assert [each for each in every(use.rows) if each.do is not None] == []


def test_a_camera_that_is_off_is_turned_on_for_a_time_or_for_good() -> None:
    shown = rows(standing(cameras=(camera("off"),)))
    assert shown[0].text == "Integrated Camera is switched off"
    dos = [each.do for each in shown if each.do is not None and each.do.verb is Verb.SWITCH]
    assert [do.for_s for do in dos] == [*(minutes * 60.0 for minutes in PASSES_MIN), None]
    assert all(do.power is Power.ON for do in dos)


def test_a_camera_on_for_a_time_says_for_how_long_yet() -> None:
    shown = rows(standing(cameras=(camera("on", left_s=125),)))
    assert "On for 2 min 5 s more" in texts(shown)
    assert "Switch the camera off" in texts(shown)


def test_of_several_cameras_each_has_its_own_rows() -> None:
    other = {**camera("off", name="HD Pro"), "id": "usb-other"}
    shown = rows(standing(cameras=(camera(), other)))
    assert row(shown, "Switch all cameras off").do == Do(Verb.SWITCH, power=Power.OFF)
    assert {each.do.camera for each in row(shown, "HD Pro").rows if each.do is not None} == {"usb-other"}
    assert {each.do.camera for each in row(shown, CAMERA.name).rows if each.do is not None} == {CAMERA.id}


def test_what_was_missed_is_listed_the_newest_first() -> None:
    many = LISTED + 3
    alerts = [told(number, kind) for number in range(1, many + 1) for kind in (Kind.ALERT, Kind.ENDED)]
    shown = rows(standing(alerts=tuple(alerts)))
    missed = row(shown, f"While you were away ({many})").rows
    assert [each.rows[-1].do.number for each in missed if each.rows and each.rows[-1].do] == [*range(many, 3, -1)]
    assert texts(missed)[LISTED:] == ["and 3 more: see Activity", "", "All seen"]
    assert missed[-1].do == Do(Verb.ALL_SEEN)
    assert missed[0].text.startswith("Firefox used Integrated Camera at ")
    assert asked(missed[0].rows) == [("Seen", Decision.SEEN), ("Always allow", Decision.ALLOW)]


@pytest.mark.parametrize("alert", [foreign(1), told(1, judgement=Judgement.BLOCKED)])
def test_what_cannot_be_allowed_is_not_offered_for_it(alert: Record) -> None:
    ended = foreign(1, Kind.ENDED) if alert.get("reduced") else told(1, Kind.ENDED, judgement=Judgement.BLOCKED)
    missed = row(rows(standing(alerts=(alert, ended))), "While you were away (1)").rows[0]
    assert asked(missed.rows) == [("Seen", Decision.SEEN)]
    assert ("tried to use" in missed.text) == (not alert.get("reduced"))


def test_a_log_that_was_changed_is_told() -> None:
    assert "The log was changed: entry 5 is odd" in texts(rows(standing(log_trouble="entry 5 is odd")))


def test_it_says_what_it_does_not_see_and_of_a_guard_that_is_gone_nothing_else() -> None:
    board = standing(trouble="line 3")
    assert "Not in force: line 3" in texts(rows(board))
    board.lose("no guard\x1b answers\nnow")
    shown = rows(board)
    assert texts(shown) == [
        "camguard cannot see: no guard\\x1b answers\\nnow",
        "",
        *ENDS[:-1],
        "Quit (nothing guards the camera then)",
    ]


def test_without_the_service_it_says_how_to_have_it_and_that_quitting_ends_the_guard() -> None:
    shown = rows(standing(service=False))
    assert shown[-1].text == "Quit (nothing guards the camera then)"
    assert Do(Verb.INSTALL) in [each.do for each in row(shown, "About").rows]
    assert Do(Verb.INSTALL) not in [each.do for each in row(rows(standing()), "About").rows]


def test_with_no_camera_it_says_so() -> None:
    assert rows(standing(cameras=()))[0].text == "No camera is plugged in"


@given(NAMES, NAMES, NAMES, NAMES, st.booleans())
def test_every_row_is_harmless_bounded_and_no_line_by_chance(
    name: str, camera_name: str, why: str, path: str, two: bool
) -> None:
    app = App(AppIdentity(AppKind.EXECUTABLE, path, path, None), name)
    device: Record = {"id": CAMERA.id, "name": camera_name}
    uses = [{**told(1, kind, app=app, why=why), "camera": device} for kind in (Kind.CAPTURING, Kind.ALERT)]
    cameras = (camera(name=camera_name), {**camera("off", name=camera_name), "id": "other"})
    missed = {**told(2, app=app, why=why), "camera": device}
    board = standing(uses[0], alerts=(uses[1], missed), cameras=cameras if two else cameras[:1], trouble=why or "x")
    board.take(told(2, Kind.ENDED, app=app, why=why))
    plain = standing(
        told(1, Kind.CAPTURING),
        alerts=(told(1), told(2)),
        cameras=(camera(), {**camera("off"), "id": "other"}) if two else (camera(),),
        trouble="x",
    )
    plain.take(told(2, Kind.ENDED))
    shown, usual = [*every(rows(board))], [*every(rows(plain))]
    assert all(each.text.isprintable() and len(each.text) < 400 for each in shown)
    assert [each.do for each in shown if each.do] == [each.do for each in usual if each.do]  # no name makes a click
    assert shown.count(LINE) == usual.count(LINE)
    assert all(each.text or each == LINE for each in shown)


def test_a_click_means_the_same_however_old_the_menu_is() -> None:
    board = standing(told(7, Kind.CAPTURING), alerts=(told(7),))
    before = {each.do for each in every(rows(board)) if each.do is not None and each.do.verb is Verb.DECIDE}
    board.take(told(8))
    board.answered(7)
    assert {each.number for each in before} == {7}


def firefox(**app: str) -> Record:
    """A use by a browser that closes when it is ended, as the service tells it."""
    use = told(7, Kind.CAPTURING)
    assert isinstance(use["process"], dict)
    assert isinstance(use["app"], dict)
    return {**use, "process": {**use["process"], "warning": ending_closes("Firefox")}, "app": {**use["app"], **app}}


def test_what_ending_closes_is_told_before_it_is_offered() -> None:
    [use, *_] = rows(standing(firefox()))
    before, *_ = texts(use.rows)
    assert before == ending_closes("Firefox")
    assert "Ending it" not in " ".join(texts(rows(standing(told(7, Kind.CAPTURING)))[0].rows))


@pytest.mark.parametrize(
    ("app", "offered", "known_by"),
    [
        ({"confidence": "kernel"}, True, ["Known by: the file that runs"]),
        ({"confidence": "broker"}, True, ["Known by: the program that serves it"]),
        ({"confidence": "portal"}, True, ["Known by: the desktop's portal"]),
        ({"confidence": "self-declared"}, False, ["Known by: its own word only"]),
        ({"confidence": "unknown", "kind": "unknown"}, False, []),
    ],
)
def test_what_cannot_be_allowed_is_not_offered_and_whose_word_it_is_stands_in_the_details(
    app: dict[str, str], offered: bool, known_by: list[str]
) -> None:
    [use, *_] = rows(standing(firefox(**app)))
    assert ("Always allow" in texts(use.rows)) is offered
    assert [text for text in texts(row(use.rows, "Details").rows) if text.startswith("Known by")] == known_by
