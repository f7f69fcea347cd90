"""Orders in, the kernel's table out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from camguard.core.gatekeeping import GateOrder, NodeNumber, find
from camguard.core.model import AppIdentity
from camguard.platform.linux.gate import wire

Table = dict[wire.Key, wire.Order]

_UNTOUCHED = wire.Change(0, 0)
_WORDS = {None: wire.NOTHING, False: wire.PASS, True: wire.REFUSE}


@dataclass(frozen=True, slots=True)
class Program:
    """An executable file: the app that it is, and what the kernel calls it."""

    app: AppIdentity
    name: wire.Name
    change: wire.Change


def build(
    told: Sequence[GateOrder], programs: Iterable[Program], uids: Mapping[str, int], *, refuse_others: bool
) -> Table:
    """The table that does what the orders say; `uids` has the users that they name."""
    users: dict[int | None, tuple[str, ...]] = {None: ()}
    for user, number in uids.items():
        users[number] = (*users.get(number, ()), user)
    nodes: list[NodeNumber | None] = [None, *{node: None for order in told for node in order.nodes or ()}]
    table: Table = {}
    for program in (None, *programs):
        relevant = [order for order in told if order.app is None or _may_be(order.app, program)]
        for uid, names in users.items():
            for node in nodes:
                _enter(table, program, uid, node, *_words(relevant, program, names, node))
    if refuse_others:
        table.setdefault(_key(None, None, None), wire.Order(_UNTOUCHED, wire.REFUSE, wire.REFUSE))
    return table


def _may_be(app: AppIdentity, program: Program | None) -> bool:
    return program is not None and (app.kind, app.id) == (program.app.kind, program.app.id)


def _words(
    told: Sequence[GateOrder], program: Program | None, users: tuple[str, ...], node: NodeNumber | None
) -> tuple[int, int]:
    """The word for a program as it is, and the word for whatever else its file may come to hold."""
    if program is None:
        word = _WORDS[find(told, None, users, node)]
        return word, word
    other = replace(program.app, sha256=None)
    return _WORDS[find(told, program.app, users, node)], _WORDS[find(told, other, users, node)]


def _enter(
    table: Table, program: Program | None, uid: int | None, node: NodeNumber | None, unchanged: int, changed: int
) -> None:
    if unchanged == changed == wire.NOTHING:
        return
    key = _key(program, uid, node)
    order = wire.Order(_UNTOUCHED if program is None else program.change, unchanged, changed)
    before = table.get(key)
    if before is not None:  # one file under two names: the kernel cannot tell them apart, so the stricter word counts
        order = wire.Order(order.change, *map(_stricter, before[1:], order[1:]))
    table[key] = order


def _key(program: Program | None, uid: int | None, node: NodeNumber | None) -> wire.Key:
    return wire.Key(
        wire.ANY_PROGRAM if program is None else program.name,
        wire.ANY_USER if uid is None else uid,
        0 if node is None else wire.device(node),
    )


def _stricter(one: int, other: int) -> int:
    return next(word for word in (wire.REFUSE, wire.NOTHING, wire.PASS) if word in (one, other))
