"""Verdicts: each reason once, and properties that hold for any set of rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.circumstance import Circumstance
from camguard.core.confidence import Confidence
from camguard.core.model import (
    NANOSECONDS,
    UNKNOWN_APP,
    App,
    AppIdentity,
    AppKind,
    Effect,
    Hours,
    Judgement,
    Lasting,
    Moment,
    Rule,
)
from camguard.core.policy import Circumstances, expired, judge, local_time, within
from camguard.core.reasons import ReasonCode
from tests.support.core_data import CAMERA, OTHER_CAMERA, START, app, later

CASE = Circumstances(app(), CAMERA, START, user="anna", uid=1000)
ALLOW = Rule("r1", Effect.ALLOW, app().identity)


def codes(case: Circumstances, *rules: Rule) -> list[ReasonCode | Circumstance]:
    return [reason.code for reason in judge(case, rules).reasons]


def at(text: str, offset_s: int = 0) -> Moment:
    when = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return Moment((int(when.timestamp()) - offset_s) * NANOSECONDS, offset_s, 0, "boot-1")


def test_without_a_rule_the_first_use_is_unexpected_and_says_so() -> None:
    verdict = judge(CASE, ())
    assert verdict.judgement is Judgement.UNEXPECTED
    assert verdict.sentence == "first use by this app"


def test_a_later_use_without_a_rule_says_how_often_it_was_seen() -> None:
    case = replace(CASE, times_seen=3, last_seen_utc_ns=START.utc_ns - 3 * 86_400 * NANOSECONDS)
    assert judge(case, ()).sentence == "no rule allows it; it used a camera 3 times before, last 3 days ago"


def test_an_unknown_process_is_called_that() -> None:
    case = replace(CASE, app=App(UNKNOWN_APP, ""))
    assert codes(case, ALLOW) == [ReasonCode.UNKNOWN_PROCESS]


def test_an_allowed_app_is_expected() -> None:
    verdict = judge(CASE, [ALLOW])
    assert (verdict.judgement, verdict.rule) == (Judgement.EXPECTED, "r1")
    assert codes(CASE, ALLOW) == [ReasonCode.ALLOWED]


@pytest.mark.parametrize(
    "other",
    [
        AppIdentity(AppKind.EXECUTABLE, "cheese", "/usr/bin/cheese", "a" * 64),
        AppIdentity(AppKind.PACKAGE, "cheese", "/home/anna/cheese", "a" * 64),
        AppIdentity(AppKind.PACKAGE, "chees", "/usr/bin/cheese", "a" * 64),
        AppIdentity(AppKind.SCRIPT, "/usr/bin/cheese", "/usr/bin/cheese", "a" * 64),
    ],
)
def test_a_rule_is_for_one_identity_and_not_for_a_path_or_a_name(other: AppIdentity) -> None:
    assert codes(replace(CASE, app=App(other, "cheese")), ALLOW) == [ReasonCode.FIRST_USE]


def test_a_rule_without_a_path_is_for_any_program_of_the_package() -> None:
    rule = Rule("r1", Effect.ALLOW, AppIdentity(AppKind.PACKAGE, "cheese"))
    assert codes(CASE, rule) == [ReasonCode.ALLOWED]


def test_a_changed_executable_asks_again_and_says_what_changed() -> None:
    verdict = judge(replace(CASE, app=app(sha256="b" * 64)), [ALLOW])
    assert verdict.judgement is Judgement.UNEXPECTED
    assert verdict.reasons[0].code is ReasonCode.CHANGED
    assert "was aaaaaaaaaaaa…, is bbbbbbbbbbbb…" in verdict.reasons[0].sentence


def test_its_own_word_does_not_get_an_app_allowed_but_gets_it_asked_about_and_blocked() -> None:
    case = replace(CASE, app=replace(CASE.app, confidence=Confidence.SELF_DECLARED))
    verdict = judge(case, [ALLOW])
    assert (verdict.judgement, verdict.rule) == (Judgement.UNEXPECTED, None)
    assert verdict.reasons[0].code is ReasonCode.UNPROVEN
    for effect in (Effect.ASK, Effect.BLOCK):
        assert judge(case, [replace(ALLOW, effect=effect)]).rule == ALLOW.id


@given(st.sampled_from(AppKind), st.sampled_from(Confidence))
def test_only_what_is_known_and_proven_can_be_allowed(kind: AppKind, confidence: Confidence) -> None:
    one = App(AppIdentity(kind, "x"), "x", confidence=confidence)
    proven = confidence in {Confidence.KERNEL, Confidence.BROKER, Confidence.PORTAL}
    assert one.allowable is (proven and kind is not AppKind.UNKNOWN)
    if kind is AppKind.UNKNOWN:
        assert one.confidence in {Confidence.UNKNOWN, Confidence.SELF_DECLARED}


def test_an_executable_that_cannot_be_read_is_not_the_one_that_was_allowed() -> None:
    assert codes(replace(CASE, app=app(sha256=None)), ALLOW)[0] is ReasonCode.CHANGED


def test_a_block_holds_whatever_the_file_becomes() -> None:
    block = replace(ALLOW, effect=Effect.BLOCK)
    assert judge(replace(CASE, app=app(sha256="b" * 64)), [block]).judgement is Judgement.BLOCKED


def test_ask_is_unexpected_by_rule() -> None:
    assert codes(CASE, replace(ALLOW, effect=Effect.ASK)) == [ReasonCode.ASKED]


def test_a_rule_for_another_camera_says_so() -> None:
    rule = replace(ALLOW, camera=OTHER_CAMERA.id)
    assert codes(CASE, rule) == [ReasonCode.OTHER_CAMERA, ReasonCode.FIRST_USE]
    assert codes(replace(CASE, camera=OTHER_CAMERA), rule) == [ReasonCode.ALLOWED]
    assert codes(replace(CASE, camera=OTHER_CAMERA), replace(ALLOW, camera="other camera")) == [ReasonCode.ALLOWED]


@pytest.mark.parametrize(("user", "fits"), [("anna", True), ("1000", True), ("ben", False), ("0", False)])
def test_a_rule_for_a_user(user: str, fits: bool) -> None:
    assert (judge(CASE, [replace(ALLOW, user=user)]).judgement is Judgement.EXPECTED) is fits


def test_a_rule_whose_time_is_over_says_so() -> None:
    rule = replace(ALLOW, lasting=Lasting.UNTIL, until_utc_ns=later(60).utc_ns)
    assert codes(CASE, rule) == [ReasonCode.ALLOWED]
    assert codes(replace(CASE, at=later(60)), rule) == [ReasonCode.EXPIRED, ReasonCode.FIRST_USE]
    assert expired(rule, later(60).utc_ns)


def test_outside_its_hours_an_allowed_app_is_unexpected() -> None:
    rule = replace(ALLOW, hours=Hours(frozenset({0}), 9 * 60, 10 * 60))
    assert codes(replace(CASE, at=at("2026-11-23T09:30")), rule) == [ReasonCode.ALLOWED]
    assert codes(replace(CASE, at=at("2026-11-23T10:00")), rule) == [ReasonCode.OUTSIDE_HOURS, ReasonCode.FIRST_USE]


def test_the_rule_that_names_more_decides() -> None:
    everything = Rule("all", Effect.BLOCK)
    assert judge(CASE, [everything, ALLOW]).rule == "r1"
    here = replace(ALLOW, id="here", effect=Effect.BLOCK, camera=CAMERA.id)
    assert judge(CASE, [ALLOW, here]).rule == "here"


def test_among_equals_the_strictest_decides() -> None:
    ask, block = replace(ALLOW, id="ask", effect=Effect.ASK), replace(ALLOW, id="block", effect=Effect.BLOCK)
    assert judge(CASE, [ALLOW, ask]).rule == "ask"
    assert judge(CASE, [block, ask, ALLOW]).rule == "block"


YEARS = (datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2035-01-01"))


def test_an_answer_for_a_time_goes_before_a_standing_one() -> None:
    block = replace(ALLOW, id="block", effect=Effect.BLOCK)
    once = replace(ALLOW, id="once", lasting=Lasting.ONCE)
    assert judge(CASE, [block, once]).rule == "once"
    until = replace(block, id="until", lasting=Lasting.UNTIL, until_utc_ns=later(60).utc_ns)
    assert judge(CASE, [ALLOW, until]).rule == "until"
    assert judge(replace(CASE, at=later(60)), [ALLOW, until]).rule == "r1"


HOURS = st.builds(
    Hours,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(0, 1439),
)


@given(HOURS, st.datetimes(*YEARS), st.integers(-12, 14))
def test_hours_are_the_minutes_of_the_week_they_name(hours: Hours, when: datetime, zone: int) -> None:
    week = set()
    for day in hours.days:
        length = (hours.end_minute - hours.start_minute) % 1440 or 1440
        week |= {(day * 1440 + hours.start_minute + minute) % (7 * 1440) for minute in range(length)}
    moment = at(when.isoformat(timespec="seconds"), zone * 3600)
    local = local_time(moment)
    assert (local.weekday() * 1440 + local.hour * 60 + local.minute in week) == within(hours, moment)


RULES = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        effect=st.sampled_from(Effect),
        app=st.sampled_from([None, app().identity, app("zoom").identity, app(sha256="b" * 64).identity]),
        camera=st.sampled_from([None, CAMERA.id, "nowhere"]),
        user=st.sampled_from([None, "anna", "ben"]),
        hours=st.none() | HOURS,
    ),
    max_size=6,
)


@given(RULES.flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(rules))))
def test_the_order_of_the_file_never_matters(orders: tuple[list[Rule], list[Rule]]) -> None:
    as_written, shuffled = orders
    assert judge(CASE, as_written).judgement is judge(CASE, shuffled).judgement


@given(RULES)
def test_every_verdict_has_a_reason_and_only_a_fitting_allow_rule_makes_it_expected(rules: list[Rule]) -> None:
    verdict = judge(CASE, rules)
    assert verdict.reasons
    assert verdict.sentence
    if verdict.judgement is Judgement.EXPECTED:
        [rule] = [rule for rule in rules if rule.id == verdict.rule]
        assert rule.effect is Effect.ALLOW
        assert rule.app is None or rule.app == CASE.app.identity
        assert rule.user in {None, "anna"}
        assert rule.camera in {None, CAMERA.id}


@given(RULES)
def test_a_block_that_names_the_app_is_not_undone_by_rules_that_name_less(rules: list[Rule]) -> None:
    block = Rule("block", Effect.BLOCK, app().identity, CAMERA.id, "anna", Hours(frozenset(range(7)), 0, 0))
    assert judge(CASE, [*rules, block]).judgement is Judgement.BLOCKED
