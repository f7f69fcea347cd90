"""Who holds one camera, as far as is known: what hints and scans together mean. Pure, no I/O.

Where a source tells no process (a user's inotify, or an opener outside our pid namespace), an open that no visible
process accounts for is somebody unseen. It is never counted, since the kernel merges events:

- opened, and closed again: an opener that is gone; nothing holds the camera on its behalf. Where a visible process
  holds the camera before and after, it is that one which opened it once more, and nothing is told;
- opened only: an unknown holder, until a close comes that no visible holder's loss accounts for;
- where no process was hidden from the scan, nobody unseen can hold it, so there is no unknown holder.

A close that is merged with a visible holder's own may leave the unknown holder standing until the next close. That
is the lesser evil: it says "an unknown process" too long, and never hides one.
"""

from __future__ import annotations

from collections.abc import Iterable

from camguard.core.events import HoldersSeen
from camguard.core.model import Camera, Holder, Moment, Process, ProcessIdentity
from camguard.platform.linux.holders import Grip, Scan
from camguard.platform.linux.nodewatch import Hints

UNKNOWN = Process(identity=None)

_Token = tuple[ProcessIdentity, str, str]


class Holdings:
    """The holder set of one camera, and what is still to be told of it.

    `anonymous`: events come without their process, so scans have to account for them.
    """

    def __init__(self, camera: Camera, *, anonymous: bool) -> None:
        self.camera = camera
        self._anonymous = anonymous
        self._visible: dict[ProcessIdentity, Holder] = {}
        self._unseen = False
        self._told: frozenset[Holder] = frozenset()
        self._tokens: frozenset[_Token] = frozenset()
        self._openers: dict[ProcessIdentity | None, Process] = {}
        self._opened_at: Moment | None = None
        self._unseen_open = False
        self._unseen_close = False
        self._waited = False
        self._early: set[ProcessIdentity] = set()
        self._early_gain = False
        self._early_loss = False

    @property
    def identities(self) -> frozenset[ProcessIdentity]:
        """The visible holders."""
        return frozenset(self._visible)

    @property
    def pids(self) -> frozenset[int]:
        """The visible holders' pids."""
        return frozenset(identity.pid for identity in self._visible)

    def note(self, hints: Hints) -> None:
        """Take in what a watch has seen."""
        self._opened_at = self._opened_at or hints.opened_at
        for opener in hints.openers.values():
            self._openers[opener.identity] = opener
        if hints.missed:
            self._openers[None] = UNKNOWN
        self._unseen_open |= hints.unseen_open
        self._unseen_close |= hints.unseen_close

    def opened_by(self, process: Process) -> None:
        """Take in an opener that was found in another way."""
        self._openers[process.identity] = process

    def found(self, pid: int, grips: Iterable[Grip]) -> bool:
        """Take in a look at one process; False where that says less than was known, and only a scan can tell."""
        holders = _holders(grips)
        self._visible.update(holders)
        return all(identity in holders for identity in self._visible if identity.pid == pid)

    def settle(self, scan: Scan, *, more: bool) -> bool:
        """Take in a scan of everybody; False where another must follow before all of it counts.

        `more` says that something has happened since the scan began, which it may not show: an open that nobody
        accounts for may just have been closed, and a holder that is gone may just have forked. Then, once, only
        what the scan adds is taken in. The next scan also bounds for how long a change that came without an event
        may account for one.
        """
        mine = [grip for grip in scan.grips if grip.node in self.camera.nodes]
        before, now = self._visible, _holders(mine)
        tokens = frozenset(_tokens(mine))
        gained, lost = tokens - self._tokens, self._tokens - tokens
        self._early = {identity for identity in now if identity not in before or identity in self._early}
        if self._unseen_open:
            for identity in self._early:
                self._openers[identity] = now[identity].process
        doubtful = before.keys() - now.keys() or (self._unseen_open and not gained and not self._early_gain)
        if doubtful and more and not self._waited:
            self._waited = True
            self._visible = before | now
            return False
        self._visible, self._tokens = now, tokens
        kept = bool(tokens - gained)
        self._judge(
            gained=bool(gained) or self._early_gain,
            lost=bool(lost) or self._early_loss,
            kept=kept,
            hidden=scan.hidden,
        )
        # A scan may be quicker than the event of what it shows: the next one, with the event, must know of it.
        self._early_gain = self._anonymous and bool(gained) and not self._unseen_open
        self._early_loss = self._anonymous and bool(lost) and not self._unseen_close
        self._early = now.keys() - before.keys() if self._early_gain else set()
        self._unseen_open = self._unseen_close = self._waited = False
        return not (self._early_gain or self._early_loss)

    def _judge(self, *, gained: bool, lost: bool, kept: bool, hidden: bool) -> None:
        """Decide what the events without a process mean; see the module's text."""
        opened = self._unseen_open and not gained
        closed = self._unseen_close and not lost
        if opened and (closed or not hidden):
            if not kept:
                self._openers[None] = UNKNOWN
        elif opened:
            self._unseen = True
        elif closed:
            if self._unseen_open and not self._unseen:
                self._openers[None] = UNKNOWN
            self._unseen = False
        self._unseen &= hidden

    def replaced(self, camera: Camera) -> None:
        """The camera was plugged in again: whoever holds it now opened it anew."""
        self.camera = camera
        self._tokens = frozenset()
        self._unseen = False

    def loses(self, scan: Scan) -> bool:
        """Whether a visible holder is missing in a scan."""
        return bool(self._visible.keys() - _holders(grip for grip in scan.grips if grip.node in self.camera.nodes))

    def sighting(self, now: Moment, *, first: bool = False) -> HoldersSeen | None:
        """What has changed since it was last told; None where nothing has."""
        holders = frozenset(self._visible.values())
        if self._unseen:
            holders |= {Holder(UNKNOWN)}
        if holders == self._told and not self._openers and not first:
            return None
        openers = tuple(self._openers.values())
        losing = _identities(self._told) - _identities(holders)
        at = self._opened_at if openers and self._opened_at is not None and not losing else now
        self._told, self._openers = holders, {}
        if not self._unseen_open:
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


def _tokens(grips: Iterable[Grip]) -> Iterable[_Token]:
    for grip in grips:
        if grip.process.identity is not None:
            for descriptor in grip.descriptors or ("mapping",):
                yield grip.process.identity, grip.node.path, descriptor
