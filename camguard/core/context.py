"""In which circumstances a use happens: what the edges found, and which of it speaks against the use.

What is not known is None, and speaks against nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from camguard.core.circumstance import Circumstance
from camguard.core.model import NANOSECONDS, Moment, Reason

DAY_NS = 24 * 60 * 60 * NANOSECONDS
"""For so long an app counts as new."""

USUAL = frozenset(Circumstance) - {Circumstance.IDLE, Circumstance.NEW}
"""What speaks against a use unless the configuration says otherwise.

Whoever only listens to a call touches nothing and is "idle" all the while, and each update of a trusted app is "new"
for a day: these two are written down in any case, but nobody is alerted for them unless he asks for it.
"""


@dataclass(frozen=True, slots=True)
class SessionState:
    """What is known of the session that a process is a part of.

    `id` is the session manager's name for it. `idle` is what the desktop says, `idle_since_utc_ns` since when.
    `missing`: its user is a person (no account of the system's own) who has no session at all.
    """

    id: str | None = None
    locked: bool | None = None
    idle: bool | None = None
    idle_since_utc_ns: int | None = None
    inactive: bool | None = None
    remote: bool | None = None
    missing: bool | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the program (the script, where an interpreter runs one) comes from.

    `deleted`: its file was deleted or replaced since it started, other than by an upgrade of its package. `temporary`:
    it is in `folder`, to which everybody may write or which is emptied by itself. `installed_utc_ns` is when its
    package was installed or upgraded last or, where `by_package` is False, when its file was last put there or changed.
    `unknown_parent`: of the process that started it, named `parent`, the file is gone, or in such a folder.
    """

    deleted: bool | None = None
    temporary: bool | None = None
    folder: str | None = None
    installed_utc_ns: int | None = None
    by_package: bool = False
    unknown_parent: bool | None = None
    parent: str | None = None


NO_ORIGIN = Origin()
"""The origin of a program of which nothing was found out."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that is known of the circumstances of a use."""

    session: SessionState = SessionState()
    origin: Origin = Origin()

    def holds(self, asked: Circumstance, at: Moment) -> bool | None:
        """Whether it is so, at the moment of the use; None where that is not known."""
        session, origin = self.session, self.origin
        match asked:
            case Circumstance.LOCKED:
                return session.locked
            case Circumstance.IDLE:
                return session.idle
            case Circumstance.INACTIVE:
                return session.inactive
            case Circumstance.REMOTE:
                return session.remote
            case Circumstance.NO_SESSION:
                return session.missing
            case Circumstance.DELETED:
                return origin.deleted
            case Circumstance.TEMPORARY:
                return origin.temporary
            case Circumstance.NEW:
                return None if origin.installed_utc_ns is None else _is_new(origin.installed_utc_ns, at)
            case Circumstance.UNKNOWN_PARENT:
                return origin.unknown_parent


NOT_KNOWN = Context()
"""The context of a use of which nothing was found out."""


@dataclass(frozen=True, slots=True)
class ContextPolicy:
    """Which circumstances speak against a use. `idle_after_ns` is for how long nobody must have been there."""

    wanted: frozenset[Circumstance] = USUAL
    idle_after_ns: int = 5 * 60 * NANOSECONDS


AS_USUAL = ContextPolicy()
"""The policy where the configuration says nothing."""


def against(context: Context, at: Moment, policy: ContextPolicy) -> tuple[Reason, ...]:
    """What speaks against a use in this context, in words."""
    held = [asked for asked in Circumstance if asked in policy.wanted and context.holds(asked, at)]
    if Circumstance.IDLE in held and not _idle_long(context.session, at, policy):
        held.remove(Circumstance.IDLE)
    return tuple(Reason(asked, _sentence(asked, context)) for asked in held)


def supposed(asked: Iterable[Circumstance], policy: ContextPolicy) -> tuple[Reason, ...]:
    """What would speak against a use if these circumstances held."""
    asked = frozenset(asked)
    return tuple(Reason(each, _SENTENCES[each]) for each in Circumstance if each in asked & policy.wanted)


def _is_new(installed_utc_ns: int, at: Moment) -> bool:
    return 0 <= at.utc_ns - installed_utc_ns < DAY_NS


def _idle_long(session: SessionState, at: Moment, policy: ContextPolicy) -> bool:
    """Whether nobody was there for long enough; a desktop that does not say since when has waited for some time."""
    since = session.idle_since_utc_ns
    return since is None or at.utc_ns - since >= policy.idle_after_ns


def _sentence(asked: Circumstance, context: Context) -> str:
    origin = context.origin
    match asked:
        case Circumstance.TEMPORARY if origin.folder is not None:
            return f"it is in {origin.folder}, where any program may put one"
        case Circumstance.NEW:
            return (
                f"{'its package was installed or upgraded' if origin.by_package else 'it was put there'} within a day"
            )
        case Circumstance.UNKNOWN_PARENT if origin.parent is not None:
            return f"it was started by {origin.parent}, which nobody can vouch for"
        case _:
            return _SENTENCES[asked]


_SENTENCES = {
    Circumstance.LOCKED: "the screen is locked",
    Circumstance.IDLE: "nobody seems to be there",
    Circumstance.INACTIVE: "its user's session is not the one on the screen",
    Circumstance.REMOTE: "it runs in a remote session",
    Circumstance.NO_SESSION: "its user is not logged in",
    Circumstance.DELETED: "its file was deleted or replaced since it was started",
    Circumstance.TEMPORARY: "it is in a folder where any program may put one",
    Circumstance.NEW: "it was installed within a day",
    Circumstance.UNKNOWN_PARENT: "it was started by a program that nobody can vouch for",
}
