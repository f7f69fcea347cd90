"""Blocks that need not wait, and rules that a user made for himself."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import App, AppIdentity, AppKind, Effect, Hours, Judgement, Rule
from camguard.core.policy import Circumstances, judge, judge_at_once, may_block
from tests.support.core_data import CAMERA, OTHER_CAMERA, START, app, process

SCRIPT = "/home/anna/spy.py"
PROGRAM = "/home/anna/spy"
PACKAGE = app("zoom").identity
IDENTITIES = {
    "script": AppIdentity(AppKind.SCRIPT, SCRIPT, SCRIPT, "a" * 64),
    "program": AppIdentity(AppKind.EXECUTABLE, PROGRAM, PROGRAM, "b" * 64),
}
PROCESSES = {"script": process(exe="/usr/bin/python3.11", script=SCRIPT), "program": process(exe=PROGRAM)}

RULES = st.builds(
    Rule,
    id=st.uuids().map(str),
    effect=st.sampled_from(Effect),
    app=st.sampled_from(
        [
            None,
            AppIdentity(AppKind.SCRIPT, SCRIPT),
            AppIdentity(AppKind.SCRIPT, SCRIPT, None, "c" * 64),
            AppIdentity(AppKind.EXECUTABLE, PROGRAM),
            AppIdentity(AppKind.EXECUTABLE, "/home/anna/other"),
            PACKAGE,
        ]
    ),
    camera=st.sampled_from([None, CAMERA.name, OTHER_CAMERA.name]),
    user=st.sampled_from([None, "anna", "1000", "bert"]),
    hours=st.sampled_from([None, Hours(frozenset(range(7)), 0, 1440), Hours(frozenset(), 0, 1440)]),
    by=st.sampled_from([None, "anna"]),
)


@given(st.lists(RULES, max_size=6), st.sampled_from(sorted(IDENTITIES)))
def test_what_is_blocked_at_once_is_what_is_blocked_once_all_is_known(rules: list[Rule], kind: str) -> None:
    at_once = judge_at_once(PROCESSES[kind], CAMERA, START, rules)
    if at_once is None:
        return
    for user in ("anna", "carol"):
        case = Circumstances(App(IDENTITIES[kind], kind), CAMERA, START, user=user, uid=1000)
        assert judge(case, rules).judgement is at_once.judgement is Judgement.BLOCKED


@given(
    st.lists(RULES, max_size=6), st.sampled_from([*sorted(IDENTITIES), "package"]), st.sampled_from(["anna", "carol"])
)
def test_whoever_is_blocked_was_worth_waiting_for(rules: list[Rule], kind: str, user: str) -> None:
    opener = PROCESSES.get(kind, process(exe="/usr/bin/zoom"))
    case = Circumstances(App(IDENTITIES.get(kind, PACKAGE), kind), CAMERA, START, user=user, uid=1000)
    if judge(case, rules).judgement is Judgement.BLOCKED:
        assert may_block(opener, CAMERA, START, rules)


def test_nobody_is_waited_for_whom_no_rule_may_block() -> None:
    rules = [
        Rule("r1", Effect.BLOCK, PACKAGE),
        Rule("r2", Effect.BLOCK, camera=OTHER_CAMERA.name),
        Rule("r3", Effect.BLOCK, hours=Hours(frozenset(), 0, 1440)),
        Rule("r4", Effect.ALLOW),
        Rule("r5", Effect.ASK, IDENTITIES["program"]),
    ]
    assert not may_block(PROCESSES["program"], CAMERA, START, rules)
    assert may_block(process(exe="/usr/bin/zoom"), CAMERA, START, rules)


def test_a_block_of_a_script_is_sure_at_once() -> None:
    verdict = judge_at_once(PROCESSES["script"], CAMERA, START, [Rule("r1", Effect.BLOCK, IDENTITIES["script"])])
    assert verdict is not None
    assert (verdict.judgement, verdict.rule) == (Judgement.BLOCKED, "r1")


def test_a_block_is_sure_whatever_other_block_may_fit_too() -> None:
    mine = Rule("r2", Effect.BLOCK, IDENTITIES["script"])
    for other in (Rule("r1", Effect.BLOCK, PACKAGE), Rule("r1", Effect.BLOCK, IDENTITIES["script"], user="anna")):
        assert judge_at_once(PROCESSES["script"], CAMERA, START, [other, mine]) is not None
    allowed = Rule("r1", Effect.ALLOW, IDENTITIES["script"], user="anna")
    assert judge_at_once(PROCESSES["script"], CAMERA, START, [allowed, mine]) is None


def test_a_program_that_may_belong_to_a_package_has_to_be_looked_into() -> None:
    rule = Rule("r1", Effect.BLOCK, AppIdentity(AppKind.EXECUTABLE, "/usr/bin/cheese"))
    assert judge_at_once(process(exe="/usr/bin/cheese"), CAMERA, START, [rule]) is None


def test_a_block_of_any_app_waits_for_who_it_is() -> None:
    assert judge_at_once(PROCESSES["program"], CAMERA, START, [Rule("r1", Effect.BLOCK)]) is None


def _verdict(*rules: Rule) -> Judgement:
    return judge(Circumstances(app("zoom"), CAMERA, START, user="anna", uid=1000), rules).judgement


OWN = Rule("r2", Effect.ALLOW, PACKAGE, user="anna", by="anna")


def test_a_user_may_allow_himself_what_nobody_forbids() -> None:
    assert _verdict(OWN) is Judgement.EXPECTED


def test_what_an_administrator_blocks_no_user_allows_himself() -> None:
    assert _verdict(OWN, Rule("r1", Effect.BLOCK, PACKAGE)) is Judgement.BLOCKED
    assert _verdict(OWN, Rule("r1", Effect.BLOCK, camera=CAMERA.name)) is Judgement.BLOCKED


def test_what_an_administrator_wants_to_be_asked_about_by_name_no_user_silences() -> None:
    assert _verdict(OWN, Rule("r1", Effect.ASK, replace(PACKAGE, sha256=None))) is Judgement.UNEXPECTED
    assert _verdict(OWN, Rule("r1", Effect.ASK)) is Judgement.EXPECTED


def test_a_user_may_be_stricter_with_himself_than_the_administrator() -> None:
    assert _verdict(replace(OWN, effect=Effect.BLOCK), Rule("r1", Effect.ALLOW, PACKAGE)) is Judgement.BLOCKED


def test_the_more_specific_rule_of_an_administrator_still_decides_among_his_own() -> None:
    allowed_here = Rule("r3", Effect.ALLOW, PACKAGE, camera=CAMERA.name)
    assert _verdict(Rule("r1", Effect.BLOCK, PACKAGE), allowed_here) is Judgement.EXPECTED
