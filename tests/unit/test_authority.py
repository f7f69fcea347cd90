"""Who may ask for what, every deed for every role; and what of a record each may see."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core import authority
from camguard.core.authority import CONFIGURABLE, Caller, Deed, Role, may, owner_of, reduced, shown
from camguard.core.details import Details, Parent
from camguard.core.events import Kind, Report
from camguard.core.model import (
    Activation,
    Effect,
    Judgement,
    Outcome,
    Process,
    Reason,
    Result,
    Rule,
    State,
    Step,
    Verdict,
)
from camguard.core.reasons import ReasonCode
from camguard.core.records import ACTIVATION_KINDS, JSON, Record, line, of_rule
from tests.support import core_data

ALICE, BOB = 31415, 27182
SECURITY = Path(__file__).parents[2] / "SECURITY.md"

WATCHER = Caller(BOB, 21, frozenset({45}), watcher=True)
STRANGER = Caller(BOB, 20)
OWNER = Caller(ALICE, 10)
MEMBER = Caller(BOB, 30, frozenset({44}), admin=True)
ROOT = Caller(0, 40, admin=True)

YES = (True, True, True, True)
OWN = (False, True, True, True)
ADMIN = (False, False, True, True)
WANTED = {
    Deed.SEE_CAMERAS: YES,
    Deed.SEE_USE: OWN,
    Deed.END_USE: OWN,
    Deed.DECIDE: OWN,
    Deed.SWITCH: ADMIN,
    Deed.SEE_COMMON_RULES: YES,
    Deed.SEE_RULES: OWN,
    Deed.CHANGE_RULES: ADMIN,
    Deed.CHANGE_COMMON_RULES: ADMIN,
    Deed.EXPLAIN: OWN,
    Deed.READ_LOG: OWN,
    Deed.READ_WHOLE_LOG: ADMIN,
    Deed.ASK_WAS_ON: YES,
    Deed.SUBSCRIBE: YES,
    Deed.INFO: YES,
}
"""Written out once more, by hand: for a stranger, the user concerned, a member of the group, root."""

CALLERS = st.builds(
    Caller,
    st.sampled_from([0, ALICE, BOB, 65534]),
    st.integers(1, 9),
    st.frozensets(st.integers(0, 9)),
    st.booleans(),
    st.booleans(),
)


@pytest.mark.parametrize("deed", Deed)
def test_every_role_may_what_it_should_and_no_more(deed: Deed) -> None:
    answers = tuple(may(caller, deed, ALICE) for caller in (STRANGER, OWNER, MEMBER, ROOT))
    assert answers == WANTED[deed]


@pytest.mark.parametrize("deed", Deed)
def test_who_only_watches_is_told_all_and_does_nothing(deed: Deed) -> None:
    told = {Deed.SEE_USE, Deed.READ_LOG, Deed.READ_WHOLE_LOG}
    assert may(WATCHER, deed, ALICE, CONFIGURABLE) == (deed in told or WANTED[deed] == YES)


@pytest.mark.parametrize("deed", Deed)
def test_what_concerns_nobody_in_particular_is_nobodys_own(deed: Deed) -> None:
    anyone, _, member, root = WANTED[deed]
    assert tuple(may(caller, deed, None) for caller in (STRANGER, OWNER, MEMBER, ROOT)) == (
        anyone,
        anyone,
        member,
        root,
    )


@pytest.mark.parametrize(
    ("deed", "caller", "seat", "configured"),
    [*product(Deed, (STRANGER, OWNER, MEMBER, ROOT), (True, False), (True, False))],
)
def test_the_seat_gives_the_switch_and_nothing_else(deed: Deed, caller: Caller, seat: bool, configured: bool) -> None:
    without = may(caller, deed, ALICE)
    given_seat = may(
        replace(caller, at_seat=seat), deed, ALICE, frozenset({Deed.SWITCH}) if configured else frozenset()
    )
    assert given_seat == (without or (deed is Deed.SWITCH and seat and configured))


def test_the_configuration_gives_users_their_own_rules_and_nobody_elses() -> None:
    configured = frozenset({Deed.CHANGE_RULES})
    assert may(OWNER, Deed.CHANGE_RULES, ALICE, configured)
    assert not may(STRANGER, Deed.CHANGE_RULES, ALICE, configured)
    assert not may(OWNER, Deed.CHANGE_RULES, None, configured)


@given(CALLERS, st.sampled_from(Deed), st.sampled_from([None, 0, ALICE, BOB]), st.booleans())
def test_an_administrator_may_all_that_others_may(caller: Caller, deed: Deed, uid: int | None, seat: bool) -> None:
    configured = CONFIGURABLE if seat else frozenset()
    if may(caller, deed, uid, configured):
        assert may(replace(caller, admin=True), deed, uid, configured)
        assert may(ROOT, deed, uid)


def test_root_is_root_whatever_else_is_said_of_it() -> None:
    assert all(may(Caller(0, 1, admin=False), deed, ALICE) for deed in Deed)


@pytest.mark.parametrize("deed", Deed)
def test_a_private_log_is_the_users_and_roots(deed: Deed) -> None:
    callers = [replace(caller, private=True) for caller in (STRANGER, OWNER, MEMBER, ROOT)]
    kept = {Deed.READ_LOG: (False, True, False, True), Deed.READ_WHOLE_LOG: (False, False, False, True)}
    assert tuple(may(caller, deed, ALICE) for caller in callers) == kept.get(deed, WANTED[deed])


@pytest.mark.parametrize("kind", Kind)
def test_of_anothers_use_a_private_log_does_not_even_say_that_there_was_one(kind: Kind) -> None:
    told: Record = {"event": kind.value, "process": {"uid": ALICE}, "camera": {"id": "usb-1"}, "extra": {"by": "alice"}}
    of_a_use = kind in ACTIVATION_KINDS
    for caller in (STRANGER, MEMBER):
        assert not of_a_use or shown(replace(caller, private=True), told, ALICE) is None
    assert shown(replace(OWNER, private=True), told, ALICE) == told
    assert shown(replace(ROOT, private=True), told, ALICE) == told
    if not of_a_use:  # when the guard ran, which cameras there are
        assert shown(replace(STRANGER, private=True), told, ALICE) == shown(STRANGER, told, ALICE)


def test_groups_alone_make_nobody_an_administrator() -> None:
    assert not may(Caller(BOB, 1, frozenset(range(1000))), Deed.END_USE, ALICE)


def test_the_documented_table_is_the_one_in_force() -> None:
    section = SECURITY.read_text().split("## Who may ask the service for what\n")[1].split("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("|")]
    assert "\n".join(rows) == authority.table()


def test_the_table_says_what_is_done() -> None:
    _, _, *rows = authority.table().splitlines()
    for deed, row in zip(Deed, rows, strict=True):
        name, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        assert name == deed
        anyone, concerned, _, member, root = (cell in {"yes", "unless the log is private"} for cell in cells)
        assert (anyone, concerned, member, root) == WANTED[deed]
        assert ("unless the log is private" in row) == (deed in {Deed.READ_LOG, Deed.READ_WHOLE_LOG})
        assert len(cells) == len(Role)


# What of a record each may see.

USE_KINDS = (
    *(Kind.OPENED, Kind.PRESENT, Kind.CAPTURING, Kind.ENDED, Kind.PROBE, Kind.FEEDING, Kind.FED),
    Kind.ALERT,
)
SECRETS = ("Cheese", "cheese", "/usr/bin", "4711", "4712", "ada", "31415", "first use", "TERM")
"""What stands in the record of a use below, and is nobody else's business."""


