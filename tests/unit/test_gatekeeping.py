"""Orders for the gate: whatever the rules are, the kernel's answer is the policy's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.gatekeeping import GateOrder, find, next_change_utc_ns, orders
from camguard.core.model import (
    NANOSECONDS,
    UNKNOWN_APP,
    App,
    AppIdentity,
    Camera,
    Effect,
    Hours,
    Judgement,
    Lasting,
    Moment,
    Node,
    Rule,
)
from camguard.core.policy import Circumstances, expired, judge, within
from tests.support.core_data import CAMERA, OTHER_CAMERA, START, app, later
from tests.support.rules import APPS, MOMENTS, RULES

CHEESE = app().identity
BLOCK = Rule("block", Effect.BLOCK, CHEESE)
ALLOW = Rule("allow", Effect.ALLOW, CHEESE)
CAMERAS = (CAMERA, OTHER_CAMERA)


def denied(*rules: Rule, at: Moment = START) -> tuple[GateOrder, ...]:
    return orders(rules, CAMERAS, at, refuse_others=False)


def listed(*rules: Rule, at: Moment = START) -> tuple[GateOrder, ...]:
    return orders(rules, CAMERAS, at, refuse_others=True)


def test_a_blocked_app_is_refused_whatever_its_content() -> None:
    assert denied(BLOCK) == (GateOrder(replace(CHEESE, sha256=None), refuse=True),)
    assert find(denied(BLOCK), replace(CHEESE, sha256="b" * 64), (), None) is True


def test_an_allowed_app_passes_where_all_others_are_refused_and_with_its_own_content_alone() -> None:
    assert listed(ALLOW) == (GateOrder(CHEESE, refuse=False),)
    assert find(listed(ALLOW), replace(CHEESE, sha256="b" * 64), (), None) is None


def test_an_allowed_app_needs_no_order_where_others_pass() -> None:
    assert denied(ALLOW) == ()


def test_what_is_asked_about_is_refused_only_where_all_others_are() -> None:
    rules = (Rule("all", Effect.BLOCK), replace(BLOCK, effect=Effect.ASK))
    assert find(denied(*rules), CHEESE, (), None) is False
    assert find(denied(*rules), None, (), None) is True
    rules = (Rule("all", Effect.ALLOW), replace(BLOCK, effect=Effect.ASK))
    assert find(listed(*rules), CHEESE, (), None) is True
    assert find(listed(*rules), None, (), None) is False


def test_user_and_camera_are_in_the_order() -> None:
    (order,) = denied(replace(BLOCK, user="kid", camera=OTHER_CAMERA.name))
    assert (order.refuse, order.user, order.nodes) == (True, "kid", ((81, 2),))


def test_a_camera_that_is_not_plugged_in_needs_no_order() -> None:
    assert denied(replace(BLOCK, camera="nowhere")) == ()


def test_a_pretend_camera_has_no_node_that_the_kernel_could_refuse() -> None:
    pretend = replace(CAMERA, nodes=(Node("/tmp/video0", (81, 0), pretend=True),))
    assert orders([replace(BLOCK, camera=CAMERA.id)], [pretend], START, refuse_others=False) == ()


@pytest.mark.parametrize("lasting", [Lasting.ONCE, Lasting.UNTIL])
def test_an_answer_for_a_time_passes_while_it_is_there(lasting: Lasting) -> None:
    rule = replace(ALLOW, lasting=lasting, until_utc_ns=later(60).utc_ns if lasting is Lasting.UNTIL else None)
    standing = replace(BLOCK, id="standing")
    assert find(denied(standing, rule), CHEESE, (), None) is not True
    if lasting is Lasting.UNTIL:
        assert find(denied(standing, rule, at=later(60)), CHEESE, (), None) is True


def test_where_a_user_is_named_twice_the_stricter_answer_counts() -> None:
    told = denied(replace(BLOCK, user="kid"), replace(ALLOW, user="1000", camera=CAMERA.id))
    assert find(told, CHEESE, ("kid", "1000"), (81, 0)) is True


PERSONS = st.sampled_from([("anna", 1000), ("ben", 1001), ("root", 0)])


@given(RULES, st.just(UNKNOWN_APP) | APPS, PERSONS, st.sampled_from(CAMERAS), MOMENTS, st.booleans())
def test_the_orders_say_of_every_use_what_the_policy_says(
    rules: list[Rule],
    identity: AppIdentity,
    person: tuple[str, int],
    camera: Camera,
    at: Moment,
    refuse_others: bool,
) -> None:
    told = orders(rules, CAMERAS, at, refuse_others=refuse_others)
    found = find(told, identity, (person[0], str(person[1])), camera.nodes[0].number)
    refused = refuse_others if found is None else found
    judgement = judge(Circumstances(App(identity, ""), camera, at, *person), rules).judgement
    assert refused is (judgement is not Judgement.EXPECTED if refuse_others else judgement is Judgement.BLOCKED)


@given(RULES, MOMENTS, st.booleans())
def test_no_order_could_be_left_out(rules: list[Rule], at: Moment, refuse_others: bool) -> None:
    told = orders(rules, CAMERAS, at, refuse_others=refuse_others)
    for index, order in enumerate(told):
        found = find(told[:index], order.app, () if order.user is None else (order.user,), (order.nodes or (None,))[0])
        assert order.refuse is not (refuse_others if found is None else found)


@given(RULES, MOMENTS, st.integers(0, 8 * 24 * 60))
def test_nothing_changes_before_the_next_change(rules: list[Rule], at: Moment, minutes: int) -> None:
    change = next_change_utc_ns(rules, at)
    then = replace(at, utc_ns=at.utc_ns + minutes * 60 * NANOSECONDS)
    if change is None or then.utc_ns < change:
        assert [_holds(rule, then) for rule in rules] == [_holds(rule, at) for rule in rules]


@given(RULES, MOMENTS)
def test_at_the_next_change_something_changes(rules: list[Rule], at: Moment) -> None:
    change = next_change_utc_ns(rules, at)
    if change is not None:
        assert change > at.utc_ns
        before, then = replace(at, utc_ns=change - 1), replace(at, utc_ns=change)
        assert any(_holds(rule, before) != _holds(rule, then) for rule in rules)


def _holds(rule: Rule, at: Moment) -> tuple[bool, bool]:
    over = expired(rule, at.utc_ns)
    return over, not over and (rule.hours is None or within(rule.hours, at))


def test_hours_begin_in_local_time() -> None:
    at = Moment(int(datetime(2026, 11, 23, 7, tzinfo=UTC).timestamp()) * NANOSECONDS, 3600, 0, "boot")  # a Monday
    rule = replace(ALLOW, hours=Hours(frozenset({0}), 9 * 60, 10 * 60))
    change = next_change_utc_ns([rule], at)
    assert change == at.utc_ns + 3600 * NANOSECONDS
    assert next_change_utc_ns([rule], replace(at, utc_ns=change)) == change + 3600 * NANOSECONDS
    assert next_change_utc_ns([ALLOW], at) is None
