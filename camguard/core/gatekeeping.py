"""Rules in, orders for the gate out: what the kernel is to refuse, told before anybody opens a camera.

An order is about one app or any, one user or any, one camera or any. Together, looked up as `find` does, they say of
every use what `policy.judge` says of it: what is blocked is refused, what is expected passes. So the gate needs to know
no rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from camguard.core.model import (
    NANOSECONDS,
    UNKNOWN_APP,
    App,
    AppIdentity,
    Camera,
    CameraId,
    Judgement,
    Lasting,
    Moment,
    Rule,
)
from camguard.core.policy import Circumstances, expired, judge, same_app, within

NodeNumber = tuple[int, int]
"""(major, minor) of a node."""

_DAY_NS = 24 * 60 * 60 * NANOSECONDS
_MINUTE_NS = 60 * NANOSECONDS
_NO_CAMERA = Camera(CameraId("\0"), "\0", ())  # one that no rule can name


@dataclass(frozen=True, slots=True)
class GateOrder:
    """Refuse or pass the opens of an app.

    `app` is met as in a rule, and where it bears a SHA-256 by that content alone; None is any app. `user` is written
    as rules write it, None is any. `nodes` are the numbers of one camera's nodes, None is any camera.
    """

    app: AppIdentity | None
    refuse: bool
    user: str | None = None
    nodes: tuple[NodeNumber, ...] | None = None


def orders(
    rules: Iterable[Rule], cameras: Iterable[Camera], at: Moment, *, refuse_others: bool
) -> tuple[GateOrder, ...]:
    """The fewest orders by which the gate does at `at` what the rules say, general ones before particular ones.

    With `refuse_others` all that is not expected is refused; without it only what is blocked. Where a user has two
    names in the rules (a name and a number), the stricter answer counts, which may be stricter than `judge`.
    """
    rules = tuple(rules)
    users = tuple(dict.fromkeys([None, *(rule.user for rule in rules)]))
    places = (None, *(camera for camera in cameras if _numbers(camera)))
    told: list[GateOrder] = []
    general: list[GateOrder] = []
    for apps, relevant in _groups(rules):
        here = list(general)
        for app, user, camera in product(apps, users, places):
            refuse = _refuses(relevant, app, user, camera or _NO_CAMERA, at, refuse_others=refuse_others)
            nodes = None if camera is None else _numbers(camera)
            found = find(here, app, () if user is None else (user,), None if nodes is None else nodes[0])
            if refuse is not (refuse_others if found is None else found):
                here.append(GateOrder(app, refuse, user, nodes))
        told += here[len(general) :]
        general = general if apps[0] is not None else here
    return tuple(told)


def find(
    told: Iterable[GateOrder], app: AppIdentity | None, users: Sequence[str], node: NodeNumber | None
) -> bool | None:
    """Whether these orders refuse a node to an app run by a user of these names; None where no order is about that.

    The order closest to the app decides (by path and content, then by path, by content, by name alone, for any app),
    among those the one for the user, among those the one for the node.
    """
    fitting = [order for order in told if _about(order, app, users, node)]
    closest = max(map(_closeness, fitting), default=None)
    return None if closest is None else any(order.refuse for order in fitting if _closeness(order) == closest)


def meets(ordered: AppIdentity, app: AppIdentity) -> bool:
    """Whether an app is the one that an order names, content included where the order names it."""
    return same_app(ordered, app) and (ordered.sha256 is None or ordered.sha256 == app.sha256)


def next_change_utc_ns(rules: Iterable[Rule], at: Moment) -> int | None:
    """When next the hours of a rule begin or end, or its time is over, in UTC nanoseconds; None for never.

    Hours are reckoned in the local time of `at`: ask again when the clocks are changed.
    """
    changes = [change for rule in rules for change in _changes(rule, at)]
    return min(changes, default=None)


def _groups(rules: tuple[Rule, ...]) -> Iterator[tuple[list[AppIdentity | None], list[Rule]]]:
    """Any app, then the apps of each name; each group with the rules that may fit, the app they say least about first.

    Of the rules for one name each may have a path, a content, or both: a file may be met by several, so each path is
    taken with each content.
    """
    general = [rule for rule in rules if rule.app is None]
    yield [None], general
    named: dict[AppIdentity, list[tuple[AppIdentity, Rule]]] = {}
    for rule in rules:
        if rule.app is not None:
            named.setdefault(AppIdentity(rule.app.kind, rule.app.id), []).append((rule.app, rule))
    for app, same in named.items():
        paths = dict.fromkeys([None, *(one.path for one, _ in same)])
        contents = dict.fromkeys([None, *(one.sha256 for one, _ in same)])
        apps: list[AppIdentity | None] = [replace(app, path=path, sha256=of) for path in paths for of in contents]
        yield apps, general + [rule for _, rule in same]


def _numbers(camera: Camera) -> tuple[NodeNumber, ...]:
    return tuple(node.number for node in camera.nodes if not node.pretend)


def _refuses(
    rules: list[Rule], app: AppIdentity | None, user: str | None, camera: Camera, at: Moment, *, refuse_others: bool
) -> bool:
    who = App(app or UNKNOWN_APP, "")
    judgement = judge(Circumstances(who, camera, at, user), rules).judgement
    return judgement is not Judgement.EXPECTED if refuse_others else judgement is Judgement.BLOCKED


def _about(order: GateOrder, app: AppIdentity | None, users: Sequence[str], node: NodeNumber | None) -> bool:
    return (
        (order.app is None or (app is not None and meets(order.app, app)))
        and (order.user is None or order.user in users)
        and (order.nodes is None or node in order.nodes)
    )


def _closeness(order: GateOrder) -> tuple[bool, bool, bool, bool, bool]:
    app = order.app
    return (
        app is not None,
        app is not None and app.path is not None,
        app is not None and app.sha256 is not None,
        order.user is not None,
        order.nodes is not None,
    )


def _changes(rule: Rule, at: Moment) -> Iterator[int]:
    """The moments after `at` at which a rule begins or ceases to fit, the first of each cause."""
    if expired(rule, at.utc_ns):
        return
    if rule.lasting is Lasting.UNTIL and rule.until_utc_ns is not None:
        yield rule.until_utc_ns
    if rule.hours is None:
        return
    offset_ns = at.utc_offset_s * NANOSECONDS
    midnight = (at.utc_ns + offset_ns) // _DAY_NS * _DAY_NS - offset_ns
    marks = (0, rule.hours.start_minute, rule.hours.end_minute)  # midnight too: it is there that the day changes
    for boundary in sorted(midnight + day * _DAY_NS + mark * _MINUTE_NS for day in range(9) for mark in marks):
        before, then = replace(at, utc_ns=boundary - 1), replace(at, utc_ns=boundary)
        if boundary > at.utc_ns and within(rule.hours, before) is not within(rule.hours, then):
            yield boundary
            return
