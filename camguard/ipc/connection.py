"""One client, as the server has it: what it sends is answered in order, what happens is passed on to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from camguard.core.authority import Caller, sees_whole
from camguard.errors import BadRequest, Busy, CamguardError, Refused
from camguard.ipc import protocol
from camguard.ipc.calls import Call, Ping, Subscribe, Unsubscribe
from camguard.ipc.frames import FrameReader, FrameTooLong
from camguard.ipc.limits import Accounts, Limits
from camguard.ipc.news import NOTHING, News, Told
from camguard.ipc.peer import peer_of

log = logging.getLogger(__name__)

RECEIVE_BYTES = 64 * 1024
CONNECT = "connect"
"""Stands for a call's name where it is the connection itself that is refused."""


class Handler(Protocol):
    """The service behind the server. All is called on the event loop's thread, and must not block it."""

    def caller(self, uid: int, pid: int, gids: frozenset[int]) -> Caller:
        """Who this is; asked once for each connection. Who sits at the machine may change while it lasts."""

    async def answer(self, caller: Caller, call: Call) -> Mapping[str, Any]:
        """Carry a call out, all but `ping` and `unsubscribe`; `subscribe` is granted by answering it.

        Raises Refused where the caller may not, another CamguardError where it cannot be done. It is not
        cancelled when the client goes away meanwhile.
        """

    def refused(self, caller: Caller, call: str, why: str) -> None:
        """Told of each call that was refused or malformed, for the log; `call` is one of a known set, `why` hostile.

        Also of connections that were refused, as `CONNECT`, but not of each where they are many.
        """


@dataclass(slots=True)
class Shared:
    """What the connections of one server have in common. `scratch` is where each of them receives into, in turn."""

    handler: Handler
    limits: Limits
    version: str
    accounts: Accounts
    connections: set[Connection] = field(default_factory=set)
    subscribers: set[Connection] = field(default_factory=set)
    work: set[asyncio.Task[None]] = field(default_factory=set)
    scratch: memoryview = field(default_factory=lambda: memoryview(bytearray(RECEIVE_BYTES)))
    last_seq: int | None = None
    closing: bool = False


