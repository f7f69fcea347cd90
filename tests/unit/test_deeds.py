"""What clicks ask for: done through the guard, told in a card, and never lost where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given

from camguard.access.remote import Remote
from camguard.core.decisions import Decision
from camguard.core.events import Kind
from camguard.core.power import Power
from camguard.core.records import Record
from camguard.desktop.agent import answer_of
from camguard.desktop.board import Board
from camguard.desktop.cards import Card
from camguard.desktop.deeds import Deeds
from camguard.desktop.link import Line
from camguard.desktop.menu import Do, Verb
from camguard.errors import CamguardError, PageError, Refused, ServiceError
from tests.support.journal_data import CAMERA
from tests.support.tray_data import HOSTILE, NAMES, foreign, status, told


@dataclass
class Desk:
    """A guard to ask, a place where cards are told, and what became of both."""

    board: Board = field(default_factory=Board)
    fails: CamguardError | None = None
    power: str = "off"
    asked: list[tuple[object, ...]] = field(default_factory=list)
    cards: dict[str, Card] = field(default_factory=dict)
    quit: int = 0
    pages: int = 0
    advised: int = 0
    page_fails: CamguardError | None = None
    camera_name: str = CAMERA.name

    def __post_init__(self) -> None:
        self.deeds = Deeds(
            self.board, cast("Line", self), self.tell, "/opt/bin/camguard", self.open_page, self.open_advice, self.leave
        )

    async def ask(self, question: Callable[[Remote], Any]) -> Any:
        if self.fails is not None:
            raise self.fails
        return question(cast("Remote", self))

    def decide(self, number: int, decision: Decision) -> Record:
        self.asked.append((number, decision))
        ended = decision in {Decision.OFF, Decision.END}
        outcome: Record = {"result": "ended", "why": None}
        return {"decision": decision.value, "outcome": outcome if ended else None, "not_off": None}

    def switch(self, power: Power, camera: str | None, for_s: float | None, *, whole: bool) -> Record:
        self.asked.append((power, camera, for_s, whole))
        camera_view: Record = {"id": CAMERA.id, "name": self.camera_name, "power": self.power}
        outcome: Record = {"why": "It is held by a driver."}
        return {
            "power": power.value,
            "cameras": [camera_view],
            "results": [{"camera": camera_view, "outcome": outcome}],
        }

    async def tell(self, key: str, card: Card) -> None:
        self.cards[key] = card

    async def open_page(self) -> None:
        self.pages += 1
        if self.page_fails is not None:
            raise self.page_fails

    async def open_advice(self) -> None:
        self.advised += 1
        if self.page_fails is not None:
            raise self.page_fails

    def leave(self) -> None:
        self.quit += 1

    def do(self, verb: Verb, **more: Any) -> None:
        asyncio.run(self.deeds.do(Do(verb, **more)))

    def alert(self, *records: Record) -> Board:
        self.board.asking()
        self.board.stand(status(), 100.0, "", service=True, first=True)
        for record in records:
            self.board.take(record)
        return self.board


@pytest.mark.parametrize("decision", Decision)
def test_an_answer_is_passed_on_and_its_result_takes_the_alerts_place(decision: Decision) -> None:
    desk = Desk()
    board = desk.alert(told(3))
    desk.do(Verb.DECIDE, number=3, decision=decision)
    assert desk.asked == [(3, decision)]
    assert not board.waiting(3)
    if decision is Decision.SEEN:
        assert not desk.cards  # whoever says so need not be told
        return
    [(key, card)] = desk.cards.items()
    assert key == "a3"
    assert card.title == "Your camera"
    assert card.body.startswith("Firefox: ")
    assert not card.buttons
    assert card.expires_s is not None


def test_an_answer_that_could_not_be_carried_out_is_said_and_the_alert_is_back() -> None:
    desk = Desk(fails=Refused("only root\nmay"))
    board = desk.alert(told(3))
    desk.do(Verb.DECIDE, number=3, decision=Decision.OFF)
    assert board.waiting(3)
    assert list(board.cards(board.going_on[0].since, 5)) == ["a3"]
    [(key, card)] = desk.cards.items()
    assert key != "a3"  # beside the alert, which is still to be answered
    assert (card.title, card.body) == ("That was not done", "only root\\nmay")


def test_while_it_is_being_answered_the_alert_is_not_shown() -> None:
    desk = Desk()
    board = desk.alert(told(3))
    shown = []

    def decide(number: int, decision: Decision) -> Record:
        shown.append(list(board.cards(board.going_on[0].since, 5)))
        return {"decision": decision.value, "outcome": None, "not_off": None}

    desk.decide = decide  # type: ignore[method-assign]  # to look at that very moment
    desk.do(Verb.DECIDE, number=3, decision=Decision.KEEP)
    assert shown == [[]]


def test_a_use_that_has_no_alert_can_be_ended_from_the_menu_and_from_a_reminder() -> None:
    desk = Desk()
    desk.alert()
    asked = answer_of("reminder-a9", "end")
    assert asked is not None
    asyncio.run(desk.deeds.decide(*asked))
    assert desk.asked == [(9, Decision.END)]


def test_of_another_users_use_nothing_is_asked_but_it_is_known() -> None:
    desk = Desk()
    board = desk.alert(foreign(3))
    desk.do(Verb.DECIDE, number=3, decision=Decision.SEEN)
    assert not desk.asked
    assert not board.waiting(3)


def test_all_that_was_missed_is_seen_at_once_without_a_word_about_each() -> None:
    desk = Desk()
    board = desk.alert(told(1), told(1, Kind.ENDED), told(2), told(2, Kind.ENDED), foreign(3), told(4))
    board.take(foreign(3, Kind.ENDED))
    desk.do(Verb.ALL_SEEN)
    assert desk.asked == [(1, Decision.SEEN), (2, Decision.SEEN)]
    assert not board.missed
    assert board.waiting(4)
    assert not desk.cards


def test_switching_says_how_the_camera_is_then() -> None:
    desk = Desk()
    desk.do(Verb.SWITCH, camera=CAMERA.id, power=Power.OFF)
    assert desk.asked == [(Power.OFF, CAMERA.id, None, False)]
    assert desk.cards["switch"].body == "Integrated Camera is off, checked."
    desk.power = "on"
    desk.do(Verb.SWITCH, camera=CAMERA.id, power=Power.OFF)
    assert desk.cards["switch"].body == "Integrated Camera is on. It is held by a driver."
    desk.fails = ServiceError("no guard answers now")
    desk.do(Verb.SWITCH, power=Power.ON, for_s=900.0)
    assert desk.cards["switch"].body == "no guard answers now"


def test_the_other_rows() -> None:
    desk = Desk()
    desk.do(Verb.ACTIVITY)
    desk.do(Verb.ADVICE)
    desk.do(Verb.TEST)
    desk.do(Verb.INSTALL)
    desk.do(Verb.QUIT)
    assert (desk.pages, desk.advised, desk.quit) == (1, 1, 1)
    assert list(desk.cards) == ["test", "install"]  # a page that opens is told nowhere else
    assert desk.asked == []  # and no guard hears of it
    assert desk.cards["test"].buttons == (("works", "It works"),)
    assert "sudo /opt/bin/camguard service install" in desk.cards["install"].body
    desk.page_fails = PageError("no browser could be started")
    for verb in (Verb.ACTIVITY, Verb.ADVICE):
        desk.cards.clear()
        desk.do(verb)
        assert desk.cards["page"].body == "no browser could be started"


@pytest.mark.parametrize("word", ["test", "install"])
def test_the_welcomes_buttons(word: str) -> None:
    desk = Desk()
    asyncio.run(desk.deeds.offer(word))
    assert list(desk.cards) == [word]


@pytest.mark.parametrize(
    ("key", "word", "answer"),
    [
        ("a17", "off", (17, Decision.OFF)),
        ("reminder-a17", "end", (17, Decision.END)),
        ("a17", "works", None),
        ("test", "works", None),
        ("welcome", "test", None),
        ("17", "off", None),
        ("a17-failed", "seen", None),
    ],
)
def test_which_answer_a_button_gives(key: str, word: str, answer: tuple[int, Decision] | None) -> None:
    assert answer_of(key, word) == answer


@given(NAMES, NAMES)
def test_what_is_told_is_harmless_whatever_it_is_about(name: str, why: str) -> None:
    desk = Desk(camera_name=name)
    desk.alert({**told(3), "app": {"name": name}})
    desk.do(Verb.DECIDE, number=3, decision=Decision.OFF)
    desk.do(Verb.SWITCH, power=Power.OFF)
    desk.fails = Refused(why)
    desk.do(Verb.SWITCH, power=Power.OFF)
    desk.do(Verb.DECIDE, number=3, decision=Decision.OFF)
    assert len(desk.cards) == 3
    for card in desk.cards.values():
        assert card.title in {"Your camera", "That was not done"}
        assert card.body.isprintable()
        assert len(card.body) < 600


def test_the_names_are_hostile() -> None:
    assert any(not name.isprintable() for name in HOSTILE)
