"""What hints without a process and scans together mean: nobody is counted, nobody unseen is passed over."""

from __future__ import annotations

from camguard.core.events import HoldersSeen
from camguard.core.model import Camera, CameraId, Moment, Node, Process, ProcessIdentity
from camguard.core.part import Part
from camguard.platform.linux.holders import Grip, Scan
from camguard.platform.linux.holdings import UNKNOWN, Holdings
from camguard.platform.linux.nodewatch import Hints

NODE = Node("/dev/video0", (81, 0))
CAMERA = Camera(CameraId("cam"), "Cam", (NODE,))
SECOND = 1_000_000_000


def heard_open(second: int) -> Hints:
    return Hints(unseen_open=True, opened_at=Moment(1, 0, second * SECOND, "b"))


OPEN = heard_open(1)
CLOSE = Hints(closed=True, unseen_close=True)
NOW = Moment(9, 0, 9, "b")


def process(pid: int) -> Process:
    return Process(ProcessIdentity(pid, 1, "b"), f"p{pid}")


def scan(*pids: int, hidden: bool = True, mapped: bool = False, second: int = 1) -> Scan:
    grips = tuple(Grip(process(pid), NODE, frozenset({"3"}), mapped) for pid in pids)
    return Scan(grips, hidden, 0, second * SECOND)


def settle(holdings: Holdings, found: Scan, *, more: bool = False) -> bool:
    holdings.begin()
    return holdings.settle(found, more=more)


def told(holdings: Holdings) -> HoldersSeen:
    seen = holdings.sighting(NOW)
    assert seen is not None
    return seen


def holders(seen: HoldersSeen) -> set[Process]:
    return {holder.process for holder in seen.holders}


def test_a_visible_opener_accounts_for_an_open() -> None:
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    assert settle(holdings, scan(7))
    seen = told(holdings)
    assert holders(seen) == {process(7)}
    assert seen.openers == (process(7),)
    assert seen.at.boottime_ns == SECOND
    assert holdings.sighting(NOW) is None


def test_an_open_that_nobody_accounts_for_is_an_unknown_holder_until_a_close() -> None:
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    settle(holdings, scan())
    seen = told(holdings)
    assert holders(seen) == {UNKNOWN}
    assert seen.openers == (UNKNOWN,)
    settle(holdings, scan())
    assert holdings.sighting(NOW) is None
    holdings.note(CLOSE)
    settle(holdings, scan())
    assert holders(told(holdings)) == set()


def test_a_close_of_a_visible_holder_leaves_the_unknown_one() -> None:
    holdings = Holdings(CAMERA)
    settle(holdings, scan(7))
    holdings.note(heard_open(3))
    settle(holdings, scan(7))
    assert holders(told(holdings)) == {process(7), UNKNOWN}
    holdings.note(CLOSE)
    settle(holdings, scan())
    assert holders(told(holdings)) == {UNKNOWN}


def test_opened_and_closed_again_is_an_opener_and_no_holder() -> None:
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    holdings.note(CLOSE)
    settle(holdings, scan())
    seen = told(holdings)
    assert seen.openers == (UNKNOWN,)
    assert not seen.holders


def at_large(hidden: bool = True) -> Holdings:
    """Seven held the camera, holds it no longer, and no close was heard."""
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    settle(holdings, scan(7))
    told(holdings)
    settle(holdings, scan(second=2, hidden=hidden))
    assert holdings.unclear
    assert not told(holdings).holders
    return holdings


def test_a_holder_that_is_gone_without_a_close_left_the_camera_with_somebody() -> None:
    holdings = at_large()
    settle(holdings, scan(second=3))
    assert holders(told(holdings)) == {UNKNOWN}
    holdings.note(CLOSE)
    settle(holdings, scan(second=4))
    assert not told(holdings).holders
    assert not holdings.unclear


def test_where_nobody_can_hide_it_is_only_looked_for() -> None:
    holdings = at_large(hidden=False)
    settle(holdings, scan(second=3, hidden=False))
    assert holdings.unclear
    assert holdings.sighting(NOW) is None
    settle(holdings, scan(8, second=4, hidden=False))
    assert holders(told(holdings)) == {process(8)}
    assert not holdings.unclear


def test_who_turns_up_with_it_is_who_had_it() -> None:
    holdings = at_large()
    settle(holdings, scan(second=3))
    told(holdings)
    settle(holdings, scan(8, second=4))
    assert holders(told(holdings)) == {process(8)}
    assert not holdings.unclear


def test_a_close_just_after_the_loss_was_that_loss() -> None:
    holdings = at_large()
    holdings.note(CLOSE)
    settle(holdings, scan(second=3))
    assert not holdings.unclear
    assert holdings.sighting(NOW) is None


def test_a_close_that_is_on_its_way_is_waited_for_once() -> None:
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    assert not settle(holdings, scan(), more=True)
    assert holdings.sighting(NOW) is None
    holdings.note(CLOSE)
    assert settle(holdings, scan(), more=True)
    assert told(holdings).openers == (UNKNOWN,)


