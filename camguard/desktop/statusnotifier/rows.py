"""What a pystray menu looks like just now, as the properties that ``com.canonical.dbusmenu`` gives a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from camguard.desktop.trayapi import Menu, MenuItem
from camguard.wording import visible

LONGEST_TEXT = 200
"""Characters of a label or title: what does not fit on a screen only makes a panel slow."""

Properties = Mapping[str, str | bool | int]
"""A row's properties, without those that have their default value, as the interface asks for it."""

SEPARATOR: Properties = {"type": "separator"}


@dataclass(frozen=True, slots=True)
class Row:
    """A row to be shown: `children` is None where it is no submenu."""

    properties: Properties
    item: MenuItem
    children: tuple[Row, ...] | None = None


def rows_of(menu: Menu | None) -> tuple[Row, ...]:
    """The rows of a menu as they are now. Whatever a callable of the menu raises is raised."""
    return tuple(_rows(menu)) if menu is not None else ()


def shown(text: object) -> str:
    """Text from anywhere, made harmless: every mark visible, and not too long."""
    start = str(text)[: LONGEST_TEXT + 1]
    marks = visible(start)
    return marks if len(marks) <= LONGEST_TEXT else f"{marks[: LONGEST_TEXT - 1]}…"


def label_of(text: object) -> str:
    """Text as a label, where a single underscore would mark the next letter as a key."""
    return shown(text).replace("_", "__")


def _rows(menu: Menu) -> Iterator[Row]:
    for item in menu:
        if item is Menu.SEPARATOR:
            yield Row(SEPARATOR, item)
        else:
            submenu = item.submenu
            children = None if submenu is None else rows_of(submenu)
            yield Row(_properties(item, is_submenu=submenu is not None), item, children)


def _properties(item: MenuItem, *, is_submenu: bool) -> Properties:
    found: dict[str, str | bool | int] = {"label": label_of(item.text)}
    if not item.enabled:
        found["enabled"] = False
    checked = item.checked
    if checked is not None:
        found["toggle-type"] = "radio" if item.radio else "checkmark"
        found["toggle-state"] = int(bool(checked))
    if is_submenu:
        found["children-display"] = "submenu"
    return found
