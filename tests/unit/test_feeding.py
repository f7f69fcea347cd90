"""Who feeds a virtual camera: what is known, what is inferred, and that in doubt a holder is a viewer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import Camera, CameraId, CameraKind, Holder, Node, Process, ProcessIdentity
from camguard.core.part import Part
from camguard.platform.linux.feeding import Feeding, Feeds

ONE, OTHER = (ProcessIdentity(pid, 5, "boot") for pid in (100, 200))


def part(feeding: Feeding, who: ProcessIdentity = ONE, *, mapped: bool = False, writes_only: bool = False) -> Part:
    return feeding.part(Holder(Process(who), mapped), writes_only=writes_only)


def blank() -> Feeding:
    """A virtual camera that nobody holds and nobody feeds."""
    feeding = Feeding()
    feeding.take((), fed=False)
    return feeding


def test_on_a_camera_that_cannot_be_fed_everybody_is_a_viewer() -> None:
    feeding = Feeding()
    feeding.take((ONE,), fed=None)
    assert not feeding.possible
    feeding.proven(ONE)
    assert part(feeding, writes_only=True) is Part.VIEWS


def test_who_alone_held_it_when_it_came_to_be_fed_feeds_it() -> None:
    feeding = blank()
    feeding.take((ONE,), fed=False)
    assert part(feeding) is Part.WAITS
    feeding.take((ONE,), fed=True)
    assert part(feeding, mapped=True) is Part.FEEDS
    feeding.take((ONE, OTHER), fed=True)
    assert [part(feeding), part(feeding, OTHER)] == [Part.FEEDS, Part.VIEWS]


def test_where_two_hold_it_before_it_is_fed_both_are_viewers_unless_one_is_seen_to_feed() -> None:
    feeding = blank()
    feeding.take((ONE,), fed=False)
    feeding.take((ONE, OTHER), fed=False)
    feeding.take((OTHER,), fed=True)
    assert part(feeding, OTHER) is Part.VIEWS
    feeding.proven(OTHER)
    assert part(feeding, OTHER) is Part.FEEDS


def test_who_finds_a_camera_fed_already_is_a_viewer() -> None:
    feeding = Feeding()
    feeding.take((), fed=True, settled=True)  # its format was kept
    feeding.take((ONE,), fed=True)
    assert part(feeding) is Part.VIEWS
    feeding = Feeding()
    feeding.take((ONE,), fed=True)  # it was there before us
    assert part(feeding) is Part.VIEWS


def test_that_it_is_fed_may_be_seen_before_its_holder_is() -> None:
    feeding = blank()
    feeding.take((), fed=True)
    feeding.take((ONE,), fed=True)
    assert part(feeding) is Part.FEEDS


def test_who_lets_go_feeds_no_longer() -> None:
    feeding = blank()
    feeding.take((ONE,), fed=True)
    feeding.take((OTHER,), fed=True)
    feeding.take((ONE, OTHER), fed=True)
    assert part(feeding) is Part.VIEWS


def test_a_descriptor_that_can_only_write_feeds() -> None:
    feeding = Feeding()
    feeding.take((ONE, OTHER), fed=True)
    assert part(feeding, writes_only=True) is Part.FEEDS
    assert part(feeding, writes_only=True, mapped=True) is Part.VIEWS


def test_where_somebody_may_hold_it_unseen_nothing_is_inferred() -> None:
    feeding = blank()
    feeding.take((), fed=False, unclear=True)
    feeding.take((ONE,), fed=True)
    assert part(feeding) is Part.VIEWS


LOOKS = st.tuples(st.sets(st.sampled_from([ONE, OTHER])), st.booleans(), st.booleans(), st.booleans())


@given(st.lists(LOOKS, max_size=12))
def test_two_are_never_both_inferred_to_feed_it(looks: list[tuple[set[ProcessIdentity], bool, bool, bool]]) -> None:
    feeding = Feeding()
    for holders, fed, unclear, settled in looks:
        feeding.take(holders, fed=fed, unclear=unclear, settled=settled)
        found = [who for who in holders if part(feeding, who) is Part.FEEDS]
        assert len(found) <= 1


def camera(kind: CameraKind = CameraKind.VIRTUAL) -> Camera:
    return Camera(CameraId("virtual:video9"), "Studio", (Node("/dev/video9", (81, 9)),), kind)


@pytest.mark.parametrize(("told", "fed"), [("YUYV:320x240@30\n", True), ("", False), (None, None)])
def test_what_the_driver_tells(tmp_path: Path, told: str | None, fed: bool | None) -> None:
    folder = tmp_path / "81:9"
    folder.mkdir()
    for name in ("buffers", "max_openers"):
        (folder / name).write_text("2\n")
    if told is not None:
        (folder / "format").write_text(told)
    assert Feeds(str(tmp_path)).fed(camera()) is fed
    assert Feeds(str(tmp_path)).fed(camera(CameraKind.WEBCAM)) is None
    (folder / "max_openers").unlink()
    assert Feeds(str(tmp_path)).fed(camera()) is None
