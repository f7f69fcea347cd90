"""What clicks and buttons ask for, carried out through the guard; what came of it is said in a card. Never raises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from camguard.core.decisions import Decision
from camguard.core.power import Power
from camguard.desktop import words
from camguard.desktop.board import Board
from camguard.desktop.cards import RESULT_S, Card, result_card
from camguard.desktop.link import Line
from camguard.desktop.menu import Do, Verb
from camguard.errors import CamguardError

INSTALL = "sudo {command} service install"

Tell = Callable[[str, Card], Awaitable[object]]
"""Shows a card under a key."""


class Deeds:
    """Carries out what a person asks for. `tell` shows what came of it; `command` is how camguard is called here."""

    def __init__(
        self,
        board: Board,
        line: Line,
        tell: Tell,
        command: str,
        open_page: Callable[[], Awaitable[None]],
        open_advice: Callable[[], Awaitable[None]],
        quit_: Callable[[], None],
    ) -> None:
        self._board = board
        self._line = line
        self._tell = tell
        self._command = command
        self._open_page = open_page
        self._open_advice = open_advice
        self._quit = quit_

    async def do(self, do: Do) -> None:
        """What a row of the menu asks for."""
        match do.verb:
            case Verb.DECIDE if do.number is not None and do.decision is not None:
                await self.decide(do.number, do.decision)
            case Verb.SWITCH if do.power is not None:
                await self._switch(do.power, do.camera, do.for_s)
            case Verb.ALL_SEEN:
                for alert in self._board.missed:
                    await self.decide(alert.number, Decision.SEEN, quietly=True)
            case Verb.ACTIVITY:
                await self._show(self._open_page)
            case Verb.ADVICE:
                await self._show(self._open_advice)
            case Verb.TEST:
                await self._tell("test", test_card())
            case Verb.INSTALL:
                await self._tell("install", install_card(self._command))
            case Verb.QUIT:
                self._quit()

    async def offer(self, word: str) -> None:
        """What a button of the welcome asks for."""
        await self.do(Do(Verb.TEST if word == "test" else Verb.INSTALL))

    async def decide(self, number: int, decision: Decision, *, quietly: bool = False) -> None:
        """Answer the alert about a use, or end it; the result takes the alert's place."""
        told = self._use(number)
        if told.get("reduced"):
            self._board.answered(number)  # of another user's use there is nothing to decide but to know it
            return
        key = f"a{number}"
        self._board.dismissed(number)  # it is being answered: the alert need not come back meanwhile
        try:
            answer = await self._line.ask(lambda guard: guard.decide(number, decision))
        except CamguardError as error:
            self._board.asked_again(number)
            await self._tell(f"{key}-failed", failed_card(str(error)))
            return
        self._board.answered(number)
        if not quietly and decision is not Decision.SEEN:
            await self._tell(key, result_card(told, words.decided(answer)))

    async def _switch(self, power: Power, camera: str | None, for_s: float | None) -> None:
        try:
            told: Any = await self._line.ask(lambda guard: guard.switch(power, camera, for_s, whole=False))
        except CamguardError as error:
            await self._tell("switch", failed_card(str(error)))
            return
        await self._tell("switch", Card(title="Your camera", body=_switched(told), expires_s=RESULT_S))

    async def _show(self, open_page: Callable[[], Awaitable[None]]) -> None:
        try:
            await open_page()
        except CamguardError as error:
            await self._tell("page", failed_card(str(error)))

    def _use(self, number: int) -> words.Told:
        alerts = (*self._board.going_on, *self._board.missed)
        found = [alert.told for alert in alerts if alert.number == number]
        found += [use.told for use in self._board.standing.uses if use.number == number]
        return found[0] if found else {}


def failed_card(why: str) -> Card:
    """Something that was asked for was not done, and why."""
    return Card(title="That was not done", body=words.fact(why), expires_s=RESULT_S)


def test_card() -> Card:
    """A harmless alert, to see that alerts arrive."""
    return Card(
        title="A test of your alerts",
        body="This is how camguard tells you of an unexpected use. Nobody is using the camera because of this test.",
        critical=True,
        buttons=(("works", "It works"),),
    )


def install_card(command: str) -> Card:
    """How to have the guard run for the whole system, also without the tray."""
    return Card(
        title="The service sees every program",
        body="It guards from start to shutdown and can switch the camera off. Install it in a terminal: "
        + INSTALL.format(command=command),
        critical=True,
        buttons=(("seen", "Done"),),
    )


def _switched(told: Any) -> str:
    sentences = []
    for camera in told["cameras"]:
        right = camera["power"] == told["power"]
        sentence = f"{words.camera_name(camera['name'])} is {camera['power']}" + (", checked." if right else ".")
        why = next((each["outcome"]["why"] for each in told["results"] if each["camera"]["id"] == camera["id"]), None)
        sentences.append(sentence if right or not why else f"{sentence} {words.fact(str(why))}")
    return " ".join(sentences) or f"No camera is plugged in; one that will be is {told['power']}."