class Connection(asyncio.BufferedProtocol):
    """A client's connection, from its accept to its end.

    A task works for it only while there is something to answer, so that a client that is silent costs no more than
    its memory. While it has calls waiting nothing is read from it.
    """

    _transport: asyncio.Transport
    _caller: Caller

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(protocol.MAX_REQUEST)
        self._work: asyncio.Task[None] | None = None
        self._admitted = False
        self._ended = False  # the client will send no more
        self._refusals = 0
        self._full = False  # as much waits to be read by the client as may
        self._drained: asyncio.Future[None] | None = None
        self._kinds: frozenset[str] | None = None
        self._sees_all = self._sees_own = False
        self._missed = 0
        self._missed_seq: int | None = None
        self._patience: dict[str, asyncio.TimerHandle] = {}

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find out who it is; greet, or send away."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(self._shared.limits.waiting_bytes, 0)
        try:
            peer = peer_of(self._transport.get_extra_info("socket"))
        except OSError:
            self._transport.abort()
            return
        self._caller = self._shared.handler.caller(peer.uid, peer.pid, peer.gids)
        self._sees_all = sees_whole(self._caller, None)
        self._sees_own = sees_whole(self._caller, self._caller.uid)
        why = "the service is about to stop" if self._shared.closing else self._admit()
        if why is not None:
            if self._shared.accounts.affords_refusal(self._caller.uid, self._loop.time()):
                self._shared.handler.refused(self._caller, CONNECT, why)
            self._send(protocol.failure(None, Busy(f"{why}; try again later")))
            self._hang_up()
            return
        self._send(protocol.greeting(self._shared.version))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Where to put what was received; it is looked at before anything else is received."""
        return self._shared.scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Something was received."""
        self._reader.feed(self._shared.scratch[:nbytes])
        if self._work is None:
            self._begin_work()
        else:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; what it asked for is still answered."""
        self._ended = True
        return self._work is not None

    def pause_writing(self) -> None:
        """The client does not keep up with what it is sent."""
        self._full = True
        self._be_patient("drain", self._shared.limits.drain_s)

    def resume_writing(self) -> None:
        """The client has read everything; it hears what it missed."""
        self._full = False
        self._be_impatient("drain")
        self._catch_up()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The end, however it came."""
        self._shared.subscribers.discard(self)
        for name in tuple(self._patience):
            self._be_impatient(name)
        self._wake()
        if self._admitted:
            self._admitted = False
            self._shared.connections.discard(self)
            self._shared.accounts.release(self._caller.uid)

    # What the server asks of it.

    def deliver(self, news: Sequence[News]) -> None:
        """Send what it subscribed to and its user may see.

        Where the client does not keep up, or an event is too long, it counts as missed.
        """
        together: list[bytes] = []
        room = self._room()
        for each in news:
            shown, event = self._view(each)
            if not shown:
                continue
            if event is not None and len(event) <= room:
                together.append(event)
                room -= len(event)
                continue
            self._send(b"".join(together))
            together.clear()
            if event is None or self._full:
                self._miss(each.seq)
            else:
                self._send(event)
            room = self._room()
        self._send(b"".join(together))

    def part(self) -> None:
        """End it: at once, or when the call under way is answered."""
        self._ended = True
        if self._work is None:
            self._hang_up()

    def abort(self) -> None:
        """End it now."""
        self._transport.abort()

    # Answering.

    def _admit(self) -> str | None:
        why = self._shared.accounts.admit(self._caller.uid, self._loop.time())
        if why is None:
            self._admitted = True
            self._shared.connections.add(self)
        return why

    def _begin_work(self) -> None:
        """Answer what has come whole, in a task that ends when there is no more."""
        frame = self._next_frame()
        if frame is not None:
            self._work = self._loop.create_task(self._answer_all(frame))
            self._shared.work.add(self._work)
            self._work.add_done_callback(self._shared.work.discard)

    def _next_frame(self) -> bytes | None:
        """The next call, None where none is whole. Time runs only while part of one is there."""
        if self._transport.is_closing():
            return None
        try:
            frame = self._reader.next_frame()
        except FrameTooLong as error:
            self._refuse(BadRequest(f"{error}, more than a call can have"), None, protocol.UNKNOWN_CALL)
            self._hang_up()
            return None
        if frame is None and self._reader.unfinished:
            self._be_patient("frame", self._shared.limits.frame_s)
        else:
            self._be_impatient("frame")
        return frame

    async def _answer_all(self, first: bytes) -> None:
        try:
            frame: bytes | None = first
            while frame is not None:
                wait_s = self._shared.accounts.reserve(self._caller.uid, self._loop.time(), len(frame))
                if wait_s:
                    await asyncio.sleep(wait_s)
                await self._answer(frame)
                while self._full and not self._transport.is_closing():
                    await self._drain()
                frame = self._next_frame()
                if frame is not None:
                    await asyncio.sleep(0)  # one client's many calls never keep the others waiting
        except Exception:
            log.exception("a client's connection is ended after an error of the service's own")
            self._transport.abort()
        finally:
            self._work = None
            self._go_on()

    def _go_on(self) -> None:
        if self._ended:
            self._hang_up()
        elif not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    async def _answer(self, frame: bytes) -> None:
        try:
            call = protocol.decode_call(frame)
        except protocol.MalformedCall as error:
            self._refuse(error, error.id, error.call)
            return
        try:
            answer = protocol.reply(call.id, await self._result(call))
        except Refused as error:
            self._refuse(error, call.id, protocol.name_of(call))
        except CamguardError as error:
            self._send(protocol.failure(call.id, error))
        except Exception:
            log.exception("the call %s failed", protocol.name_of(call))
            why = CamguardError("the service failed at this; its log says at what")
            self._send(protocol.failure(call.id, why))
        else:
            self._send(answer)
            if isinstance(call, Subscribe):
                self._subscribe(call)

    async def _result(self, call: Call) -> Mapping[str, Any]:
        match call:
            case Ping():
                return {}
            case Unsubscribe():
                self._shared.subscribers.discard(self)
                return {}
            case Subscribe():
                granted = await self._shared.handler.answer(self._caller, call)
                return {"last_seq": self._shared.last_seq, **granted}
            case _:
                return await self._shared.handler.answer(self._caller, call)

    def _subscribe(self, call: Subscribe) -> None:
        if not self._transport.is_closing():
            self._kinds = None if call.kinds is None else frozenset(call.kinds)
            self._shared.subscribers.add(self)

    def _refuse(self, error: CamguardError, id_: int | None, call: str) -> None:
        self._refusals += 1
        self._shared.accounts.charge_refusal(self._caller.uid, self._loop.time())
        self._shared.handler.refused(self._caller, call, str(error))
        self._send(protocol.failure(id_, error))
        if self._refusals >= self._shared.limits.refusals:
            self._send(protocol.failure(None, Busy(f"{self._refusals} calls were refused; this is the end")))
            self._hang_up()

    # Sending, waiting, ending.

    def _send(self, message: bytes) -> None:
        if message and not self._transport.is_closing():
            self._transport.write(message)

    def _view(self, news: News) -> Told:
        if self._kinds is not None and news.kind not in self._kinds:
            return NOTHING
        whole = self._sees_all or (self._sees_own and news.owner_uid == self._caller.uid)
        return news.whole() if whole else news.reduced()

    def _room(self) -> int:
        """Bytes that can wait for the client without its falling behind."""
        return 0 if self._full else self._shared.limits.waiting_bytes - self._transport.get_write_buffer_size()

    def _miss(self, seq: int | None) -> None:
        self._missed += 1
        self._missed_seq = seq if seq is not None else self._missed_seq
        if not self._full:
            self._catch_up()

    def _catch_up(self) -> None:
        if self._missed:
            told = protocol.resync(self._missed, self._missed_seq)
            self._missed, self._missed_seq = 0, None
            self._send(told)

    async def _drain(self) -> None:
        self._drained = self._loop.create_future()
        await self._drained

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _hang_up(self) -> None:
        """Send what waits, then end it; whoever does not read is not waited for."""
        self._shared.subscribers.discard(self)
        if not self._transport.is_closing():
            self._be_patient("parting", self._shared.limits.frame_s)
            self._transport.close()

    def _be_patient(self, name: str, seconds: float) -> None:
        """End the connection after so long; each name runs once at a time, and a second call does not prolong it."""
        if name not in self._patience:
            self._patience[name] = self._loop.call_later(seconds, self._transport.abort)

    def _be_impatient(self, name: str) -> None:
        timer = self._patience.pop(name, None)
        if timer is not None:
            timer.cancel()
