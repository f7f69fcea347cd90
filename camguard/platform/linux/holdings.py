"""Who holds one camera, as far as is known: what hints and scans together mean. Pure, no I/O.

Where a source tells no process (a user's inotify, or an opener outside our pid namespace), an open that no visible
process accounts for is somebody unseen. It is never counted, since the kernel merges events:

- opened, and closed again: an opener that is gone; nothing holds the camera on its behalf. Where a visible process
  holds the camera before and after, it is that one which opened it once more, and nothing is told;
- opened only: an unknown holder, until a close comes that no visible holder's loss accounts for;
- where no process was hidden from the scan, nobody unseen can hold it, so there is no unknown holder.

A scan and the events of what it shows come in any order: an open is judged by a scan that began after it was heard,
and what an earlier scan showed already accounts for it too.

Where the last visible holder is gone and no close was heard, the camera is open still: its descriptor is on the way to
another process, or with somebody who hides. Then it is looked for until it is found or closed; if it is not found at
once and somebody could hide it, it is with an unknown holder.

A close that is merged with a visible holder's own may leave the unknown holder standing until the next close. That
is the lesser evil: it says "an unknown process" too long, and never hides one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from camguard.core.events import HoldersSeen
from camguard.core.model import NANOSECONDS, Camera, Holder, Moment, Process, ProcessIdentity
from camguard.core.part import Part
from camguard.platform.linux.feeding import Feeding
from camguard.platform.linux.holders import Grip, Scan
from camguard.platform.linux.nodewatch import Hints

UNKNOWN = Process(identity=None)

LATE_NS = NANOSECONDS // 10
"""By how much an open may be heard of after the scan that showed it."""

_REMEMBERED = 64
"""So many processes that had a camera open are remembered, the newest: frames that they took may be heard of yet."""

_Token = tuple[ProcessIdentity, str, str]


@dataclass(slots=True)
class _Heard:
    """Events without a process: when the first open of them was heard, and whether there was a close.

    `released` says that there was a close at all, whoever it was by.
    """

    opened_ns: int | None = None
    closed: bool = False
    released: bool = False


class Holdings:
    """The holder set of one camera, and what is still to be told of it."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.feeding = Feeding()
        self._visible: dict[ProcessIdentity, Holder] = {}
        self._settled = False
        self._lately: dict[int, None] = {}
        self._loose: set[ProcessIdentity] = set()
        self._writers: frozenset[ProcessIdentity] = frozenset()
        self._unseen = False
        self._told: frozenset[Holder] = frozenset()
        self._tokens: frozenset[_Token] = frozenset()
        self._openers: dict[ProcessIdentity | None, Process] = {}
        self._opened_at: Moment | None = None
        self._heard = _Heard()
        self._due = _Heard()
        self._waited = False
        self._gained_until_ns = 0
        self._lost_before = False
        self._at_large = False

    @property
    def identities(self) -> frozenset[ProcessIdentity]:
        """The visible holders."""
        return frozenset(self._visible)

    @property
    def pids(self) -> frozenset[int]:
        """The visible holders' pids."""
        return frozenset(identity.pid for identity in self._visible)

    @property
    def unclear(self) -> bool:
        """Whether somebody holds the camera who cannot be seen, or may do so."""
        return self._unseen or self._at_large

    def note(self, hints: Hints) -> None:
        """Take in what a watch has seen."""
        self._opened_at = self._opened_at or hints.opened_at
        for identity, opener in hints.openers.items():
            self._openers[identity] = opener
            self._loose.discard(identity)
            # It holds the camera unless it was heard to let go, or the look that follows says otherwise.
            if identity.pid not in hints.closers and not hints.unseen_close:
                self._visible.setdefault(identity, Holder(opener))
        if hints.missed:
            self._openers[None] = UNKNOWN
        if hints.unseen_open and hints.opened_at is not None:
            self._heard.opened_ns = self._heard.opened_ns or hints.opened_at.boottime_ns
        self._heard.closed |= hints.unseen_close
        self._heard.released |= hints.closed

    def opened_by(self, process: Process) -> None:
        """Take in an opener that was found in another way."""
        self._openers[process.identity] = process

    def found(self, pid: int, grips: Collection[Grip]) -> bool:
        """Take in a look at one process; False where that says less than was known, and only a scan can tell."""
        holders = _holders(grips)
        self._visible.update(holders)
        self._loose -= holders.keys()
        self._writers = (self._writers - holders.keys()) | _writers(grips)
        return all(identity in holders for identity in self._visible if identity.pid == pid)

    def met(self, grips: Iterable[Grip]) -> None:
        """Take in whom a scan that goes on has come across."""
        holders = _holders(grip for grip in grips if grip.node in self.camera.nodes)
        if self._due.opened_ns is not None:
            for identity in holders.keys() - self._visible.keys():
                self._openers[identity] = holders[identity].process
        self._visible.update(holders)

    def begin(self) -> None:
        """A scan begins: what has been heard of so far is to be accounted for by it."""
        self._due.opened_ns = self._due.opened_ns or self._heard.opened_ns
        self._due.closed |= self._heard.closed
        self._due.released |= self._heard.released
        self._heard = _Heard()

    def settle(self, scan: Scan, *, more: bool) -> bool:
        """Take in a scan of everybody; False where another must follow before all of it counts.

        `more` says that something has happened since the scan began, which it may not show: an open that nobody
        accounts for may just have been closed, and a holder that is gone may just have forked. Then, once, only
        what the scan adds is taken in.
        """
        mine = [grip for grip in scan.grips if grip.node in self.camera.nodes]
        before, now = self._visible, _holders(mine)
        tokens = frozenset(_tokens(mine))
        gained, lost = tokens - self._tokens, self._tokens - tokens
        if gained:
            self._gained_until_ns = scan.ended_ns + LATE_NS
        opened_ns = self._due.opened_ns or self._heard.opened_ns
        if opened_ns is not None:
            for identity in now.keys() - before.keys():
                self._openers[identity] = now[identity].process
        unexplained = self._due.opened_ns is not None and self._due.opened_ns > self._gained_until_ns
        if (unexplained or before.keys() - now.keys()) and more and not self._waited:
            self._waited = True
            self._visible = before | now
            return False
        self._visible, self._tokens, self._writers = now, tokens, _writers(mine)
        self._judge(unexplained=unexplained, lost=bool(lost), kept=bool(tokens - gained), hidden=scan.hidden)
        self._trace(gained=bool(gained), lost=bool(before.keys() - now.keys()), hidden=scan.hidden)
        self._lost_before = bool(lost) and not self._due.closed
        self._loose.clear()
        self._due, self._waited, self._settled = _Heard(), False, not more
        return True

    def _judge(self, *, unexplained: bool, lost: bool, kept: bool, hidden: bool) -> None:
        """Decide what the events without a process mean; see the module's text."""
        closed = self._due.closed and not lost and not self._lost_before
        if unexplained and (closed or not hidden):
            if not kept:
                self._openers[None] = UNKNOWN
        elif unexplained:
            self._openers[None] = UNKNOWN
            self._unseen = True
        elif closed:
            if self._due.opened_ns is not None and not self._unseen:
                self._openers[None] = UNKNOWN
            self._unseen = False
        self._unseen &= hidden

    def _trace(self, *, gained: bool, lost: bool, hidden: bool) -> None:
        """Keep track of a descriptor that left its last visible holder without being closed; see the module's text."""
        if gained and self._due.opened_ns is None and self._heard.opened_ns is None:
            self._unseen = False  # nobody opened it anew: this is the one that could not be seen
        if self._visible or self._due.released or self._heard.released:
            self._at_large = False
        elif lost:
            self._at_large = True
        elif self._at_large:
            self._unseen = hidden

    def replaced(self, camera: Camera) -> None:
        """The camera was plugged in again: whoever holds it now opened it anew."""
        self.camera = camera
        self._tokens = frozenset()
        self._unseen = self._at_large = False

    def loses(self, scan: Scan) -> bool:
        """Whether a visible holder is missing in a scan."""
        return bool(self._visible.keys() - _holders(grip for grip in scan.grips if grip.node in self.camera.nodes))

    def feeds(self, fed: bool | None) -> None:
        """Take in whether somebody feeds this camera, None where nobody can; see `Feeding.take`."""
        self.feeding.take(self._visible, fed=fed, unclear=self.unclear, settled=self._settled)
        self._settled = False

    def fed_by(self, pid: int) -> None:
        """Take in that a process handed this camera a picture."""
        for identity in self._visible:
            if identity.pid == pid:
                self.feeding.proven(identity)

    @property
    def lately(self) -> frozenset[int]:
        """The pids of those who were told to have this camera open, now or not long ago."""
        return frozenset(self._lately)

    def let_go(self, pid: int) -> None:
        """Take in that a process was heard to close the camera, and has nothing of it: only a scan can say who has."""
        self._loose |= {identity for identity in self._visible if identity.pid == pid}

    def _remember(self, process: Process) -> None:
        if process.pid is not None:
            self._lately.pop(process.pid, None)
            self._lately[process.pid] = None
            while len(self._lately) > _REMEMBERED:
                del self._lately[next(iter(self._lately))]

    def _in_its_part(self, holder: Holder) -> Holder:
        part = self.feeding.part(holder, writes_only=holder.process.identity in self._writers)
        part = Part.WAITS if holder.process.identity in self._loose else part
        return holder if part is holder.part else replace(holder, part=part)

    def sighting(self, now: Moment, *, first: bool = False) -> HoldersSeen | None:
        """What has changed since it was last told; None where nothing has."""
        holders = frozenset(map(self._in_its_part, self._visible.values()))
        if self._unseen:
            holders |= {Holder(UNKNOWN)}
        if holders == self._told and not self._openers and not first:
            return None
        openers = tuple(self._openers.values())
        losing = _identities(self._told) - _identities(holders)
        at = self._opened_at if openers and self._opened_at is not None and not losing else now
        self._told, self._openers = holders, {}
        for process in (*openers, *(holder.process for holder in holders)):
            self._remember(process)
        if self._due.opened_ns is None and self._heard.opened_ns is None:
            self._opened_at = None
        return HoldersSeen(self.camera.id, holders, at, openers, first)


def _identities(holders: Iterable[Holder]) -> set[ProcessIdentity | None]:
    return {holder.process.identity for holder in holders}


def _holders(grips: Iterable[Grip]) -> dict[ProcessIdentity, Holder]:
    holders: dict[ProcessIdentity, Holder] = {}
    for grip in grips:
        identity = grip.process.identity
        if identity is not None:
            known = holders.get(identity)
            holders[identity] = Holder(grip.process, grip.mapped or (known is not None and known.mapped))
    return holders


def _writers(grips: Iterable[Grip]) -> frozenset[ProcessIdentity]:
    """Who can do nothing but write, whichever of the camera's nodes."""
    writes: dict[ProcessIdentity, bool] = {}
    for grip in grips:
        if grip.process.identity is not None:
            writes[grip.process.identity] = grip.writes_only and writes.get(grip.process.identity, True)
    return frozenset(identity for identity, only in writes.items() if only)


def _tokens(grips: Iterable[Grip]) -> Iterable[_Token]:
    for grip in grips:
        if grip.process.identity is not None:
            for descriptor in grip.descriptors or ("mapping",):
                yield grip.process.identity, grip.node.path, descriptor
