"""The cards on the screen: in the end they are those that should be, however often showing fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.desktop import shown
from camguard.desktop.cards import Card
from camguard.desktop.notifications import Reached
from camguard.desktop.shown import Screen
from camguard.errors import NotShown

CARD = Card("Your camera is in use", "Firefox", critical=True, buttons=(("off", "Turn it off"),))
OTHER = Card("Your camera is in use", "Zoom")


@dataclass
class Display:
    """Shows cards, fails where `fails` says so, and does `meanwhile` before each thing it does."""

    fails: Callable[[], bool] = lambda: False
    buttons: bool = True
    on_screen: dict[str, Card] = field(default_factory=dict)
    asked: int = 0
    meanwhile: Callable[[], object] = lambda: None

    async def reach(self) -> Reached:
        await self._do()
        return Reached("display", self.buttons, "test")

    async def show(self, key: str, card: Card) -> None:
        await self._do()
        self.on_screen[key] = card

    async def withdraw(self, key: str) -> None:
        await self._do()
        self.on_screen.pop(key, None)

    async def close(self) -> None:
        """Nothing."""

    async def _do(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        self.meanwhile()
        if self.fails():
            raise NotShown("nobody shows notifications")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed may be tried again at once."""
    monkeypatch.setattr(shown, "FIRST_AGAIN_S", 0.0)


def run(work: Awaitable[object]) -> None:
    async def done() -> None:
        await work

    asyncio.run(done())


def test_what_is_wanted_is_shown_once_replaced_where_it_changed_and_withdrawn_when_it_is_not() -> None:
    display = Display()
    screen = Screen(display)
    run(screen.keep({"a1": CARD, "a2": OTHER}))
    assert display.on_screen == {"a1": CARD, "a2": OTHER}
    asked = display.asked
    run(screen.keep({"a1": CARD, "a2": OTHER}))
    assert display.asked == asked
    run(screen.keep({"a1": OTHER}))
    assert display.on_screen == {"a1": OTHER}


def test_what_was_closed_is_left_alone_and_what_was_told_stays() -> None:
    display = Display()
    screen = Screen(display)
    run(screen.keep({"a1": CARD}))
    screen.gone("a1")
    display.on_screen.clear()
    run(screen.tell("a1", OTHER))
    run(screen.keep({}))
    assert display.on_screen == {"a1": OTHER}  # the result of an answer goes by itself


def test_whoever_comes_new_to_show_is_given_everything_again() -> None:
    display = Display()
    screen = Screen(display)
    run(screen.keep({"a1": CARD}))
    display.on_screen.clear()
    display.buttons = False
    screen.forgotten()
    run(screen.keep({"a1": CARD}))
    assert display.on_screen["a1"].buttons == ()
    assert "camguard alerts answer a1 off" in display.on_screen["a1"].body


@pytest.mark.parametrize(("key", "hint"), [("reminder-a7", "alerts answer a7 off"), ("welcome", None), ("test", None)])
def test_only_what_is_about_a_use_says_how_to_answer_it_elsewhere(key: str, hint: str | None) -> None:
    display = Display(buttons=False)
    run(Screen(display).tell(key, CARD))
    assert display.on_screen[key].buttons == ()
    assert ("camguard alerts" in display.on_screen[key].body) == (hint is not None)
    assert hint is None or hint in display.on_screen[key].body


def test_what_could_not_be_shown_is_tried_again_and_not_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "FIRST_AGAIN_S", 1000.0)
    state = {"down": True}
    display = Display(fails=lambda: state["down"])
    screen = Screen(display)
    run(screen.keep({"a1": CARD}))
    assert screen.again_s is not None
    assert 900 < screen.again_s <= 1000
    state["down"], asked = False, display.asked
    run(screen.keep({"a1": CARD}))
    assert display.asked == asked  # it is not time yet
    monkeypatch.setattr(screen, "_pause_s", 0.0)
    run(screen.keep({"a1": CARD}))
    assert display.on_screen == {"a1": CARD}
    assert screen.again_s is None


def test_it_is_tried_ever_more_rarely_and_not_ever_more_so(monkeypatch: pytest.MonkeyPatch) -> None:
    display = Display(fails=lambda: True)
    screen = Screen(display)
    monkeypatch.setattr(shown, "LONGEST_AGAIN_S", 0.0)
    for _ in range(20):
        run(screen.keep({"a1": CARD}))
    assert display.asked == 20
    assert screen.again_s == 0.0


@pytest.mark.parametrize("event", ["forgotten", "gone", "tell"])
def test_whatever_happens_while_cards_are_withdrawn_or_shown(event: str) -> None:
    display = Display()
    screen = Screen(display)
    many = {f"a{number}": CARD for number in range(5)}

    def happen() -> None:
        if event == "forgotten":
            screen.forgotten()
        else:
            screen.gone("a3")

    async def scene() -> None:
        await screen.keep(many)
        display.meanwhile = happen
        if event == "tell":
            await asyncio.gather(screen.keep({}), *(screen.tell(f"b{number}", OTHER) for number in range(3)))
        else:
            await screen.keep({})
        await screen.keep({"a9": CARD})

    asyncio.run(scene())
    assert display.on_screen["a9"] == CARD


def test_a_result_told_while_its_alert_is_being_shown_is_not_taken_away_with_it() -> None:
    display, begun = Display(), asyncio.Event()
    screen = Screen(display)

    async def scene() -> None:
        display.meanwhile = begun.set
        showing = asyncio.create_task(screen.keep({"a1": CARD}))
        await begun.wait()
        await asyncio.gather(showing, screen.tell("a1", OTHER))
        await screen.keep({})

    asyncio.run(scene())
    assert display.on_screen == {"a1": OTHER}


KEYS = st.sampled_from(["a1", "a2", "a3", "reminder-a1"])
WANTED = st.dictionaries(KEYS, st.sampled_from([CARD, OTHER]))


@given(st.lists(st.tuples(WANTED, st.sampled_from(["", "gone", "forgotten", "tell"])), max_size=12), st.randoms())
def test_in_the_end_the_screen_is_as_it_should_be(scenes: list[tuple[dict[str, Card], str]], random: Random) -> None:
    flaky = True
    display = Display(fails=lambda: flaky and random.random() < 0.4)
    screen = Screen(display)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shown, "FIRST_AGAIN_S", 0.0)
        patch.setattr(shown, "LONGEST_AGAIN_S", 0.0)

        async def scene() -> None:
            nonlocal flaky
            for wanted, event in scenes:
                await screen.keep(wanted)
                match event:
                    case "gone" if display.on_screen:
                        key = random.choice(sorted(display.on_screen))
                        del display.on_screen[key]
                        screen.gone(key)
                    case "forgotten":
                        display.on_screen.clear()
                        screen.forgotten()
                    case "tell":
                        await screen.tell("told", OTHER)
            flaky = False
            await screen.keep(last)
            await screen.keep(last)

        last = {"a1": CARD, "a3": OTHER}
        asyncio.run(scene())
    assert {key: card for key, card in display.on_screen.items() if key in last} == last
    assert screen.again_s is None
    left = display.on_screen.keys() - last.keys() - {"told"}
    assert not left, "a card that nobody wants is on the screen"
