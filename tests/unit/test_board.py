"""What the tray knows: alerts are kept until answered, and what is heard is newer than what was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from camguard.core.events import Kind
from camguard.core.model import Judgement
from camguard.core.power import Power
from camguard.core.records import Record
from camguard.desktop.board import KEPT, Board
from camguard.desktop.look import Look
from camguard.desktop.uses import Alerted, alerted_of, uses_of
from tests.support.tray_data import camera, foreign, general, status, told

NOW = datetime.fromisoformat("2026-10-25T20:00+01:00")
MOST = 5


def alerted(number: int, *, over: bool = False) -> Alerted:
    found = alerted_of(told(number, Kind.ENDED if over else Kind.ALERT))
    assert found is not None
    return found


def standing(*uses: Record, board: Board | None = None, first: bool = True, **more: Any) -> Board:
    board = board or Board()
    board.asking()
    board.stand(status(*uses, **more), 100.0, "The service answers.", service=True, first=first)
    return board


def numbers(alerts: tuple[Alerted, ...]) -> list[int]:
    return [alert.number for alert in alerts]


def test_before_anything_is_known_it_is_blind() -> None:
    assert Board().look is Look.BLIND


def test_the_look_says_how_things_stand() -> None:
    assert standing().look is Look.IDLE
    assert standing(cameras=()).look is Look.IDLE
    assert standing(cameras=(camera("off"), camera("off"))).look is Look.OFF
    assert standing(cameras=(camera("off"), camera("on"))).look is Look.IDLE
    expected = told(1, Kind.CAPTURING, judgement=Judgement.EXPECTED)
    assert standing(expected).look is Look.EXPECTED
    assert standing(told(1, Kind.OPENED)).look is Look.IDLE  # held open for a look
    board = standing(told(1, Kind.CAPTURING))
    board.take(told(1))
    looks = [board.look]
    board.answered(1)
    looks.append(board.look)
    board.lose("The guard has stopped.")
    assert [*looks, board.look] == [Look.UNEXPECTED, Look.EXPECTED, Look.BLIND]


def test_what_a_guard_that_is_gone_said_is_known_no_longer() -> None:
    board = standing(told(1, Kind.CAPTURING), trouble="line 3: no such key")
    board.take(general(Kind.GUARD_BLIND, what="/dev/video0", why="it may not be read"))
    board.lose("The guard has stopped.")
    now = board.standing
    assert (now.cameras, now.uses, now.can_switch, now.service, now.source) == ((), (), False, False, "")
    assert (now.blind, now.trouble) == ("The guard has stopped.", None)
    assert standing(board=board).look is Look.IDLE


def test_a_part_of_the_guard_that_does_not_see_makes_it_blind_until_it_sees_again() -> None:
    both = {"/dev/video0": "/dev/video0 is closed", "queue": "queue is closed"}
    board = standing(blind=both)  # also where that began before anybody listened
    assert (board.look, board.standing.blind) == (Look.BLIND, "/dev/video0 is closed")
    board.take(general(Kind.GUARD_SIGHTED, what="/dev/video0"))
    assert board.stale
    assert standing(board=board, first=False, blind={"queue": "queue is closed"}).standing.blind == "queue is closed"
    board.take(general(Kind.GUARD_SIGHTED, what="queue"))
    assert standing(board=board, first=False).look is Look.IDLE


def test_a_part_that_stops_seeing_is_a_reason_to_ask() -> None:
    board = standing()
    board.take(general(Kind.GUARD_BLIND, what="queue", why="too much at once"))
    assert board.stale


def test_an_alert_is_shown_also_where_a_part_of_the_guard_does_not_see() -> None:
    board = standing()
    board.take(told(1))
    blind = {"/dev/video9": "closed"}
    assert standing(told(1, Kind.CAPTURING), board=board, first=False, blind=blind).look is Look.UNEXPECTED


def test_a_mistake_in_the_configuration_blinds_nobody() -> None:
    for board in (standing(trouble="line 3 is odd"), standing(blind={"rules": "line 3 is odd"})):
        assert (board.look, board.standing.trouble, board.standing.blind) == (Look.IDLE, "line 3 is odd", None)


def test_an_alert_goes_to_those_that_were_missed_when_its_use_ends() -> None:
    board = standing()
    board.take(told(1))
    assert list(board.cards(NOW, MOST)) == ["a1"]
    board.take(told(1, Kind.ENDED))
    assert (numbers(board.going_on), numbers(board.missed)) == ([], [1])
    assert not board.cards(NOW, MOST)
    board.take(told(1, Kind.DECIDED, extra={"decision": "seen", "by": "user anna"}))
    assert not board.missed


def test_of_a_block_the_alert_stays_on_the_screen_after_the_end_until_it_is_seen_or_goes_by_itself() -> None:
    for leave in ("answered", "dismissed", "expired"):
        board = standing()
        board.take(told(1, judgement=Judgement.BLOCKED))
        board.take(told(1, Kind.ENDED, judgement=Judgement.BLOCKED))
        assert list(board.cards(NOW, MOST)) == ["a1"]
        getattr(board, leave)(1)
        assert not board.cards(NOW, MOST)
        assert numbers(board.missed) == ([] if leave == "answered" else [1])


def test_an_unexpected_use_is_shown_again_where_its_alert_went_by_itself_and_not_where_it_was_closed() -> None:
    board = standing()
    board.take(told(1))
    board.expired(1)
    assert list(board.cards(NOW, MOST)) == ["a1"]
    board.dismissed(1)
    assert not board.cards(NOW, MOST)
    assert (board.look, numbers(board.going_on)) == (Look.UNEXPECTED, [1])
    board.asked_again(1)
    assert list(board.cards(NOW, MOST)) == ["a1"]


def test_a_rule_that_was_made_meanwhile_answers() -> None:
    board = standing()
    board.take(told(1))
    board.take(told(1, Kind.JUDGED, judgement=Judgement.EXPECTED))
    assert not board.waiting(1)


def test_what_is_found_out_later_is_in_the_same_alert() -> None:
    board = standing()
    board.take(told(1, why="it is not known which app this is"))
    before = board.cards(NOW, MOST)
    board.take(told(1, Kind.JUDGED, why="first use of a camera by this app"))
    after = board.cards(NOW, MOST)
    assert before.keys() == after.keys()
    assert "first use" in after["a1"].body
    assert "first use" not in before["a1"].body


def test_another_users_use_alerts_without_saying_whose() -> None:
    board = standing()
    board.take(foreign(1))
    assert board.look is Look.UNEXPECTED
    board.recall([])  # the log tells this user nothing of it
    assert numbers(board.going_on) == [1]
    board.take(foreign(1, Kind.ENDED))
    assert numbers(board.missed) == [1]


def test_the_newest_are_on_the_screen() -> None:
    board = standing()
    for number in range(1, 9):
        board.take(told(number))
    assert list(board.cards(NOW, 3)) == ["a6", "a7", "a8"]
    board.answered(7)
    assert list(board.cards(NOW, 3)) == ["a5", "a6", "a8"]


def test_what_goes_on_is_kept_before_what_is_over() -> None:
    board = standing()
    board.take(told(1))
    for number in range(2, KEPT + 50):
        board.take(told(number))
        board.take(told(number, Kind.ENDED))
    assert numbers(board.going_on) == [1]
    assert len(board.missed) == KEPT - 1
    assert board.missed[-1].number == KEPT + 49


def test_no_more_are_kept_from_the_log_either() -> None:
    board = standing()
    for number in range(1, 11):
        board.take(foreign(number))
    board.recall([alerted(number, over=True) for number in range(11, KEPT + 11)])
    assert len(board.going_on) + len(board.missed) == KEPT
    assert len(board.going_on) == 10


def test_what_the_log_has_from_before_is_no_alert_on_the_screen() -> None:
    board = Board()
    board.asking()
    blocked = alerted_of(told(1, Kind.ENDED, judgement=Judgement.BLOCKED))
    assert blocked is not None
    board.recall([blocked, alerted(2, over=True), alerted(3)])
    standing(told(3, Kind.CAPTURING), board=board)
    assert list(board.cards(NOW, MOST)) == ["a3"]
    assert numbers(board.missed) == [1, 2]


def test_an_alert_whose_use_ended_unheard_is_missed() -> None:
    board = standing()
    board.take(told(1))
    board.lose("The guard has stopped.")
    standing(board=board)
    assert numbers(board.missed) == [1]
    assert board.look is Look.IDLE


# The answer to a question may be older than an event that came before it was read.


def test_what_happens_while_it_is_asked_makes_the_answer_old() -> None:
    board = standing()
    board.asking()
    assert not board.stale
    board.take(told(1, Kind.CAPTURING))
    board.stand(status(), 100.0, "", service=True, first=False)
    assert board.stale


def test_an_alert_that_comes_while_it_is_asked_is_not_taken_for_over_nor_forgotten() -> None:
    board = Board()
    board.asking()
    board.take(told(1))
    board.recall([])
    board.stand(status(), 100.0, "", service=True, first=True)
    assert list(board.cards(NOW, MOST)) == ["a1"]
    assert board.look is Look.UNEXPECTED


def test_a_use_that_ends_while_it_is_asked_is_not_taken_for_going_on() -> None:
    board = standing()
    board.take(told(1))
    board.asking()
    board.take(told(1, Kind.ENDED))
    board.recall([alerted(1)])
    board.stand(status(told(1, Kind.CAPTURING)), 100.0, "", service=True, first=True)
    assert (numbers(board.going_on), numbers(board.missed)) == ([], [1])


def test_an_answer_that_comes_while_it_is_asked_is_not_forgotten() -> None:
    board = standing()
    board.take(told(1))
    board.asking()
    board.answered(1)
    board.recall([alerted(1)])
    assert not board.waiting(1)


@pytest.mark.parametrize("kind", [Kind.CALL_REFUSED])
def test_what_changes_nothing_is_no_reason_to_ask(kind: Kind) -> None:
    board = standing()
    board.take(general(kind, call="end", caller="user anna", why="no"))
    assert not board.stale
    board.take(general(Kind.POWER_SAID, power="off"))
    assert board.stale


def test_each_use_is_there_once_however_many_processes_it_has() -> None:
    view = {**told(1, Kind.CAPTURING), "for_s": 5.0}
    [use] = uses_of({"uses": [view, view]}, 100.0)
    assert (use.number, use.begun_s, use.capturing, use.expected) == (1, 95.0, True, False)
    assert uses_of({"uses": [{**view, "activation": None}]}, 100.0) == ()


def test_cameras_are_told_with_how_long_they_stay_on() -> None:
    [now] = standing(cameras=(camera("on", left_s=90),)).standing.cameras
    assert (now.power, now.left_s) == (Power.ON, 90)


@dataclass
class World:
    """What a service's log says, as far as it matters here."""

    going_on: set[int] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)


