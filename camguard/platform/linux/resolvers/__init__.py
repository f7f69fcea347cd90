"""Which app a process is: one function for each kind of evidence, the surest first.

What is said of a process by the files that run goes before what it says of itself; see `sandboxes` and `programs`.
"""

from __future__ import annotations

from camguard.platform.linux.resolvers.facts import Facts, File, Resolver
from camguard.platform.linux.resolvers.programs import executable_app, package_app, script_app, windows_app
from camguard.platform.linux.resolvers.sandboxes import claimed_app, container_app, flatpak_app, snap_app

__all__ = ["RESOLVERS", "Facts", "File", "Resolver"]

RESOLVERS: tuple[Resolver, ...] = (
    flatpak_app,
    snap_app,
    container_app,
    claimed_app,
    windows_app,
    script_app,
    package_app,
    executable_app,
)
