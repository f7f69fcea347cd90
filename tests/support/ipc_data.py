"""Calls and messages of every kind, as Hypothesis makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from camguard.core.circumstance import Circumstance
from camguard.core.decisions import Decision
from camguard.core.model import AppKind, Effect, Lasting
from camguard.core.power import Power
from camguard.ipc import calls
from camguard.ipc.calls import Call

EXACT = 2**53 - 1
FAR = 2**63 - 1


def texts(longest: int, shortest: int = 1) -> st.SearchStrategy[str]:
    """Anything that UTF-8 can carry, but NUL; now and then as long as it may be."""
    some = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=shortest, max_size=20)
    return some | st.sampled_from('x\\"\n\x7f\u2028\U0001f4f7').map(lambda mark: mark * longest)


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


NUMBERS = st.integers(0, EXACT)
UTC_NS = st.integers(0, FAR)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
KINDS = st.lists(texts(64), max_size=calls.MAX_KINDS).map(tuple)
LIMITS = st.integers(1, calls.MAX_LIMIT)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = datetime(1971, 1, 2), datetime(2998, 12, 30)  # noqa: DTZ001 - Hypothesis puts the time zone to them
TIMES = st.datetimes(FIRST, LAST, timezones=ZONES | st.just(UTC))

REFS = st.builds(calls.UseRef, texts(512), st.integers(1, 2**31 - 1), UTC_NS, texts(64))
RULES = st.builds(
    calls.NewRule,
    st.sampled_from(Effect),
    app=maybe(texts(4096)),
    path=maybe(texts(4096)),
    sha256=maybe(HASHES),
    name=maybe(texts(256)),
    camera=maybe(texts(512)),
    user=maybe(texts(256)),
    hours=maybe(texts(256)),
    lasting=maybe(st.sampled_from(Lasting)),
    until=maybe(TIMES),
    note=maybe(texts(1024, 0)),
)
APPS = st.builds(
    calls.AskedApp,
    st.sampled_from(AppKind),
    texts(4096, 0),
    path=maybe(texts(4096)),
    sha256=maybe(HASHES),
    name=maybe(texts(256)),
)
HELD = st.lists(st.sampled_from(Circumstance), max_size=len(Circumstance)).map(tuple)
PASSES = st.floats(calls.SHORTEST_PASS_S, calls.LONGEST_PASS_S)

OF_EACH_KIND: dict[str, st.SearchStrategy[Call]] = {
    "ping": st.builds(calls.Ping, id=NUMBERS),
    "status": st.builds(calls.Status, id=NUMBERS),
    "uses": st.builds(calls.Uses, texts(256), id=NUMBERS),
    "end": st.builds(calls.End, st.lists(REFS, min_size=1, max_size=8).map(tuple), id=NUMBERS),
    "decide": st.builds(calls.Decide, st.integers(1, EXACT), st.sampled_from(Decision), id=NUMBERS),
    "switch": st.builds(
        calls.Switch, st.sampled_from(Power), maybe(texts(512)), maybe(PASSES), st.booleans(), id=NUMBERS
    ),
    "rules": st.builds(calls.Rules, id=NUMBERS),
    "add-rule": st.builds(calls.AddRule, RULES, id=NUMBERS),
    "remove-rule": st.builds(calls.RemoveRule, texts(64), id=NUMBERS),
    "explain": st.builds(calls.Explain, APPS, maybe(texts(512)), maybe(texts(256)), maybe(UTC_NS), HELD, id=NUMBERS),
    "log": st.builds(
        calls.Log,
        maybe(UTC_NS),
        maybe(UTC_NS),
        maybe(texts(256)),
        maybe(texts(512)),
        st.booleans(),
        st.booleans(),
        LIMITS,
        maybe(st.integers(1, EXACT)),
        maybe(st.integers(1, EXACT)),
        id=NUMBERS,
    ),
    "entries": st.builds(calls.Entries, NUMBERS, maybe(KINDS), LIMITS, id=NUMBERS),
    "was-on": st.builds(
        lambda begin, length, camera, number: calls.WasOn(begin, begin + length, camera, id=number),
        st.integers(0, 2**62),
        st.integers(1, 2**62 - 1),
        maybe(texts(256)),
        NUMBERS,
    ),
    "subscribe": st.builds(calls.Subscribe, maybe(KINDS), id=NUMBERS),
    "unsubscribe": st.builds(calls.Unsubscribe, id=NUMBERS),
    "info": st.builds(calls.Info, id=NUMBERS),
}
CALLS = st.one_of(*OF_EACH_KIND.values())
EXAMPLES: dict[str, Call] = {
    "ping": calls.Ping(id=1),
    "status": calls.Status(id=1),
    "uses": calls.Uses("cheese", id=1),
    "end": calls.End((calls.UseRef("usb-1", 4711, 123456, "b00t"),), id=1),
    "decide": calls.Decide(17, Decision.KEEP, id=1),
    "switch": calls.Switch(Power.ON, "usb-1", 60.0, id=1),
    "rules": calls.Rules(id=1),
    "add-rule": calls.AddRule(calls.NewRule(Effect.ALLOW, app="package:cheese", hours="Mon-Fri 09:00-17:30"), id=1),
    "remove-rule": calls.RemoveRule("r3", id=1),
    "explain": calls.Explain(calls.AskedApp(AppKind.PACKAGE, "cheese"), user="ada", id=1),
    "log": calls.Log(1, 2, "cheese", unexpected=True, limit=20, before=17, id=1),
    "entries": calls.Entries(17, ("alert",), 10, id=1),
    "was-on": calls.WasOn(1, 2, "cheese", id=1),
    "subscribe": calls.Subscribe(("alert", "opened"), id=1),
    "unsubscribe": calls.Unsubscribe(id=1),
    "info": calls.Info(id=1),
}
"""One of each kind, as it is sent every day."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdeé\n", max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), JSON, max_size=5)
