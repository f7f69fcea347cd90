"""The menu that panels are told of: every row has a number, and no number is ever given twice.

A panel shows the menu as it was some time ago, and names the clicked row by its number. So a number stands for one
deed: a click on a row that has gone does nothing, and never what has come in its place. A row that does the same as
before keeps its number, whatever its label says now, so that an open menu stays as it is under the pointer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from camguard.desktop.statusnotifier import actions
from camguard.desktop.statusnotifier.actions import Action
from camguard.desktop.statusnotifier.rows import SEPARATOR, Properties, Row
from camguard.desktop.trayapi import Menu, MenuItem

ROOT = 0
"""The number that the interface gives the menu itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A row that panels know by `number`; `children` is None where it is no submenu, `item` for the menu itself."""

    number: int
    properties: Properties
    item: MenuItem | None
    children: tuple[Node, ...] | None


@dataclass(frozen=True, slots=True)
class Change:
    """What panels must be told: properties with new values, properties gone, and whose rows are others now."""

    updated: tuple[tuple[int, Properties], ...] = ()
    removed: tuple[tuple[int, tuple[str, ...]], ...] = ()
    parents: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.updated or self.removed or self.parents)


class Tree:
    """The rows as they are now, and as panels were last told."""

    def __init__(self) -> None:
        self._numbers = count(ROOT + 1)
        self._root = Node(ROOT, {"children-display": "submenu"}, None, ())
        self._nodes = {ROOT: self._root}
        self._told = self._nodes
        self.revision = 1
        """Counts the layouts there have been."""

    @property
    def root(self) -> Node:
        """The menu itself."""
        return self._root

    @property
    def nodes(self) -> Iterable[Node]:
        """Every row there is, and the menu itself."""
        return self._nodes.values()

    def find(self, number: int) -> Node | None:
        """The row of that number, while there is one."""
        return self._nodes.get(number)

    def show(self, rows: Sequence[Row]) -> bool:
        """Take over how the menu looks now; whether that differs from how it looked before."""
        before = self._nodes
        self._root = Node(ROOT, self._root.properties, None, self._numbered(self._root.children or (), rows))
        self._nodes = {node.number: node for node in _all(self._root)}
        change = _change(before, self._nodes)
        self.revision += bool(change.parents)
        return bool(change)

    def take_change(self) -> Change:
        """How the menu differs from what panels were told, which they are now."""
        change = _change(self._told, self._nodes)
        self._told = self._nodes
        return change

    def _numbered(self, before: Sequence[Node], rows: Sequence[Row]) -> tuple[Node, ...]:
        left = list(before)
        return tuple(self._node(_take(left, row), row) for row in rows)

    def _node(self, before: Node | None, row: Row) -> Node:
        number = next(self._numbers) if before is None else before.number
        known = before.children or () if before else ()
        children = None if row.children is None else self._numbered(known, row.children)
        return Node(number, row.properties, row.item, children)


def _take(left: list[Node], row: Row) -> Node | None:
    """The first row of `left` that is this one, which is taken out of it."""
    for index, node in enumerate(left):
        if _is_same(node, row):
            return left.pop(index)
    return None


def _is_same(node: Node, row: Row) -> bool:
    if (node.properties == SEPARATOR) != (row.properties == SEPARATOR):
        return False
    if node.children is None or row.children is None:
        return node.children is None and row.children is None and actions.same(_action(node), _action(row))
    return _is_same_submenu(node, row)


def _is_same_submenu(node: Node, row: Row) -> bool:
    """Whether a submenu is the same as before: at least half of what could be done there still can.

    By its label it could not be told: the rows of one app must not turn into those of another under the pointer, and a
    submenu goes on being the same one while its label counts the minutes.
    """
    before, now = list(_deeds(node)), list(_deeds(row))
    if not before:
        return not now and node.properties.get("label") == row.properties.get("label")
    kept = sum(any(actions.same(deed, other) for other in now) for deed in before)
    return 2 * kept >= len(before)


def _deeds(row: Node | Row) -> Iterator[Action]:
    """What the rows of a submenu do, without those that do nothing."""
    if row.children is not None:
        for child in row.children:
            yield from _deeds(child)
    elif (action := _action(row)) is not None and not actions.is_idle(action):
        yield action


def _action(row: Node | Row) -> Action | None:
    action = row.item._action if row.item is not None else None  # noqa: SLF001  # pystray has no other way to it
    return None if isinstance(action, Menu) else action


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children or ():
        yield from _all(child)


def _change(before: dict[int, Node], now: dict[int, Node]) -> Change:
    """The differences between two states of a menu, in rows that are in both."""
    if before is now:
        return Change()
    updated, removed, parents = [], [], []
    for number in before.keys() & now.keys():
        old, new = before[number], now[number]
        if values := {name: value for name, value in new.properties.items() if old.properties.get(name) != value}:
            updated.append((number, values))
        if gone := tuple(name for name in old.properties if name not in new.properties):
            removed.append((number, gone))
        if _numbers(old) != _numbers(new):
            parents.append(number)
    return Change(tuple(updated), tuple(removed), tuple(sorted(parents)))


def _numbers(node: Node) -> list[int]:
    return [child.number for child in node.children or ()]
