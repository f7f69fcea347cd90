"""Notifications on a real bus, shown by daemons of several kinds: one that goes and comes again, and none."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from camguard.desktop.cards import Card, alert_card, result_card
from camguard.desktop.notifications import Heard, freedesktop
from camguard.desktop.notifications.choose import notifications
from camguard.desktop.notifications.freedesktop import FreedesktopNotifications
from camguard.desktop.notifications.plain import PlainNotifications
from camguard.desktop.shown import Screen
from camguard.desktop.trial import try_alert
from camguard.desktop.uses import alerted_of
from camguard.errors import NotShown
from tests.support import privatebus
from tests.support.notifyd import (
    CLOSED,
    DISMISSED,
    DUNST,
    EXPIRED,
    UNDEFINED,
    XFCE,
    Daemon,
    Kind,
    connections,
    has_no_more_than,
    running,
)
from tests.support.privatebus import PrivateBus, until
from tests.support.tray_data import HOSTILE, told

pytestmark = pytest.mark.skipif(privatebus.missing() is not None, reason=str(privatebus.missing()))

CARD = Card(
    "Your camera is in use", "Firefox uses it", critical=True, buttons=(("off", "Turn it off"), ("keep", "Keep"))
)
PLAIN = Card("Your camera", "Ended.", expires_s=20)


@dataclass
class Ears:
    """What was heard of cards."""

    heard: list[tuple[str, ...]] = field(default_factory=list)

    def as_heard(self) -> Heard:
        return Heard(
            lambda key, word: self.heard.append(("pressed", key, word)),
            lambda key: self.heard.append(("dismissed", key)),
            lambda key: self.heard.append(("expired", key)),
            lambda: self.heard.append(("forgotten",)),
        )


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBus]:
    started = PrivateBus(tmp_path)
    started.start()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", started.address)
    with closing(_Stopping(started)):
        yield started


@dataclass
class _Stopping:
    bus: PrivateBus

    def close(self) -> None:
        self.bus.stop()


Scene = Callable[[FreedesktopNotifications, Ears], Awaitable[None]]


def play(scene: Scene) -> None:
    """A scene with notifications, which are closed afterwards."""

    async def played() -> None:
        ears = Ears()
        ways = FreedesktopNotifications(ears.as_heard())
        try:
            await scene(ways, ears)
        finally:
            await ways.close()

    asyncio.run(played())


def test_an_alert_has_its_buttons_stays_and_a_click_comes_back(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            reached = await ways.reach()
            assert (reached.server, reached.buttons) == ("Xfce Notify Daemon 4.16", True)
            await ways.show("a1", CARD)
            number, shown = daemon.only
            assert (shown.title, shown.body, shown.urgency, shown.timeout_ms) == (CARD.title, CARD.body, 2, 0)
            assert shown.icon == "camera-web"
            assert shown.buttons == {"off": "Turn it off", "keep": "Keep"}
            daemon.click(number, "keep")
            await until("the click", lambda: ears.heard)
            assert ears.heard == [("pressed", "a1", "keep")]
            await ways.show("a1", PLAIN)
            _, result = daemon.only
            assert (result.urgency, result.timeout_ms, result.buttons) == (1, 20_000, {})
            await ways.withdraw("a1")
            assert not daemon.shown
            assert ears.heard == [("pressed", "a1", "keep")]  # that it closed after the click is no second answer

    play(scene)


def test_a_click_that_comes_before_the_number_of_what_was_clicked_is_no_less_an_answer(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            daemon.hurried = "keep"
            for key in ("a1", "a2"):
                await ways.show(key, CARD)
                await until("the click", lambda: ears.heard)
                assert ears.heard == [("pressed", key, "keep")]
                ears.heard.clear()

    play(scene)


def test_a_card_under_the_same_key_takes_the_place_of_the_one_before(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            await ways.show("a1", CARD)
            await ways.show("a2", CARD)
            await ways.show("a1", Card("Your camera is in use", "Zoom", buttons=CARD.buttons))
            assert sorted(shown.body for shown in daemon.shown.values()) == ["Firefox uses it", "Zoom"]
            [number] = [number for number, shown in daemon.shown.items() if shown.body == "Zoom"]
            daemon.click(number, "off")
            await until("the click", lambda: ears.heard)
            assert ears.heard == [("pressed", "a1", "off")]
            await ways.withdraw("a2")
            assert not daemon.shown

    play(scene)


@pytest.mark.parametrize(
    ("reason", "heard"),
    [(DISMISSED, "dismissed"), (EXPIRED, "expired"), (UNDEFINED, "expired"), (CLOSED, "expired")],
)
def test_closed_by_a_person_is_not_gone_by_itself(bus: PrivateBus, reason: int, heard: str) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            await ways.show("a1", CARD)
            number, _ = daemon.only
            daemon.close(number, reason)
            await until("it is heard", lambda: ears.heard)
            assert ears.heard == [(heard, "a1")]
            await ways.withdraw("a1")
            await ways.show("a1", CARD)
            assert daemon.calls[-1].replaces == 0  # the number may be another's by now

    play(scene)


def test_what_is_withdrawn_is_no_answer(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            await ways.show("a1", CARD)
            await ways.withdraw("a1")
            assert not daemon.shown
            await ways.withdraw("a1")
            await ways.withdraw("never shown")
            await ways.show("a2", CARD)
            number, _ = daemon.only
            daemon.click(number, "off")
            await until("the click", lambda: ears.heard)
            assert ears.heard == [("pressed", "a2", "off")]

    play(scene)


def test_where_no_buttons_are_shown_it_says_so(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address, DUNST) as daemon:
            assert not (await ways.reach()).buttons
            screen = Screen(ways)
            await screen.keep({"a1": CARD})
            _, shown = daemon.only
            assert shown.buttons == {}
            assert shown.body.endswith("camguard alerts answer a1 off")

    play(scene)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", [XFCE, DUNST])
def test_a_hostile_name_is_text_escaped_once_under_a_title_of_ours(bus: PrivateBus, name: str, kind: Kind) -> None:
    alert = alerted_of({**told(1), "app": {"name": name}, "camera": {"name": name}})
    assert alert is not None
    card = alert_card(alert, alert.since)

    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address, kind) as daemon:
            await ways.show("a1", card)
            await ways.show("a2", result_card(alert.told, "Ended."))
            titles = [shown.title for shown in daemon.calls]
            bodies = [shown.body for shown in daemon.calls]
            assert titles == ["Your camera is in use", "Your camera"]
            if kind is XFCE:
                assert "<" not in "".join(bodies)
                bodies = [html.unescape(body) for body in bodies]
            assert bodies[0] == card.body
            assert all(body.isprintable() for body in bodies)

    play(scene)


def test_a_daemon_that_comes_anew_is_shown_everything_again(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        screen = Screen(ways)
        async with running(bus.address) as daemon:
            await screen.keep({"a1": CARD, "a2": CARD})
            assert len(daemon.shown) == 2
        async with running(bus.address, first_id=1) as other:
            await until("it is heard", lambda: ("forgotten",) in ears.heard)
            screen.forgotten()
            await screen.keep({"a2": CARD})
            number, shown = other.only
            assert shown.replaces == 0  # what had that number was the other daemon's
            other.click(number, "off")
            await until("the click", lambda: len(ears.heard) > 1)
            assert ears.heard == [("forgotten",), ("pressed", "a2", "off")]

    play(scene)


def test_without_a_daemon_it_says_what_to_do_and_works_when_one_comes(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        before = await connections(bus.address)
        for _ in range(5):
            with pytest.raises(NotShown, match=r"start a notification daemon \(most desktops have one"):
                await ways.show("a1", CARD)
            with pytest.raises(NotShown, match="start a notification daemon"):
                await ways.reach()
        await has_no_more_than(bus.address, before + 1)  # no attempt leaves one behind
        async with running(bus.address) as daemon:
            await ways.show("a1", CARD)
            assert daemon.only[1].title == CARD.title

    play(scene)


def test_a_daemon_that_refuses_once_keeps_what_can_be_replaced(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            await ways.show("a1", CARD)
            daemon.refuse = "too many"
            with pytest.raises(NotShown, match="too many"):
                await ways.show("a1", PLAIN)
            daemon.refuse = None
            await ways.show("a1", PLAIN)
            assert daemon.only[1].body == "Ended."

    play(scene)


def test_a_daemon_that_does_not_answer_is_not_waited_for_for_ever(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            await ways.reach()
            monkeypatch.setattr(freedesktop, "PATIENCE_S", 0.2)
            daemon.stall = asyncio.Event()
            with pytest.raises(NotShown, match="does not answer"):
                await ways.show("a1", CARD)
            daemon.stall.set()

    play(scene)


def test_the_bus_may_go_and_come_again(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address):
            await ways.show("a1", CARD)
            bus.stop()
        for _ in range(3):
            with pytest.raises(NotShown):
                await ways.show("a1", CARD)
        bus.start()
        async with running(bus.address) as daemon:
            await ways.show("a1", CARD)
            number, _ = daemon.only
            daemon.click(number, "off")
            await until("the click", lambda: ears.heard)
            assert ears.heard == [("pressed", "a1", "off")]

    play(scene)


def test_several_at_once_join_the_bus_once_and_each_has_its_own_place(bus: PrivateBus) -> None:
    async def scene(ways: FreedesktopNotifications, ears: Ears) -> None:
        async with running(bus.address) as daemon:
            before = await connections(bus.address)
            many = {f"a{number}": Card("Your camera is in use", str(number)) for number in range(20)}
            await asyncio.gather(*(ways.show(key, card) for key, card in many.items()))
            await asyncio.gather(*(ways.show(key, card) for key, card in many.items()))
            assert sorted(shown.body for shown in daemon.shown.values()) == sorted(map(str, range(20)))
            await has_no_more_than(bus.address, before + 1)

    play(scene)


def test_buttons_that_nobody_hears_any_more_are_taken_away(bus: PrivateBus) -> None:
    async def scene() -> None:
        ways = FreedesktopNotifications(Ears().as_heard())
        async with running(bus.address) as daemon:
            await ways.show("a1", CARD)
            await ways.show("result", PLAIN)
            await ways.close()
            assert daemon.only[1].body == "Ended."
            await ways.close()

    asyncio.run(scene())


def test_the_test_alert_reports_what_arrived(bus: PrivateBus) -> None:
    async def scene(kind: Kind, act: Callable[[Daemon, int], None], wait_s: int = 30) -> object:
        async with running(bus.address, kind) as daemon:
            trying = asyncio.create_task(try_alert(wait_s))
            await until("it is shown", lambda: daemon.calls)
            if daemon.shown:
                act(daemon, daemon.only[0])
            report = await trying
            assert not daemon.shown, "it is taken away afterwards"
            return report.answer, report.shown, report.reached is not None and report.reached.buttons

    def nothing(daemon: Daemon, number: int) -> None:
        pass

    assert asyncio.run(scene(XFCE, lambda daemon, number: daemon.click(number, "works"))) == ("clicked", True, True)
    assert asyncio.run(scene(XFCE, lambda daemon, number: daemon.close(number, DISMISSED))) == ("closed", True, True)
    assert asyncio.run(scene(XFCE, lambda daemon, number: daemon.close(number, EXPIRED))) == ("expired", True, True)
    assert asyncio.run(scene(XFCE, nothing, 0)) == (None, True, True)
    assert asyncio.run(scene(DUNST, lambda daemon, number: daemon.close(number, DISMISSED))) == ("closed", True, False)
    assert asyncio.run(scene(DUNST, nothing, 0)) == (None, True, False)


def test_the_test_alert_says_why_it_did_not_arrive(bus: PrivateBus) -> None:
    report = asyncio.run(try_alert(0))
    assert (report.shown, report.reached) == (False, None)
    [(sentence, good)] = report.sentences()
    assert "start a notification daemon" in sentence
    assert not good


def test_with_a_bus_there_are_buttons_to_be_had_and_without_one_there_are_not(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert isinstance(notifications(Ears().as_heard()), FreedesktopNotifications)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    assert isinstance(notifications(Ears().as_heard()), PlainNotifications)


def test_where_there_is_no_desktop_nobody_is_said_to_show_alerts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    report = asyncio.run(try_alert(0))
    assert (report.shown, report.reached) == (False, None)
    assert "there is no desktop here" in str(report.why)