def test_a_holder_who_opens_once_more_is_not_somebody_unknown() -> None:
    holdings = Holdings(CAMERA)
    settle(holdings, scan(7))
    told(holdings)
    holdings.note(heard_open(3))
    holdings.note(CLOSE)
    settle(holdings, scan(7))
    assert holdings.sighting(NOW) is None


def test_where_nobody_is_hidden_nobody_unseen_holds() -> None:
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    settle(holdings, scan(hidden=False))
    seen = told(holdings)
    assert seen.openers == (UNKNOWN,)
    assert not seen.holders


def test_a_scan_that_is_quicker_than_the_event() -> None:
    holdings = Holdings(CAMERA)
    settle(holdings, scan(7, second=1))
    told(holdings)
    holdings.note(OPEN)
    settle(holdings, scan(7, second=2))
    assert holdings.sighting(NOW) is None
    holdings.note(heard_open(3))
    settle(holdings, scan(7, second=4))
    assert holders(told(holdings)) == {process(7), UNKNOWN}


def test_an_open_that_is_heard_during_a_scan_is_judged_by_the_next() -> None:
    holdings = Holdings(CAMERA)
    holdings.begin()
    holdings.note(OPEN)
    assert holdings.settle(scan(), more=False)
    assert holdings.sighting(NOW) is None
    assert settle(holdings, scan(7, second=1))
    assert holders(told(holdings)) == {process(7)}


def test_many_opens_of_which_a_scan_shows_more_than_was_heard() -> None:
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    holdings.begin()
    holdings.note(heard_open(2))
    holdings.settle(scan(7, 8, second=2), more=True)
    seen = told(holdings)
    assert set(seen.openers) == {process(7), process(8)}
    settle(holdings, scan(7, 8, second=3))
    assert holdings.sighting(NOW) is None


def test_a_loss_is_believed_at_the_second_scan_where_more_has_happened() -> None:
    holdings = Holdings(CAMERA)
    settle(holdings, scan(7))
    told(holdings)
    assert not settle(holdings, scan(), more=True)
    assert holdings.sighting(NOW) is None
    settle(holdings, scan(8), more=True)
    assert holders(told(holdings)) == {process(8)}


def test_a_look_adds_and_never_takes_away() -> None:
    holdings = Holdings(CAMERA)
    assert holdings.found(7, scan(7).grips)
    assert not holdings.found(7, ())
    assert holders(told(holdings)) == {process(7)}
    assert holdings.found(7, scan(7, mapped=True).grips)
    assert [holder.mapped for holder in told(holdings).holders] == [True]


def test_a_camera_that_is_made_anew_forgets_the_unknown_holder() -> None:
    holdings = Holdings(CAMERA)
    holdings.note(OPEN)
    settle(holdings, scan())
    told(holdings)
    holdings.replaced(CAMERA)
    assert not told(holdings).holders


def virtual() -> Holdings:
    """A virtual camera that nobody holds and nobody feeds."""
    holdings = Holdings(CAMERA)
    settle(holdings, scan())
    holdings.feeds(fed=False)
    return holdings


def parts(holdings: Holdings) -> dict[int | None, Part]:
    return {holder.process.pid: holder.part for holder in told(holdings).holders}


def test_who_alone_holds_a_virtual_camera_when_its_pictures_begin_feeds_it() -> None:
    holdings = virtual()
    holdings.note(OPEN)
    holdings.feeds(fed=True)  # seen before its holder is
    settle(holdings, scan(7))
    holdings.feeds(fed=True)
    assert parts(holdings) == {7: Part.FEEDS}
    settle(holdings, scan(7, 8))
    holdings.feeds(fed=True)
    assert parts(holdings) == {7: Part.FEEDS, 8: Part.VIEWS}
    holdings.fed_by(8)
    assert parts(holdings) == {7: Part.FEEDS, 8: Part.FEEDS}


def test_a_virtual_camera_whose_pictures_stay_when_it_is_let_go_has_viewers_alone() -> None:
    holdings = virtual()
    settle(holdings, scan())
    holdings.feeds(fed=True)
    settle(holdings, scan(7))
    holdings.feeds(fed=True)
    assert parts(holdings) == {7: Part.VIEWS}


def test_who_was_heard_to_close_it_and_has_nothing_of_it_does_not_use_it_until_a_scan_says_so() -> None:
    holdings = Holdings(CAMERA)
    settle(holdings, scan(7, 8))
    holdings.let_go(7)
    assert parts(holdings) == {7: Part.WAITS, 8: Part.VIEWS}
    settle(holdings, scan(7, 8))
    assert parts(holdings) == {7: Part.VIEWS, 8: Part.VIEWS}


def test_who_closed_it_and_opens_it_again_holds_it() -> None:
    holdings = Holdings(CAMERA)
    settle(holdings, scan(7))
    holdings.let_go(7)
    assert parts(holdings) == {7: Part.WAITS}
    opener = process(7)
    assert opener.identity is not None
    holdings.note(Hints(opened_at=NOW, openers={opener.identity: opener}, pids={7}))
    assert parts(holdings) == {7: Part.VIEWS}
