"""The menu as panels read it: the interface ``com.canonical.dbusmenu``.

There is no page of a specification; its description is the interface's XML file in libdbusmenu.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from dbus_fast.annotations import DBusBool, DBusInt32, DBusSignature, DBusStr, DBusUInt32, DBusVariant
from dbus_fast.constants import ErrorType, PropertyAccess
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal
from dbus_fast.signature import Variant

from camguard.desktop.statusnotifier.rows import Properties
from camguard.desktop.statusnotifier.tree import ROOT, Change, Node, Tree

Layout = tuple[int, dict[str, Variant], list[Variant]]
"""A row's number, its properties, and the rows below it, each a layout of its own."""

Nothing = Annotated[None, DBusSignature("")]
Numbers = Annotated[list[int], DBusSignature("ai")]
Names = Annotated[list[str], DBusSignature("as")]
Events = Annotated[list[tuple[int, str, Variant, int]], DBusSignature("a(isvu)")]
Groups = Annotated[list[tuple[int, dict[str, Variant]]], DBusSignature("a(ia{sv})")]
FoundLayout = Annotated[tuple[int, Layout], DBusSignature("u(ia{sv}av)")]
ShowAnswers = Annotated[tuple[list[int], list[int]], DBusSignature("aiai")]
Changes = Annotated[
    tuple[list[tuple[int, dict[str, Variant]]], list[tuple[int, list[str]]]], DBusSignature("a(ia{sv})a(ias)")
]
LayoutChange = Annotated[tuple[int, int], DBusSignature("ui")]

_DEFAULTS: Properties = {
    "type": "standard",
    "label": "",
    "enabled": True,
    "visible": True,
    "toggle-type": "",
    "toggle-state": -1,
    "children-display": "",
}
_SIGNATURES = {str: "s", bool: "b", int: "i"}
_readable = PropertyAccess.READ


class MenuInterface(ServiceInterface):
    """A tree of rows on the bus.

    `clicked` is called with a row that is there and enabled; `refresh` looks at the menu again before it is opened,
    true where it differs.
    """

    def __init__(self, tree: Tree, clicked: Callable[[Node], None], refresh: Callable[[], bool]) -> None:
        super().__init__("com.canonical.dbusmenu")
        self._tree = tree
        self._clicked = clicked
        self._refresh = refresh

    @dbus_property(_readable, "Version")
    def version(self) -> DBusUInt32:
        """Of the interface."""
        return 3

    @dbus_property(_readable, "TextDirection")
    def text_direction(self) -> DBusStr:
        """Left to right: camguard speaks English."""
        return "ltr"

    @dbus_property(_readable, "Status")
    def status(self) -> DBusStr:
        """Nothing in the menu begs to be shown."""
        return "normal"

    @dbus_property(_readable, "IconThemePath")
    def icon_theme_path(self) -> Names:
        """No row has an icon."""
        return []

    @dbus_method("GetLayout")
    def get_layout(
        self,
        parent: DBusInt32,
        depth: DBusInt32,
        names: Names,
    ) -> FoundLayout:
        """The rows below `parent`, `depth` levels of them (all where negative), with some properties or all."""
        return self._tree.revision, _layout(self._node(parent), depth, names)

    @dbus_method("GetGroupProperties")
    def get_group_properties(self, numbers: Numbers, names: Names) -> Groups:
        """Properties of several rows, of all where none is named; those that are gone are left out."""
        nodes = [self._tree.find(number) for number in numbers] if numbers else self._tree.nodes
        return [(node.number, _variants(node.properties, names)) for node in nodes if node is not None]

    @dbus_method("GetProperty")
    def get_property(self, number: DBusInt32, name: DBusStr) -> DBusVariant:
        """One property of a row, by its default where it has no other value."""
        properties = self._node(number).properties
        if name not in properties and name not in _DEFAULTS:
            raise DBusError(ErrorType.INVALID_ARGS, "no such property")
        return _variant(properties[name] if name in properties else _DEFAULTS[name])

    @dbus_method("Event")
    def event(self, number: DBusInt32, kind: DBusStr, data: DBusVariant, when: DBusUInt32) -> Nothing:  # noqa: ARG002
        """Something happened to a row: it was clicked, or hovered over, or its menu opened or closed."""
        self._happened(self._node(number), kind)

    @dbus_method("EventGroup")
    def event_group(self, events: Events) -> Numbers:
        """Several events; the answer is the rows that are not there."""
        missing = []
        for number, kind, _, _ in events:
            node = self._tree.find(number)
            if node is None:
                missing.append(number)
            else:
                self._happened(node, kind)
        if events and len(missing) == len(events):
            raise DBusError(ErrorType.INVALID_ARGS, "none of these rows is there")
        return missing

    @dbus_method("AboutToShow")
    def about_to_show(self, number: DBusInt32) -> DBusBool:
        """The menu is about to be opened; true where it has to be read again first."""
        return self._must_be_read(self._node(number).number)

    @dbus_method("AboutToShowGroup")
    def about_to_show_group(self, numbers: Numbers) -> ShowAnswers:
        """The same for several: those to be read again, and those that are not there."""
        there = [number for number in numbers if self._tree.find(number) is not None]
        again = [number for number in there if self._must_be_read(number)]
        return again, [number for number in numbers if number not in there]

    @dbus_signal("ItemsPropertiesUpdated")
    def items_properties_updated(self, change: Change) -> Changes:
        """Tell panels which properties have new values, and which have their default value again."""
        updated = [(number, _variants(properties, ())) for number, properties in change.updated]
        return updated, [(number, list(names)) for number, names in change.removed]

    @dbus_signal("LayoutUpdated")
    def layout_updated(self, parent: int) -> LayoutChange:
        """Tell panels that there are other rows below `parent`."""
        return self._tree.revision, parent

    def tell(self, change: Change) -> None:
        """Tell panels how the menu has changed."""
        if change.updated or change.removed:
            self.items_properties_updated(change)
        for parent in change.parents:
            self.layout_updated(parent)

    def _node(self, number: int) -> Node:
        node = self._tree.find(number)
        if node is None:
            raise DBusError(ErrorType.INVALID_ARGS, "no such row: the menu has changed")
        return node

    def _happened(self, node: Node, kind: str) -> None:
        if kind == "clicked" and node.properties.get("enabled", True) and node.children is None:
            self._clicked(node)

    def _must_be_read(self, number: int) -> bool:
        return number == ROOT and self._refresh()


def _layout(node: Node, depth: int, names: Sequence[str]) -> Layout:
    children = node.children or () if depth != 0 else ()
    below = [Variant("(ia{sv}av)", _layout(child, depth - 1, names)) for child in children]
    return node.number, _variants(node.properties, names), below


def _variants(properties: Properties, names: Sequence[str]) -> dict[str, Variant]:
    return {name: _variant(value) for name, value in properties.items() if not names or name in names}


def _variant(value: Any) -> Variant:
    return Variant(_SIGNATURES[type(value)], value)
