"""What is said between the service and a client: one JSON object a line, UTF-8, each line ending in LF.

The service speaks first, with a greeting that names the version of the protocol. A client then sends calls (see
`camguard.ipc.calls`), each answered by a reply or a failure with the call's id, in the order in which they came.
Events come in between once they were subscribed to. Bytes in, messages out: nothing here knows a socket.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, TypeAlias, get_args

import msgspec
from msgspec import Meta

from camguard.core.records import safe
from camguard.errors import BadRequest, CamguardError
from camguard.ipc.calls import Call, Id, Word
from camguard.ipc.failures import ErrorBody, body_of
from camguard.shapes import Shape

VERSION: Final = 1
MAX_REQUEST: Final = 64 * 1024
"""Bytes of the longest line to the service, without its end."""
MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of the longest line to a client, without its end."""
ROOM_FOR_A_PAGE: Final = 256 * 1024
"""Bytes that `page` fills, of all that a message may have: what waits to be sent is in memory several times."""

_LONGEST_REASON = 200
UNKNOWN_CALL: Final = "unknown"
"""Stands for the name of a call that there is none of: such a name is the sender's to choose, and goes no further."""


class Greeting(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The service's first line: its own version and the protocol's."""

    camguard: Word
    protocol: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Reply(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A call was carried out."""

    id: Id
    result: dict[str, Any]


class Failure(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A call was not carried out; `id` is None where it could not be read, or the failure is the connection's."""

    id: Id | None
    error: ErrorBody


class Event(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something happened: a record as `camguard.core.records.line` makes it, or what this client may see of it."""

    event: dict[str, Any]


class Resync(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The client read too slowly and missed so many events; `last_seq` is the log's number of the newest of them."""

    missed: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    last_seq: Id | None


class _Resynced(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    resync: Resync


Message: TypeAlias = Greeting | Reply | Failure | Event | Resync
"""Anything that the service says."""


class _Head(msgspec.Struct, frozen=True):
    """What can be told of a call that is not right as a whole."""

    id: Id | None = None
    call: str | None = None


class _Ambiguous(ValueError):
    """JSON that two readers may take for different things."""


def name_of(call: Call) -> str:
    """What a call is called on the wire."""
    return str(type(call).__struct_config__.tag)


CALLS: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Call))
"""The names of all calls."""

_encode = msgspec.json.Encoder().encode
_decode_call = msgspec.json.Decoder(Call).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_SHAPES: dict[str, msgspec.json.Decoder[Any]] = {
    "result": msgspec.json.Decoder(Reply),
    "event": msgspec.json.Decoder(Event),
    "error": msgspec.json.Decoder(Failure),
    "resync": msgspec.json.Decoder(_Resynced),
    "camguard": msgspec.json.Decoder(Greeting),
}
"""The key that tells what a message is."""

_KEYS = Shape(dict[str, msgspec.Raw])

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""NUL as JSON spells it; after an odd number of backslashes it is a text about it."""

_NOT_IT = (ValueError, RecursionError)
"""All that is raised for bytes that are not what they should be; the second of them for deep nesting."""


class MalformedCall(BadRequest):
    """A line that is no call; `id` and `call` as far as they could be read, `call` always one of a known set."""

    def __init__(self, message: str, id_: int | None, call: str) -> None:
        super().__init__(message)
        self.id = id_
        self.call = call


class MalformedMessage(ValueError):
    """A line that is nothing that the service says."""


def decode_call(frame: bytes) -> Call:
    """The call in a line. Raises MalformedCall, and nothing else, where there is none."""
    try:
        call: Call = _decode_call(frame)
        _unambiguous(frame)
    except _NOT_IT as error:
        head = _head(frame)
        name = head.call if head.call is not None and head.call in CALLS else UNKNOWN_CALL
        raise MalformedCall(f"this is no call: {_reason(error)}", head.id, name) from error
    return call


def encode_call(call: Call) -> bytes:
    """A call as a line. Raises BadRequest where it is longer than the service reads."""
    frame = _encode(call)
    if len(frame) > MAX_REQUEST:
        raise BadRequest(f"this asks for too much at once: {len(frame)} bytes, of at most {MAX_REQUEST}")
    return frame + b"\n"


def decode_message(frame: bytes) -> Message:
    """The message in a line. Raises MalformedMessage, and nothing else, where there is none."""
    try:
        keys = _KEYS.of_json(frame)
        kind = next((key for key in _SHAPES if key in keys), None)
        if kind is None:
            raise MalformedMessage("a line that is no reply, event or greeting")
        message: Message | _Resynced = _SHAPES[kind].decode(frame)
    except _NOT_IT as error:
        raise MalformedMessage(_reason(error)) from error
    return message.resync if isinstance(message, _Resynced) else message


def greeting(version: str) -> bytes:
    """The service's first line."""
    return _line(Greeting(version, VERSION))


def reply(id_: int, result: Mapping[str, Any]) -> bytes:
    """The answer to a call, as a line.

    Raises CamguardError where it is longer than a client reads, TypeError where it is nothing that JSON can hold.
    """
    line = _line({"id": id_, "result": result})
    if len(line) > MAX_MESSAGE + 1:
        raise CamguardError(f"the answer has {len(line)} bytes, more than the {MAX_MESSAGE} of one; ask for less")
    return line


def failure(id_: int | None, error: CamguardError) -> bytes:
    """Why a call was not carried out, as a line."""
    return _line(Failure(id_, body_of(error)))


def event(line: Mapping[str, Any]) -> bytes | None:
    """Something that happened, as a line; None where it is longer than a client reads."""
    encoded = _line({"event": line})
    return encoded if len(encoded) <= MAX_MESSAGE + 1 else None


def resync(missed: int, last_seq: int | None) -> bytes:
    """That a client missed events, as a line."""
    return _line(_Resynced(Resync(missed, last_seq)))


class Page:
    """As many records as one reply can hold: `taken` are encoded already, a reply takes them as they are."""

    def __init__(self) -> None:
        self.taken: list[msgspec.Raw] = []
        self._room = ROOM_FOR_A_PAGE

    @property
    def empty(self) -> bool:
        """Whether there is none."""
        return not self.taken

    def add(self, record: Mapping[str, Any]) -> bool:
        """Take one more; whether there was room for it."""
        encoded = _encoded(record)
        if len(encoded) + 1 > self._room:
            return False
        self._room -= len(encoded) + 1
        self.taken.append(msgspec.Raw(encoded))
        return True


def page(records: Iterable[Mapping[str, Any]]) -> tuple[list[msgspec.Raw], bool]:
    """As many records, from the first on, as one reply can hold, and whether some were left out."""
    found = Page()
    full = not all(found.add(record) for record in records)
    return found.taken, full


def _line(message: Any) -> bytes:
    return _encoded(message) + b"\n"


def _encoded(message: Any) -> bytes:
    try:
        return _encode(message)
    except UnicodeEncodeError:  # a lone surrogate, from a name that is no UTF-8; rare, so that only then it costs
        return _encode(safe(message))


def _unambiguous(frame: bytes) -> None:
    """Whatever comes after reads a text to its end, and a key only once: nobody is to choose which.

    The frame is a call by now, so that it is no deeper than calls are.
    """
    if b"\\u0000" in frame and _NUL.search(frame):
        raise _Ambiguous("a text holds NUL")
    json.loads(frame.decode(), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _Ambiguous("a key is there twice")


def _head(frame: bytes) -> _Head:
    try:
        return _decode_head(frame)
    except _NOT_IT:
        return _Head()


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:_LONGEST_REASON]
