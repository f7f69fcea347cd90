"""The menu as panels are told of it: its texts, and the numbers of its rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.desktop.statusnotifier import actions
from camguard.desktop.statusnotifier.rows import LONGEST_TEXT, label_of, rows_of, shown
from camguard.desktop.statusnotifier.tree import ROOT, Node, Tree
from camguard.desktop.trayapi import Menu, MenuItem


def end(use: int) -> None:
    raise AssertionError(f"use {use} is not to be ended here")


def other(use: int) -> None:
    raise AssertionError(f"use {use} is not to be touched here")


def app(use: int, label: str = "") -> MenuItem:
    """A use of the camera with what can be done about it."""
    return MenuItem(
        label or f"App {use}", Menu(MenuItem("End it", partial(end, use)), MenuItem("Allow", partial(other, use)))
    )


def numbers(tree: Tree) -> dict[str, int]:
    """The rows by label, those of submenus with the label of it before them."""

    def of(node: Node, before: str) -> dict[str, int]:
        found = {}
        for child in node.children or ():
            label = before + str(child.properties.get("label", "-"))
            found[label] = child.number
            found.update(of(child, f"{label}/"))
        return found

    return of(tree.root, "")


def showing(*items: MenuItem) -> Tree:
    tree = Tree()
    tree.show(rows_of(Menu(*items)))
    tree.take_change()
    return tree


# Texts.


@given(st.text(st.characters(codec=None), max_size=3 * LONGEST_TEXT))
def test_a_label_is_harmless_whatever_it_is_made_of(text: str) -> None:
    label = label_of(text)
    assert label.isprintable()
    assert len(label.replace("__", "_")) <= LONGEST_TEXT
    assert "_" not in label.replace("__", "")
    label.encode()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("my_app", "my__app"),
        ("__init__", "____init____"),
        ("a\nb\t", "a\\nb\\t"),
        ("evil \u202egpj.exe", "evil \\u202egpj.exe"),
        ("<b>--help</b> & more", "<b>--help</b> & more"),
        ("x" * 10_000, "x" * (LONGEST_TEXT - 1) + "…"),
        ("x" * LONGEST_TEXT, "x" * LONGEST_TEXT),
    ],
)
def test_labels(text: str, label: str) -> None:
    assert label_of(text) == label


def test_a_long_text_is_cut_after_its_marks_were_made_visible() -> None:
    assert shown("\x1b" * 150) == ("\\x1b" * 150)[: LONGEST_TEXT - 1] + "…"


# Rows.


def test_rows_have_what_differs_from_the_usual() -> None:
    rows = rows_of(
        Menu(
            MenuItem("plain", None),
            MenuItem("off", None, enabled=False),
            MenuItem("hidden", None, visible=False),
            MenuItem("on", None, checked=lambda _: True),
            MenuItem("one of", None, checked=lambda _: False, radio=True),
            Menu.SEPARATOR,
            Menu.SEPARATOR,
            app(1),
            Menu.SEPARATOR,
        )
    )
    assert [dict(row.properties) for row in rows] == [
        {"label": "plain"},
        {"label": "off", "enabled": False},
        {"label": "on", "toggle-type": "checkmark", "toggle-state": 1},
        {"label": "one of", "toggle-type": "radio", "toggle-state": 0},
        {"type": "separator"},
        {"label": "App 1", "children-display": "submenu"},
    ]
    assert [row.properties["label"] for row in rows[-1].children or ()] == ["End it", "Allow"]
    assert rows_of(None) == ()


# Numbers.


def test_a_row_whose_label_moves_on_keeps_its_number() -> None:
    tree = showing(app(1, "Firefox has used the camera for 3 min"), MenuItem("Quit", end))
    before = numbers(tree)
    assert tree.show(rows_of(Menu(app(1, "Firefox has used the camera for 4 min"), MenuItem("Quit", end))))
    assert list(before.values()) == list(numbers(tree).values())
    change = tree.take_change()
    assert change.updated == ((1, {"label": "Firefox has used the camera for 4 min"}),)
    assert not change.removed
    assert not change.parents
    assert not tree.take_change()


def test_a_row_that_came_in_place_of_another_has_another_number() -> None:
    tree = showing(app(1), app(2))
    before = numbers(tree)
    tree.show(rows_of(Menu(app(2), app(3))))
    now = numbers(tree)
    assert {label: number for label, number in now.items() if label in before} == {
        label: number for label, number in before.items() if label.startswith("App 2")
    }
    assert all(tree.find(number) is None for label, number in before.items() if label.startswith("App 1"))
    assert tree.take_change().parents == (ROOT,)


def test_two_apps_of_one_name_are_not_taken_for_each_other() -> None:
    tree = showing(app(1, "Firefox"))
    [before] = tree.root.children or ()
    tree.show(rows_of(Menu(app(2, "Firefox"))))
    [now] = tree.root.children or ()
    assert before.number != now.number


def test_a_row_that_does_another_thing_now_has_another_number() -> None:
    tree = showing(MenuItem("Camera", partial(end, 1)))
    before = numbers(tree)
    tree.show(rows_of(Menu(MenuItem("Camera", partial(other, 1)))))
    assert before.items().isdisjoint(numbers(tree).items())


def test_what_goes_and_comes_back_has_a_new_number() -> None:
    tree = showing(app(1))
    before = numbers(tree)
    tree.show(())
    tree.show(rows_of(Menu(app(1))))
    assert set(before.values()).isdisjoint(numbers(tree).values())


def test_what_came_and_went_untold_is_not_told() -> None:
    tree = showing(MenuItem("a", partial(end, 1)), app(2))
    tree.show(rows_of(Menu(MenuItem("b", partial(end, 1)), app(2))))
    tree.show(rows_of(Menu(MenuItem("a", partial(end, 1)), app(2))))
    assert not tree.take_change()


def test_a_property_that_is_usual_again_is_told_as_removed() -> None:
    tree = showing(MenuItem("a", partial(end, 1), enabled=False))
    tree.show(rows_of(Menu(MenuItem("a", partial(end, 1)))))
    change = tree.take_change()
    assert change.removed == ((1, ("enabled",)),)
    assert not change.parents


def test_only_the_submenu_that_changed_is_to_be_read_again() -> None:
    tree = showing(MenuItem("Off for", Menu(*(MenuItem(f"{n} min", partial(end, n)) for n in (15, 30)))), app(1))
    before = numbers(tree)
    revision = tree.revision
    more = Menu(*(MenuItem(f"{n} min", partial(end, n)) for n in (15, 30, 60)))
    tree.show(rows_of(Menu(MenuItem("Off for", more), app(1))))
    assert tree.take_change().parents == (before["Off for"],)
    assert tree.revision == revision + 1


menus = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=6)


@given(st.lists(menus, max_size=8))
def test_a_number_stands_for_one_deed_for_ever(states: list[list[tuple[int, str, bool]]]) -> None:
    """Whatever menus follow one another, with the same deed twice in one and in submenus too."""
    tree = Tree()
    deeds: dict[int, tuple[object, ...]] = {}
    for state in states:
        items = [
            MenuItem(label, Menu(MenuItem(label, partial(end, use)))) if nested else MenuItem(label, partial(end, use))
            for use, label, nested in state
        ]
        tree.show(rows_of(Menu(*items)))
        seen = [node.number for node in tree.nodes]
        assert len(seen) == len(set(seen))
        for node in tree.nodes:
            if node.item is not None and isinstance(action := node.item._action, partial):
                assert deeds.setdefault(node.number, action.args) == action.args


@given(menus, menus)
def test_a_panel_that_heard_every_change_sees_the_menu(
    first: list[tuple[int, str, bool]], then: list[tuple[int, str, bool]]
) -> None:
    """Properties as updated and removed, rows as read below the parents that were named: nothing is missing."""
    tree = Tree()
    known: dict[int, dict[str, object]] = {}
    below: dict[int, list[int]] = {ROOT: []}
    for state in (first, then):
        items = [MenuItem(label, partial(end, use), enabled=on) for use, label, on in state]
        tree.show(rows_of(Menu(*items)))
        change = tree.take_change()
        for parent in change.parents:
            node = tree.find(parent)
            assert node is not None
            below[parent] = [child.number for child in node.children or ()]
            known.update({child.number: dict(child.properties) for child in node.children or ()})
        for number, properties in change.updated:
            known[number].update(properties)
        for number, names in change.removed:
            for name in names:
                known[number].pop(name, None)
        assert below[ROOT] == [child.number for child in tree.root.children or ()]
        assert all(known[child.number] == child.properties for child in tree.root.children or ())


# The same deed.


def closure(use: object) -> Callable[[], object]:
    return lambda: use


def decorated(word: str) -> Callable[[], object]:
    @wraps(end)
    def inner() -> object:
        return word

    return inner


class Agent:
    def quit(self) -> None:
        raise AssertionError


AGENT = Agent()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (end, end),
        (closure(1), closure(1)),
        (closure(("a", 1)), closure(("a", 1))),
        (closure(partial(end, 1)), closure(partial(end, 1))),
        (partial(end, 1), partial(end, 1)),
        (partial(end, use=1), partial(end, use=1)),
        (AGENT.quit, AGENT.quit),
        (decorated("a"), decorated("a")),
        (MenuItem("", closure(1))._action, MenuItem("", closure(1))._action),
        (MenuItem("", None)._action, MenuItem("", None)._action),
    ],
)
def test_the_same(one: object, two: object) -> None:
    assert actions.same(one, two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (end, other),
        (closure(1), closure(2)),
        (closure(1), closure(True)),
        (closure(object()), closure(object())),
        (closure(partial(end, 1)), closure(partial(end, 2))),
        (partial(end, 1), partial(end, 2)),
        (partial(end, 1), partial(end)),
        (partial(end, 1), partial(end, use=1)),
        (AGENT.quit, Agent().quit),
        (decorated("a"), decorated("b")),
        (lambda use=1: use, lambda use=1: use),
        (MenuItem("", closure(1))._action, MenuItem("", closure(2))._action),
        (MenuItem("", closure(1))._action, MenuItem("", None)._action),
    ],
)
def test_not_the_same(one: object, two: object) -> None:
    assert not actions.same(one, two)


def test_one_that_closes_over_itself_is_not_looked_into_for_ever() -> None:
    def recursive() -> Callable[[], object]:
        def again() -> object:
            return again

        return again

    assert not actions.same(recursive(), recursive())
