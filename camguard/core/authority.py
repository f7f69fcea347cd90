"""Who may ask the service for what, in one table; and what of a record each may see.

The service runs as root for everybody on the machine. It knows a caller by what the kernel says of the other end of
the socket, never by what the caller says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from camguard.core.events import LIFE, Kind
from camguard.core.records import ACTIVATION_KINDS, JSON, Record

GROUP = "camguard"
"""The system's group whose members administer camguard without being root."""

WATCHERS = "camguard-watch"
"""The group of those who are told everything and may do nothing: programs that pass on what happens."""

ROOT = 0


class Role(StrEnum):
    """What a caller is in one matter. Who is more than anyone is anyone too."""

    ANYONE = "anyone"
    CONCERNED = "the user concerned"
    WATCHER = "group camguard-watch"
    GROUP = "group camguard"
    ROOT = "root"


class Deed(StrEnum):
    """What can be asked for, as the table calls it."""

    SEE_CAMERAS = "see the cameras, whether they are on, and since when one is in use"
    SEE_USE = "see a use: the app, its process, and why it was expected or not"
    END_USE = "end a use"
    DECIDE = "answer the alert about a use"
    SWITCH = "switch a camera off and on"
    SEE_COMMON_RULES = "see the rules for everybody"
    SEE_RULES = "see the rules for one user"
    CHANGE_RULES = "make and remove rules for one user"
    CHANGE_COMMON_RULES = "make and remove rules for everybody"
    EXPLAIN = "ask what the rules would make of a user's use"
    READ_LOG = "read in the log of a use"
    READ_WHOLE_LOG = "read the whole log"
    ASK_WAS_ON = "ask when the guard was watching, and whether and when a camera was used then"
    SUBSCRIBE = "be told what happens, as far as the caller may see it"
    INFO = "ask for version, method and files of the service"


