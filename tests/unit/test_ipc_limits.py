"""How much may be asked, by a clock that the test turns."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from camguard.ipc.limits import USUAL, Accounts, TokenBucket

ROOT, ADA, BOB = 0, 1000, 1001
SMALL = replace(USUAL, connections=6, kept_for_root=2, connections_a_user=3, connections_of_root=4)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 5), st.sampled_from([0.5, 1.0, 4.0]))
def test_nobody_gets_more_turns_than_the_burst_and_the_rate(pauses: list[float], burst: int, rate: float) -> None:
    bucket = TokenBucket(rate, burst, 0.0)
    now, turns = 0.0, []
    for pause in pauses:
        now += pause
        turns.append(now + bucket.reserve(now))
    for first in range(len(turns)):
        for last in range(first, len(turns)):
            assert last - first + 1 <= burst + rate * (turns[last] - turns[first]) + 1e-6


@given(st.lists(st.integers(0, 3), max_size=20))
def test_who_asks_no_faster_than_the_rate_never_waits(pauses: list[int]) -> None:
    bucket = TokenBucket(1.0, 1, 0.0)
    now = 0.0
    for pause in pauses:
        assert bucket.reserve(now) == 0.0
        now += 1.0 + pause


def test_a_clock_that_stands_still_gives_nothing() -> None:
    bucket = TokenBucket(10.0, 2, 5.0)
    assert [round(bucket.reserve(5.0), 3) for _ in range(4)] == [0.0, 0.0, 0.1, 0.2]


def test_a_user_has_so_many_connections_and_no_more() -> None:
    accounts = Accounts(SMALL)
    assert [accounts.admit(ADA, 0.0) for _ in range(3)] == [None] * 3
    why = accounts.admit(ADA, 0.0)
    assert why is not None
    assert "3 connections" in why
    assert accounts.admit(BOB, 0.0) is None
    accounts.release(ADA)
    assert accounts.admit(ADA, 0.0) is None


def test_some_room_is_roots_alone() -> None:
    accounts = Accounts(SMALL)
    assert [accounts.admit(uid, 0.0) for uid in (ADA, ADA, BOB, BOB)] == [None] * 4
    assert accounts.admit(1002, 0.0) is not None
    assert [accounts.admit(ROOT, 0.0) for _ in range(2)] == [None] * 2
    assert accounts.admit(ROOT, 0.0) is not None


def test_root_has_a_bound_too() -> None:
    accounts = Accounts(replace(SMALL, connections=100))
    assert [accounts.admit(ROOT, 0.0) for _ in range(4)] == [None] * 4
    assert accounts.admit(ROOT, 0.0) is not None


def test_coming_back_is_no_way_to_more_calls() -> None:
    accounts = Accounts(replace(SMALL, calls_a_second=1.0, burst=2))
    accounts.admit(ADA, 0.0)
    assert [accounts.reserve(ADA, 0.0, 50) for _ in range(3)] == [0.0, 0.0, 1.0]
    accounts.release(ADA)
    accounts.admit(ADA, 0.5)
    assert accounts.reserve(ADA, 0.5, 50) > 1.0


def test_a_refused_call_counts_as_many() -> None:
    accounts = Accounts(replace(SMALL, calls_a_second=10.0, burst=21))
    accounts.charge_refusal(ADA, 0.0)
    assert [accounts.reserve(uid, 0.0, 50) for uid in (ADA, ADA, BOB)] == [0.0, 0.1, 0.0]


def test_refused_connections_are_told_of_while_they_are_few_and_cost_no_more() -> None:
    accounts = Accounts(replace(SMALL, calls_a_second=10.0, burst=41))
    assert [accounts.affords_refusal(ADA, 0.0) for _ in range(100)] == [True] * 2 + [False] * 98
    assert accounts.reserve(ADA, 0.0, 50) == 0.0
    assert accounts.affords_refusal(ADA, 2.0)


def test_a_long_call_counts_as_several() -> None:
    accounts = Accounts(replace(SMALL, calls_a_second=1.0, burst=1))
    assert accounts.reserve(ADA, 0.0, 64 * 1024) == 32.0
    assert accounts.reserve(BOB, 0.0, 2_047) == 0.0


@given(st.integers(1, 200))
def test_users_that_are_gone_are_forgotten(users: int) -> None:
    accounts = Accounts(SMALL)
    for uid in range(users):
        accounts.admit(uid, 0.0)
        accounts.reserve(uid, 0.0, 50)
        accounts.release(uid)
    accounts.admit(ADA, SMALL.burst / SMALL.calls_a_second + 1.0)
    assert len(accounts._all) == 1