def of_a_use(kind: Kind) -> Record:
    """A record that says all that a record of a use can say."""
    who = core_data.process(4711, uid=ALICE)
    held = frozenset({who, core_data.process(4712)})
    use = Activation(
        17, core_data.CAMERA.id, State.CAPTURING, who, held, core_data.START, capturing_at=core_data.later(1)
    )
    first = Reason(ReasonCode.FIRST_USE, "first use by this app")
    report = Report(
        kind,
        core_data.later(2),
        camera=core_data.CAMERA,
        activation=use,
        app=replace(core_data.app(), name="Cheese"),
        details=Details(("/usr/bin/cheese",), "ada", (Parent(1, "bash", "/usr/bin/bash"),), "ada.slice"),
        verdict=Verdict(Judgement.UNEXPECTED, (first,)),
        outcome=Outcome(Result.ENDED, (Step(4711, "TERM", "ended"),)),
        extra={"by": "ada", "pids": [4711]},
        seq=5,
    )
    return line(report)


@pytest.mark.parametrize("kind", sorted(ACTIVATION_KINDS))
def test_whose_use_it_is_and_administrators_see_it_whole(kind: Kind) -> None:
    whole = of_a_use(kind)
    assert owner_of(whole) == ALICE
    assert all(shown(caller, whole, ALICE) == whole for caller in (OWNER, MEMBER, ROOT))


