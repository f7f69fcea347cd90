"""What a client may ask of the service: one frozen type a call, every text, list and number bounded.

That no text holds NUL, and no object the same key twice, is for `protocol.decode_call` to see to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from camguard.core.circumstance import Circumstance
from camguard.core.confidence import Confidence
from camguard.core.decisions import Decision
from camguard.core.model import App, AppIdentity, AppKind, Effect, Lasting
from camguard.core.power import Power

MAX_REFS = 64
MAX_KINDS = 64
MAX_LIMIT = 500
SHORTEST_PASS_S, LONGEST_PASS_S = 1.0, 31 * 24 * 3600.0

_EXACT = 2**53 - 1  # what every JSON reader, also one in JavaScript, keeps exactly
_FIRST_YEAR, _LAST_YEAR = 1970, 2999

Id: TypeAlias = Annotated[int, Meta(ge=0, le=_EXACT)]
Number: TypeAlias = Annotated[int, Meta(ge=1, le=_EXACT)]
UtcNs: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]
Word: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
CameraName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
Path: TypeAlias = Annotated[str, Meta(min_length=1, max_length=4096)]
Note: TypeAlias = Annotated[str, Meta(max_length=1024)]
Sha256: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Kinds: TypeAlias = Annotated[tuple[Word, ...], Meta(max_length=MAX_KINDS)]
Circumstances: TypeAlias = Annotated[tuple[Circumstance, ...], Meta(max_length=len(Circumstance))]
Aware: TypeAlias = Annotated[datetime, Meta(tz=True)]


class UseRef(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One process's use of one camera, as `uses` told of it."""

    camera: CameraName
    pid: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    start_ticks: UtcNs
    boot_id: Word


class NewRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A rule to be made, by the keys that it has in the rules file."""

    effect: Effect
    app: Path | None = None
    path: Path | None = None
    sha256: Sha256 | None = None
    name: Text | None = None
    camera: CameraName | None = None
    user: Text | None = None
    hours: Text | None = None
    lasting: Lasting | None = None
    until: Aware | None = None
    note: Note | None = None
    turns_on: bool = False
    even: Circumstances = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a year that a rules file cannot hold."""
        if self.until is not None and not _FIRST_YEAR < self.until.year < _LAST_YEAR:
            raise ValueError(f'"until" must be after {_FIRST_YEAR} and before {_LAST_YEAR}')


class AskedApp(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """An app that `explain` is asked about; see `camguard.core.model.AppIdentity`."""

    kind: AppKind
    id: Annotated[str, Meta(max_length=4096)]
    path: Path | None = None
    sha256: Sha256 | None = None
    name: Text | None = None
    confidence: Confidence = Confidence.KERNEL

    @property
    def app(self) -> App:
        """The app that is asked about."""
        return App(AppIdentity(self.kind, self.id, self.path, self.sha256), self.name or self.id, None, self.confidence)


class _Call(
    msgspec.Struct, tag_field="call", forbid_unknown_fields=True, frozen=True, omit_defaults=True, kw_only=True
):
    """What all calls have: `id` comes back with the answer. The client counts it; without one it is 0."""

    id: Id = 0


class Ping(_Call, tag="ping", frozen=True):
    """Nothing but an answer. The server gives it without asking the service."""


class Status(_Call, tag="status", frozen=True):
    """The cameras, their power, and who uses them."""


class Uses(_Call, tag="uses", frozen=True):
    """The uses that a person means by `target`: an activation (``a17``), a pid, or an app's name."""

    target: Text


class End(_Call, tag="end", frozen=True):
    """End these uses."""

    uses: Annotated[tuple[UseRef, ...], Meta(min_length=1, max_length=MAX_REFS)]


class Decide(_Call, tag="decide", frozen=True):
    """Answer the alert about the activation of this number, and have done what the answer asks for."""

    activation: Number
    decision: Decision


class Switch(_Call, tag="switch", frozen=True):
    """Switch a camera, or all where none is named; `for_s` seconds long, for good where that is None.

    `whole` agrees to everything else in the device going off with it.
    """

    power: Power
    camera: CameraName | None = None
    for_s: Annotated[float, Meta(ge=SHORTEST_PASS_S, le=LONGEST_PASS_S)] | None = None
    whole: bool = False


class Rules(_Call, tag="rules", frozen=True):
    """The rules that the caller may see."""


class AddRule(_Call, tag="add-rule", frozen=True):
    """Make a rule."""

    rule: NewRule


class RemoveRule(_Call, tag="remove-rule", frozen=True):
    """Take the rule of this id away."""

    rule: Word


class Explain(_Call, tag="explain", frozen=True):
    """What the rules would make of a use, now or at a time in UTC nanoseconds, while what is in `held` holds."""

    app: AskedApp
    camera: CameraName | None = None
    user: Text | None = None
    at_utc_ns: UtcNs | None = None
    held: Circumstances = ()


class Log(_Call, tag="log", frozen=True):
    """The newest activations that match, from `since` to `until` in UTC nanoseconds.

    `before` is the number of an activation: only older ones, to read backwards page by page. `number` asks for that
    activation alone.
    """

    since: UtcNs | None = None
    until: UtcNs | None = None
    app: Text | None = None
    camera: CameraName | None = None
    unexpected: bool = False
    unanswered: bool = False
    limit: Limit = 50
    before: Number | None = None
    number: Number | None = None


class Entries(_Call, tag="entries", frozen=True):
    """Entries of the log behind number `after`, oldest first; of these kinds where any is named."""

    after: Id = 0
    kinds: Kinds | None = None
    limit: Limit = MAX_LIMIT


class WasOn(_Call, tag="was-on", frozen=True):
    """What the log knows of the time from `begin` to `end` in UTC nanoseconds.

    When the guard was watching, and who used a camera then, or one with `camera` in its name or id.
    """

    begin: UtcNs
    end: UtcNs
    camera: Text | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a time that ends before it begins, or has no length."""
        if self.begin >= self.end:
            raise ValueError('"end" must be after "begin"')


class Subscribe(_Call, tag="subscribe", frozen=True):
    """From now on send what happens, of these kinds where any is named; a second one takes the first one's place."""

    kinds: Kinds | None = None


class Unsubscribe(_Call, tag="unsubscribe", frozen=True):
    """Send no more of what happens. The server answers it without asking the service."""


class Info(_Call, tag="info", frozen=True):
    """What the service is: version, pid, how it watches, where its files are."""


Call: TypeAlias = (
    Ping
    | Status
    | Uses
    | End
    | Decide
    | Switch
    | Rules
    | AddRule
    | RemoveRule
    | Explain
    | Log
    | Entries
    | WasOn
    | Subscribe
    | Unsubscribe
    | Info
)
"""Any of them."""