class Events(RuleBasedStateMachine):
    """Any order of events, answers, losses and questions; the tray then shows what the log says."""

    def __init__(self) -> None:
        super().__init__()
        self.board = standing()
        self.world = World()
        self.next = 1
        self.found = True

    @rule()
    def alert(self) -> None:
        number, self.next = self.next, self.next + 1
        self.world.going_on.add(number)
        self.world.unanswered.add(number)
        self.hear(told(number))

    @precondition(lambda self: self.world.going_on)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.going_on)))
        self.world.going_on.discard(number)
        self.hear(told(number, data.draw(st.sampled_from([Kind.ENDED, Kind.PROBE]))))

    @precondition(lambda self: self.world.unanswered)
    @rule(data=st.data(), here=st.booleans())
    def answer(self, data: st.DataObject, here: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.unanswered)))
        self.world.unanswered.discard(number)
        self.hear(told(number, Kind.DECIDED, extra={"decision": "seen", "by": "user anna"}))
        if here and self.found:
            self.board.answered(number)

    @precondition(lambda self: self.next > 1)
    @rule(data=st.data())
    def later_word(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.next - 1))
        self.hear(told(number, Kind.ACTION_COMPLETED))

    @precondition(lambda self: self.next > 1)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        self.board.dismissed(data.draw(st.integers(1, self.next - 1)))

    @rule()
    def lose(self) -> None:
        self.board.lose("The guard has stopped.")
        self.found = False

    @precondition(lambda self: not self.found)
    @rule(meanwhile=st.lists(st.sampled_from(["alert", "end", "answer"]), max_size=3), data=st.data())
    def find(self, meanwhile: list[str], data: st.DataObject) -> None:
        """A guard is there again; what it says is a snapshot, and more happens before that is read."""
        self.found = True
        self.board.asking()
        now = status(*(told(number, Kind.CAPTURING) for number in sorted(self.world.going_on)))
        logged = [alerted(number, over=number not in self.world.going_on) for number in sorted(self.world.unanswered)]
        for what in meanwhile:
            if what == "alert":
                self.alert()
            elif what == "end" and self.world.going_on:
                self.end(data)
            elif what == "answer" and self.world.unanswered:
                self.answer(data, here=False)
        self.board.recall(logged)
        self.board.stand(now, 100.0, "", service=True, first=True)

    def hear(self, record: Record) -> None:
        if self.found:
            self.board.take(record)

    @invariant()
    def what_is_shown_is_what_the_log_says(self) -> None:
        if not self.found:
            assert self.board.look is Look.BLIND
            return
        assert len(self.world.unanswered) < KEPT
        going_on, missed = numbers(self.board.going_on), numbers(self.board.missed)
        assert going_on == sorted(self.world.unanswered & self.world.going_on)
        assert missed == sorted(self.world.unanswered - self.world.going_on)
        assert (self.board.look is Look.UNEXPECTED) == bool(going_on)
        shown = self.board.cards(NOW, MOST)
        assert shown.keys() <= {f"a{number}" for number in going_on}
        assert len(shown) <= MOST


TestEvents = Events.TestCase
TestEvents.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.tuples(st.integers(1, 3 * KEPT), st.sampled_from([Kind.ALERT, Kind.ENDED])), max_size=50))
@settings(max_examples=30)
def test_never_more_than_so_many_are_kept(events: list[tuple[int, Kind]]) -> None:
    board = standing()
    for number in range(KEPT):
        board.take(told(number + 1))
    for number, kind in events:
        board.take(told(number, kind))
        assert len(board.going_on) + len(board.missed) <= KEPT
    board.take(told(4 * KEPT))
    assert board.waiting(4 * KEPT)