@pytest.mark.parametrize("kind", sorted(ACTIVATION_KINDS))
def test_others_see_that_a_camera_is_in_use_and_no_more(kind: Kind) -> None:
    whole = of_a_use(kind)
    seen = shown(STRANGER, whole, ALICE)
    if kind not in USE_KINDS:
        assert seen is None
        return
    assert seen is not None
    assert [secret for secret in SECRETS if secret in str(whole)] == list(SECRETS)  # so that the next line can fail
    assert not any(secret in str(seen) for secret in SECRETS)
    for key in ("event", "seq", "at", "camera", "state", "opened_at", "activation"):
        assert seen[key] == whole[key]
    assert (seen["app"], seen["process"], seen["verdict"], seen["reasons"]) == (None, None, None, [])


@pytest.mark.parametrize("kind", USE_KINDS)
def test_the_use_of_an_unknown_process_is_shown_whole_to_administrators_alone(kind: Kind) -> None:
    whole = of_a_use(kind)
    whole["process"] = {"known": False, "uid": None}
    assert owner_of(whole) is None
    assert shown(OWNER, whole, None) == reduced(whole)
    assert shown(ROOT, whole, None) == whole


def test_a_mind_is_made_up_about_every_kind() -> None:
    assert frozenset(Kind) == authority.DECIDED


@given(CALLERS, st.text() | st.none() | st.integers())
def test_a_kind_that_is_not_known_is_for_administrators(caller: Caller, kind: str | int | None) -> None:
    record: Record = {"event": kind, "process": {"uid": ALICE}}
    if kind not in authority.DECIDED and not authority.sees_whole(caller, None):
        assert shown(caller, record, None) is None


def general(kind: Kind, extra: dict[str, JSON], outcome: Outcome | None = None) -> Record:
    camera, process = core_data.CAMERA, Process(None, name="thief", uid=ALICE)
    return line(Report(kind, core_data.START, camera=camera, process=process, extra=extra, outcome=outcome, seq=5))


@pytest.mark.parametrize("kind", sorted(authority._OF_THE_MACHINE))
def test_what_is_the_machines_is_shown_without_who(kind: Kind) -> None:
    left = (Process(None, name="thief", uid=ALICE),)
    outcome = Outcome(Result.STILL_HELD, (Step(4711, "asked thief", "no answer"),), "thief holds on", left)
    whole = general(kind, {"by": "ada", "uid": ALICE, "user": "ada", "why": "the disk is full"}, outcome)
    seen = shown(STRANGER, whole, None)
    assert seen is not None
    assert seen["camera"] == whole["camera"]
    assert seen["extra"] == {"why": "the disk is full"}
    assert seen["outcome"] == {"result": "still held"}
    assert not any(word in str(seen) for word in ("ada", "thief", str(ALICE)))


@pytest.mark.parametrize("kind", [Kind.RULE_ADDED, Kind.RULE_REMOVED])
def test_a_rule_for_one_user_is_not_shown_to_others(kind: Kind) -> None:
    rule = of_rule(Rule("r1", Effect.BLOCK, app=core_data.app().identity, note="no selfies"))
    common = general(kind, {**rule, "by": "ada"})
    seen = shown(STRANGER, common, None)
    assert seen is not None
    assert seen["extra"] == rule
    assert not any(word in str(seen) for word in ("ada", "thief", str(ALICE)))
    personal = general(kind, of_rule(Rule("r2", Effect.ALLOW, user="ada")))
    assert shown(STRANGER, personal, ALICE) is None
    assert shown(OWNER, personal, ALICE) == personal