class Answer(Enum):
    """One cell of the table."""

    YES = "yes"
    NO = "no"
    CONFIGURED = "where the configuration says so"
    UNLESS_PRIVATE = "unless the log is private"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the socket's credentials: `groups` are group ids, the process's own among them.

    `admin` is root, or a member of the group `camguard`; `watcher` one of the group `camguard-watch`. `at_seat` is the
    user of the active session at this machine. `private`: the configuration keeps the log of each user from everybody
    else but root.
    """

    uid: int
    pid: int
    groups: frozenset[int] = frozenset()
    admin: bool = False
    at_seat: bool = False
    watcher: bool = False
    private: bool = False


_EVERYBODY = frozenset(Role)
_OWN = frozenset({Role.CONCERNED, Role.GROUP, Role.ROOT})
_ADMINISTRATORS = frozenset({Role.GROUP, Role.ROOT})
_SEEING = frozenset({Role.CONCERNED, Role.WATCHER, Role.GROUP, Role.ROOT})

_ALLOWED: dict[Deed, frozenset[Role]] = {
    Deed.SEE_CAMERAS: _EVERYBODY,
    Deed.SEE_USE: _SEEING,
    Deed.END_USE: _OWN,
    Deed.DECIDE: _OWN,
    Deed.SWITCH: _ADMINISTRATORS,
    Deed.SEE_COMMON_RULES: _EVERYBODY,
    Deed.SEE_RULES: _OWN,
    Deed.CHANGE_RULES: _ADMINISTRATORS,
    Deed.CHANGE_COMMON_RULES: _ADMINISTRATORS,
    Deed.EXPLAIN: _OWN,
    Deed.READ_LOG: _SEEING,
    Deed.READ_WHOLE_LOG: _ADMINISTRATORS | {Role.WATCHER},
    Deed.ASK_WAS_ON: _EVERYBODY,
    Deed.SUBSCRIBE: _EVERYBODY,
    Deed.INFO: _EVERYBODY,
}
"""Who may do what, whatever the configuration says."""

CONFIGURABLE = frozenset({Deed.SWITCH, Deed.CHANGE_RULES})
"""What the configuration may allow the user concerned on top. A camera concerns the user who sits before it."""

_OF_THE_LOG = frozenset({Deed.READ_LOG, Deed.READ_WHOLE_LOG})
"""What the groups may not where the log is private."""


def may(
    caller: Caller, deed: Deed, concerned_uid: int | None = None, configured: frozenset[Deed] = frozenset()
) -> bool:
    """Whether a caller may do it, where it concerns the user `concerned_uid`, or no one user where that is None.

    `configured` is what of `CONFIGURABLE` the configuration allows; whom switching concerns is told by
    `Caller.at_seat`.
    """
    holds = {
        Answer.YES: True,
        Answer.NO: False,
        Answer.CONFIGURED: deed in configured,
        Answer.UNLESS_PRIVATE: not caller.private,
    }
    return any(holds[_answer(deed, role)] for role in roles(caller, deed, concerned_uid))


def roles(caller: Caller, deed: Deed, concerned_uid: int | None) -> frozenset[Role]:
    """All that a caller is in one matter."""
    concerned = caller.at_seat if deed is Deed.SWITCH else concerned_uid is not None and concerned_uid == caller.uid
    held = {
        Role.ANYONE: True,
        Role.CONCERNED: concerned,
        Role.WATCHER: caller.watcher,
        Role.GROUP: caller.admin and caller.uid != ROOT,
        Role.ROOT: caller.uid == ROOT,
    }
    return frozenset(role for role, holds in held.items() if holds)


def sees_whole(caller: Caller, owner_uid: int | None) -> bool:
    """Whether a caller sees a record of this user's (None: of nobody's in particular) as it is."""
    return may(caller, Deed.READ_WHOLE_LOG) or may(caller, Deed.READ_LOG, owner_uid)


def owner_of(line: Mapping[str, JSON]) -> int | None:
    """The uid of the user whose process a record of an activation tells of; None where it is not known."""
    process = line.get("process")
    uid = process.get("uid") if isinstance(process, Mapping) else None
    return uid if isinstance(uid, int) else None


def shown(caller: Caller, line: Record, owner_uid: int | None) -> Record | None:
    """What a caller may see of a record of the log as `core.records.line` makes it; None where that is nothing.

    Where the log is private a use by somebody else is not even mentioned.
    """
    if sees_whole(caller, owner_uid):
        return line
    return None if caller.private and line.get("event") in _OF_A_USE else reduced(line)


def reduced(line: Record) -> Record | None:
    """What anybody may see of a record; None where that is nothing.

    Of a use: that a camera is in use and since when, in the shape that all its records have. Of everything else what
    names no user. A kind that is not known here is not shown.
    """
    kind = line.get("event")
    if kind in _OF_A_USE:
        return {**{key: line[key] for key in _USE_KEYS if key in line}, **_UNSAID}
    if kind in _OF_A_RULE:
        return None if _names_a_user(line) else _without(_WHO, line)
    return _without(_WHO | _WHOSE, line) if kind in _OF_THE_MACHINE else None


_HEAD = ("schema", "event", "seq", "at", "clock", "camera")
_USE_KEYS = (*_HEAD, "activation", "state", "present", "opened_at", "capturing_at", "ended_at", "duration_ms")
_UNSAID: Record = {"app": None, "process": None, "verdict": None, "reasons": [], "reduced": True}

_OF_A_USE = LIFE | {Kind.ALERT}
"""An alert too: whoever sits before a camera hears that another user's app uses it, though not which."""
_OF_A_RULE = frozenset({Kind.RULE_ADDED, Kind.RULE_REMOVED})
_OF_THE_MACHINE = frozenset(
    {
        Kind.GUARD_STARTED,
        Kind.GUARD_STOPPED,
        Kind.GUARD_BLIND,
        Kind.GUARD_SIGHTED,
        Kind.CAMERA_ADDED,
        Kind.CAMERA_REMOVED,
        Kind.JOURNAL_SET_ASIDE,
        Kind.JOURNAL_INTERRUPTED,
        Kind.JOURNAL_CHECKED,
        Kind.JOURNAL_BROKEN,
        Kind.JOURNAL_CUT,
        Kind.GUARD_GAP,
        Kind.MACHINE_SLEPT,
        Kind.MACHINE_DOWN,
        Kind.MACHINE_STARTED,
        Kind.CLOCK_CHANGED,
        Kind.ZONE_CHANGED,
        Kind.POWER_SAID,
        Kind.PASS_ENDING,
        Kind.PASS_ENDED,
        Kind.CONFIG_KEPT,
        Kind.CONFIG_READ,
        Kind.GATE_CLOSED,
        Kind.GATE_OPEN,
    }
)
HIDDEN = ACTIVATION_KINDS - _OF_A_USE | {Kind.ACTION_UNFINISHED, Kind.CALL_REFUSED, Kind.OPEN_REFUSED}
"""Kinds of which those whom they do not concern see nothing."""
DECIDED = _OF_A_USE | _OF_A_RULE | _OF_THE_MACHINE | HIDDEN
"""Kinds about which this module has made up its mind."""

_WHO = frozenset({"by", "uid", "users", "pids", "process"})
"""Keys of a record's `extra` that name who did something."""
_WHOSE = frozenset({"user", "app", "command", "note", "carried"})
"""Those that tell what somebody does with the machine. A rule for everybody has them too, and means nobody.

What a cut carried on is whole entries."""


def _without(keys: frozenset[str], line: Record) -> Record:
    kept: Record = {key: line[key] for key in _HEAD if key in line}
    extra, outcome = line.get("extra"), line.get("outcome")
    if isinstance(extra, Mapping):
        kept["extra"] = {key: value for key, value in extra.items() if key not in keys}
    if isinstance(outcome, Mapping):
        kept["outcome"] = {"result": outcome.get("result")}  # its steps, and who is left, are processes
    return {**kept, "reduced": True}


def _names_a_user(line: Record) -> bool:
    extra = line.get("extra")
    return isinstance(extra, Mapping) and "user" in extra


def _answer(deed: Deed, role: Role) -> Answer:
    if role in _ALLOWED[deed]:
        return Answer.UNLESS_PRIVATE if role in {Role.GROUP, Role.WATCHER} and deed in _OF_THE_LOG else Answer.YES
    return Answer.CONFIGURED if deed in CONFIGURABLE and role is Role.CONCERNED else Answer.NO


def table() -> str:
    """The table as Markdown, as SECURITY.md has it."""
    lines = ["| to | " + " | ".join(Role) + " |", "|---" * (len(Role) + 1) + "|"]
    for deed in Deed:
        cells = " | ".join(_answer(deed, role).value for role in Role)
        lines.append(f"| {deed} | {cells} |")
    return "\n".join(lines)
