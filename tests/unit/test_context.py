"""What speaks against a use in its context, and what a verdict makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.circumstance import Circumstance
from camguard.core.context import (
    AS_USUAL,
    DAY_NS,
    NOT_KNOWN,
    USUAL,
    Context,
    ContextPolicy,
    Origin,
    SessionState,
    against,
    supposed,
)
from camguard.core.model import (
    NANOSECONDS,
    App,
    AppIdentity,
    AppKind,
    Camera,
    CameraKind,
    Effect,
    Judgement,
    Lasting,
    Moment,
    Reason,
    Rule,
)
from camguard.core.policy import Circumstances, judge, judge_at_once
from camguard.core.reasons import ReasonCode, reason_code
from camguard.core.records import context as as_record
from camguard.core.records import of_rule
from tests.support.core_data import CAMERA, START, app, later, process
from tests.support.rules import APPS, MOMENTS, RULES

EVERY = ContextPolicy(frozenset(Circumstance))
ALLOW = Rule("r1", Effect.ALLOW, app().identity)
CASE = Circumstances(app(), CAMERA, START, user="anna", uid=1000)
PROGRAM = AppIdentity(AppKind.EXECUTABLE, "/home/anna/x", "/home/anna/x")
SEVERITY = {Judgement.EXPECTED: 0, Judgement.UNEXPECTED: 1, Judgement.BLOCKED: 2}

HELD = {
    Circumstance.LOCKED: Context(SessionState(locked=True)),
    Circumstance.IDLE: Context(SessionState(idle=True)),
    Circumstance.INACTIVE: Context(SessionState(inactive=True)),
    Circumstance.REMOTE: Context(SessionState(remote=True)),
    Circumstance.NO_SESSION: Context(SessionState(missing=True)),
    Circumstance.DELETED: Context(origin=Origin(deleted=True)),
    Circumstance.TEMPORARY: Context(origin=Origin(temporary=True)),
    Circumstance.NEW: Context(origin=Origin(installed_utc_ns=START.utc_ns)),
    Circumstance.UNKNOWN_PARENT: Context(origin=Origin(unknown_parent=True)),
}
MAYBE = st.sampled_from([None, False, True])
TIMES = st.none() | st.integers(-3, 3).map(lambda days: START.utc_ns + days * DAY_NS // 2)
CONTEXTS = st.builds(
    Context,
    st.builds(
        SessionState, locked=MAYBE, idle=MAYBE, idle_since_utc_ns=TIMES, inactive=MAYBE, remote=MAYBE, missing=MAYBE
    ),
    st.builds(Origin, deleted=MAYBE, temporary=MAYBE, installed_utc_ns=TIMES, unknown_parent=MAYBE),
)
POLICIES = st.builds(ContextPolicy, st.frozensets(st.sampled_from(Circumstance)), st.integers(0, 10**12))
EVENS = st.frozensets(st.sampled_from(Circumstance))
EVEN_RULES = st.tuples(RULES, st.lists(EVENS, min_size=8, max_size=8)).map(
    lambda found: [replace(rule, even=even) for rule, even in zip(found[0], found[1], strict=False)]
)


def in_context(context: Context, policy: ContextPolicy = AS_USUAL, case: Circumstances = CASE) -> Circumstances:
    return replace(case, against=against(context, case.at, policy))


def codes(context: Context, *rules: Rule, policy: ContextPolicy = AS_USUAL) -> list[str]:
    return [reason.code.value for reason in judge(in_context(context, policy), rules).reasons]


@pytest.mark.parametrize(("circumstance", "context"), HELD.items())
def test_each_circumstance_makes_an_allowed_use_unexpected_where_it_is_wanted(
    circumstance: Circumstance, context: Context
) -> None:
    assert context.holds(circumstance, START) is True
    assert codes(context, ALLOW, policy=EVERY) == [circumstance, "allowed-otherwise"]
    assert codes(context, ALLOW, policy=ContextPolicy(EVERY.wanted - {circumstance})) == ["allowed-by-rule"]
    assert codes(context, replace(ALLOW, even=frozenset({circumstance})), policy=EVERY) == ["allowed-by-rule"]
    others = frozenset(Circumstance) - {circumstance}
    assert codes(context, replace(ALLOW, even=others), policy=EVERY)[0] == circumstance


def test_a_trusted_app_on_a_locked_screen_is_unexpected_and_says_so() -> None:
    verdict = judge(in_context(HELD[Circumstance.LOCKED]), [ALLOW])
    assert (verdict.judgement, verdict.rule) == (Judgement.UNEXPECTED, None)
    assert verdict.sentence == "the screen is locked; rule r1 allows this app otherwise"


def test_whoever_only_listens_and_what_was_updated_today_raise_no_alert_unless_asked_for() -> None:
    assert frozenset(Circumstance) - USUAL == {Circumstance.IDLE, Circumstance.NEW}
    for circumstance in (Circumstance.IDLE, Circumstance.NEW):
        assert codes(HELD[circumstance], ALLOW) == ["allowed-by-rule"]


def test_a_use_that_no_rule_allows_says_its_context_too() -> None:
    context = replace(HELD[Circumstance.LOCKED], origin=Origin(temporary=True, folder="/dev/shm"))
    assert codes(context) == ["first-use", "locked", "temporary"]
    assert judge(in_context(context), ()).sentence == (
        "first use by this app; the screen is locked; it is in /dev/shm, where any program may put one"
    )
    assert codes(context, replace(ALLOW, effect=Effect.ASK)) == ["ask-by-rule", "locked", "temporary"]
    assert codes(context, replace(ALLOW, effect=Effect.BLOCK)) == ["blocked-by-rule"]


def test_a_rule_for_one_use_is_kept_where_that_was_unexpected() -> None:
    once = replace(ALLOW, lasting=Lasting.ONCE)
    assert judge(in_context(HELD[Circumstance.LOCKED]), [once]).rule is None
    assert judge(CASE, [once]).rule == "r1"


def test_nobody_was_there_for_as_long_as_was_asked_for() -> None:
    policy = replace(EVERY, idle_after_ns=300 * NANOSECONDS)
    for seconds, held in ((299, False), (300, True), (None, True)):
        since = None if seconds is None else later(-seconds).utc_ns
        found = against(Context(SessionState(idle=True, idle_since_utc_ns=since)), START, policy)
        assert bool(found) is held, seconds


def test_new_is_a_day() -> None:
    for age_ns, new in ((-1, False), (0, True), (DAY_NS - 1, True), (DAY_NS, False)):
        context = Context(origin=Origin(installed_utc_ns=START.utc_ns - age_ns))
        assert context.holds(Circumstance.NEW, START) is new


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [
        (Origin(unknown_parent=True, parent="drop.sh"), "it was started by drop.sh, which nobody can vouch for"),
        (Origin(installed_utc_ns=START.utc_ns, by_package=True), "its package was installed or upgraded within a day"),
        (Origin(installed_utc_ns=START.utc_ns), "it was put there within a day"),
    ],
)
def test_what_was_found_is_in_the_sentence(origin: Origin, sentence: str) -> None:
    assert [reason.sentence for reason in against(Context(origin=origin), START, EVERY)] == [sentence]


@given(EVENS, POLICIES)
def test_what_is_supposed_is_what_would_be_found(asked: frozenset[Circumstance], policy: ContextPolicy) -> None:
    assert {reason.code for reason in supposed(asked, policy)} == asked & policy.wanted


@given(APPS, MOMENTS, EVEN_RULES, CONTEXTS, POLICIES)
def test_no_context_makes_a_verdict_milder(
    identity: AppIdentity, at: Moment, rules: list[Rule], context: Context, policy: ContextPolicy
) -> None:
    case = Circumstances(App(identity, "x"), CAMERA, at, user="anna", uid=1001)
    plain, judged = judge(case, rules), judge(in_context(context, policy, case), rules)
    assert SEVERITY[judged.judgement] >= SEVERITY[plain.judgement]
    if plain.judgement is not Judgement.EXPECTED:
        assert judged.judgement is plain.judgement
        assert judged.reasons[: len(plain.reasons)] == plain.reasons
    if judged.judgement is Judgement.EXPECTED:
        assert judged == plain


@given(EVEN_RULES, CONTEXTS, POLICIES)
def test_what_is_not_known_speaks_against_nothing(rules: list[Rule], context: Context, policy: ContextPolicy) -> None:
    assert against(NOT_KNOWN, START, policy) == ()
    assert judge(in_context(NOT_KNOWN, policy), rules) == judge(CASE, rules)
    for reason in against(context, START, policy):
        assert context.holds(Circumstance(reason.code), START) is True


@given(
    st.lists(
        st.builds(
            Rule,
            id=st.uuids().map(str),
            effect=st.sampled_from(Effect),
            app=st.sampled_from([None, PROGRAM, replace(PROGRAM, path=None), app().identity]),
            user=st.sampled_from([None, "anna"]),
            even=EVENS,
        ),
        max_size=5,
    ),
    CONTEXTS,
)
def test_what_is_blocked_at_once_is_blocked_in_any_context(rules: list[Rule], context: Context) -> None:
    at_once = judge_at_once(process(exe=PROGRAM.id), CAMERA, START, rules)
    if at_once is not None:
        case = in_context(context, EVERY, replace(CASE, app=App(PROGRAM, "x")))
        assert judge(case, rules).judgement is at_once.judgement is Judgement.BLOCKED


def test_the_record_has_each_circumstance_known_or_not() -> None:
    nothing = as_record(NOT_KNOWN, START)
    assert nothing == dict.fromkeys([each.key for each in Circumstance])
    whole = Context(
        SessionState("7", locked=True, idle=True, idle_since_utc_ns=0, inactive=False, remote=False, missing=False),
        Origin(
            deleted=False,
            temporary=True,
            folder="/tmp/\udcff",
            installed_utc_ns=START.utc_ns,
            by_package=True,
            unknown_parent=True,
            parent="x",
        ),
    )
    told = as_record(whole, START)
    assert {each.key: told[each.key] for each in Circumstance} == {
        "locked": True, "idle": True, "inactive": False, "remote": False, "no_session": False,
        "deleted": False, "temporary": True, "new": True, "unknown_parent": True,
    }  # fmt: skip
    assert (told["session"], told["folder"], told["parent"]) == ("7", r"/tmp/\udcff", "x")
    assert (told["idle_since"], told["installed_by"]) == ("1970-01-01T00:00:00.000000+00:00", "package")
    assert len(told) == len(Circumstance) + 6


def test_each_word_is_a_code_of_one_kind_alone() -> None:
    assert not {each.value for each in Circumstance} & {each.value for each in ReasonCode}
    for each in (*Circumstance, *ReasonCode):
        assert reason_code(each.value) is each
    with pytest.raises(ValueError, match="nonsense"):
        reason_code("nonsense")


def test_what_people_say_goes_before_what_is_shipped_however_little_it_names() -> None:
    infrared: Camera = replace(CAMERA, kind=CameraKind.INFRARED)
    shipped = replace(
        ALLOW, id="x.1", user="anna", kind=CameraKind.INFRARED, shipped=True, even=frozenset(Circumstance)
    )
    case = replace(CASE, camera=infrared)
    assert judge(case, [shipped]).rule == "x.1"
    for own in (Rule("r2", Effect.ASK), Rule("r2", Effect.BLOCK), Rule("r2", Effect.ASK, lasting=Lasting.ONCE)):
        assert judge(case, [shipped, own]).rule == "r2"
    [reason, _] = judge(CASE, [shipped]).reasons
    assert reason == Reason(ReasonCode.OTHER_CAMERA, "rule x.1 allows it on infrared cameras alone", "x.1")


def test_a_rule_is_recorded_with_the_circumstances_in_which_it_holds() -> None:
    rule = replace(ALLOW, even=frozenset({Circumstance.REMOTE, Circumstance.LOCKED}))
    assert of_rule(rule)["even"] == ["locked", "remote"]
    assert "even" not in of_rule(ALLOW)
