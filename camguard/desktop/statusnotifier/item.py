"""The icon itself: the interface ``org.kde.StatusNotifierItem``.

See https://specifications.freedesktop.org/status-notifier-item-spec/. It lives under KDE's name, which is the one that
panels know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Annotated

from dbus_fast.annotations import DBusBool, DBusInt32, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.constants import ErrorType, PropertyAccess
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from camguard.desktop.statusnotifier.pixmaps import Pixmap
from camguard.desktop.statusnotifier.rows import shown

PATH = "/StatusNotifierItem"
"""Where a panel looks for it when it is given a bus name only."""
MENU_PATH = "/MenuBar"

Nothing = Annotated[None, DBusSignature("")]
Pixmaps = Annotated[list[Pixmap], DBusSignature("a(iiay)")]
ToolTip = Annotated[tuple[str, list[Pixmap], str, str], DBusSignature("(sa(iiay)ss)")]

_MOST_LINES = 12
_readable = PropertyAccess.READ


@dataclass(frozen=True, slots=True)
class Face:
    """What the icon shows: the first line of `title` is its name, the others are for its tool tip.

    `is_menu`: a plain click has nothing to do but to open the menu.
    """

    title: str = ""
    pixmaps: tuple[Pixmap, ...] = ()
    is_menu: bool = False

    @property
    def headline(self) -> str:
        """The title's first line, made harmless."""
        return shown(self.title.split("\n", 1)[0])

    @property
    def details(self) -> str:
        """The title's other lines, made harmless: a tool tip's text is markup."""
        return "\n".join(escape(shown(line)) for line in self.title.split("\n")[1:_MOST_LINES])


class Item(ServiceInterface):
    """The icon as panels see it: `face` says what it shows, `activate` is the plain click, false where idle."""

    def __init__(self, name: str, face: Callable[[], Face], activate: Callable[[], bool]) -> None:
        super().__init__("org.kde.StatusNotifierItem")
        self._id = name
        self._face = face
        self._activate = activate

    @dbus_property(_readable, "Category")
    def category(self) -> DBusStr:
        """It tells the state of a device."""
        return "Hardware"

    @dbus_property(_readable, "Id")
    def id_(self) -> DBusStr:
        """The same in every session."""
        return self._id

    @dbus_property(_readable, "Title")
    def title(self) -> DBusStr:
        """For lists of icons and for screen readers."""
        return self._face().headline

    @dbus_property(_readable, "Status")
    def status(self) -> DBusStr:
        """Never passive, for GNOME hides such icons; nor asking for attention: the picture does that."""
        return "Active"

    @dbus_property(_readable, "WindowId")
    def window_id(self) -> DBusInt32:
        """There is no window."""
        return 0

    @dbus_property(_readable, "IconName")
    def icon_name(self) -> DBusStr:
        """None: the picture comes from here, whatever theme the panel has."""
        return ""

    @dbus_property(_readable, "IconThemePath")
    def icon_theme_path(self) -> DBusStr:
        """None, for the same reason."""
        return ""

    @dbus_property(_readable, "IconPixmap")
    def icon_pixmap(self) -> Pixmaps:
        """The picture in several sizes."""
        return list(self._face().pixmaps)

    @dbus_property(_readable, "ToolTip")
    def tool_tip(self) -> ToolTip:
        """An icon's name, pictures, a title and a text."""
        face = self._face()
        return "", [], face.headline, face.details

    @dbus_property(_readable, "ItemIsMenu")
    def item_is_menu(self) -> DBusBool:
        """Whether a plain click should open the menu."""
        return self._face().is_menu

    @dbus_property(_readable, "Menu")
    def menu(self) -> DBusObjectPath:
        """Where the menu is."""
        return MENU_PATH

    @dbus_method("Activate")
    def activate(self, x: DBusInt32, y: DBusInt32) -> Nothing:  # noqa: ARG002  # the panel's to give
        """Do what a plain click does. An error where that is nothing: many panels open the menu then."""
        if not self._activate():
            raise DBusError(ErrorType.NOT_SUPPORTED, "the icon has no default action")

    @dbus_method("SecondaryActivate")
    def secondary_activate(self, x: DBusInt32, y: DBusInt32) -> Nothing:  # noqa: ARG002
        """Do the same for the middle button, which on GNOME is the only one that does not open the menu."""
        self._activate()

    @dbus_method("ContextMenu")
    def context_menu(self, x: DBusInt32, y: DBusInt32) -> Nothing:
        """Nothing: this is for items that draw their menu themselves. Ours is the panel's to show, from `Menu`."""

    @dbus_method("Scroll")
    def scroll(self, delta: DBusInt32, orientation: DBusStr) -> Nothing:
        """Nothing."""

    @dbus_signal("NewTitle")
    def new_title(self) -> Nothing:
        """Tell panels to read `Title` again."""

    @dbus_signal("NewIcon")
    def new_icon(self) -> Nothing:
        """Tell panels to read `IconPixmap` again."""

    @dbus_signal("NewToolTip")
    def new_tool_tip(self) -> Nothing:
        """Tell panels to read `ToolTip` again."""

    def tell(self, before: Face) -> None:
        """Tell panels how the icon differs from `before`."""
        now = self._face()
        if now.pixmaps != before.pixmaps:
            self.new_icon()
        if now.headline != before.headline:
            self.new_title()
        if (now.headline, now.details) != (before.headline, before.details):
            self.new_tool_tip()
