"""What people call an app: by the shipped knowledge, else by the desktop entry of that very app. The identity stays.

Only what is proven of an app finds it a name: the package, Flatpak or snap that it is, or the file that it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from camguard import desktopentry
from camguard.core.model import App, AppIdentity, AppKind
from camguard.desktopentry import Entry
from camguard.platform.linux.knowledge import Browser, Knowledge, Login, knowledge
from camguard.platform.linux.packages import Packages
from camguard.platform.linux.resolvers import Facts, File

_BY_PROGRAM = frozenset({AppKind.PACKAGE, AppKind.EXECUTABLE, AppKind.SCRIPT, AppKind.APPIMAGE})


@dataclass(slots=True)
class _Index:
    """The names in all entries, by what the app can be known by."""

    stamp: tuple[int | None, ...]
    programs: dict[str, str] = field(default_factory=dict)
    flatpaks: dict[str, str] = field(default_factory=dict)
    snaps: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str | None] = field(default_factory=dict)

    def take(self, entries: Iterable[Entry]) -> None:
        """Take in entries, of which the first for an app counts."""
        for entry in entries:
            if not entry.name:
                continue
            if entry.program is not None:
                self.programs.setdefault(entry.program, entry.name)
            if entry.flatpak is not None:
                self.flatpaks.setdefault(entry.flatpak, entry.name)
            if entry.snap is not None and not entry.hidden:
                self.snaps.setdefault(entry.snap, entry.name)
            if not entry.hidden:
                self.shown[entry.file] = entry.name


class Namer:
    """Knows what apps are called; safe in several threads. Entries are read again when one comes or goes."""

    def __init__(
        self,
        packages: Packages,
        folders: Callable[[], tuple[str, ...]] = desktopentry.folders,
        known: Callable[[], Knowledge] = knowledge,
    ) -> None:
        self._packages = packages
        self._folders = folders
        self._known = known
        self._index: _Index | None = None
        self._lock = threading.Lock()

    def name(self, app: App, facts: Facts) -> str:
        """What to call an app; its own name where nothing better is known."""
        login = self._login(facts)
        if login is not None:
            return login.name
        browser = self.browser(app.identity, facts.exe)
        return browser.name if browser is not None else self._entry(app.identity) or app.name

    def browser(self, identity: AppIdentity, exe: File) -> Browser | None:
        """The browser that an app is."""
        for browser in self._known().browser:
            match identity.kind:
                case AppKind.FLATPAK | AppKind.PORTAL:
                    found = identity.id in browser.flatpaks
                case AppKind.SNAP:
                    found = identity.id in browser.snaps
                case AppKind.PACKAGE:
                    found = identity.id in browser.packages and exe.base in browser.executables
                case AppKind.EXECUTABLE:
                    found = exe.roots and exe.base in browser.executables
                case _:
                    found = False
            if found:
                return browser
        return None

    def _login(self, facts: Facts) -> Login | None:
        file = facts.script_file or facts.exe
        for login in self._known().login:
            if file.roots and (file.path in login.scripts if facts.script_file else file.base in login.executables):
                return login
        return None

    def _entry(self, identity: AppIdentity) -> str | None:
        with self._lock:
            index = self._current()
            match identity.kind:
                case AppKind.FLATPAK | AppKind.PORTAL:
                    return index.flatpaks.get(identity.id)
                case AppKind.SNAP:
                    return index.snaps.get(identity.id)
                case kind if kind in _BY_PROGRAM and identity.path is not None:
                    found = index.programs.get(identity.path)
                    return found or (self._of_package(index, identity.id) if kind is AppKind.PACKAGE else None)
                case _:
                    return None

    def _of_package(self, index: _Index, package: str) -> str | None:
        """The one app that people see of a package: what they start is often a script that starts the program."""
        if package not in index.packages:
            if not index.shown:
                return None
            names = [index.shown[file] for file in self._packages.files(package) if file in index.shown]
            index.packages[package] = names[0] if len(names) == 1 else None
        return index.packages[package]

    def _current(self) -> _Index:
        folders = self._folders()
        stamp = desktopentry.stamp(folders)
        if self._index is None or self._index.stamp != stamp:
            self._index = _Index(stamp)
            self._index.take(desktopentry.entries(folders))
        return self._index
