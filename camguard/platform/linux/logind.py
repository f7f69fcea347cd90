"""systemd-logind asked by sd-bus, which libsystemd has; see org.freedesktop.login1(5) and sd-bus(3).

Whether the screen is locked stands in no file. A library of our own for D-Bus would cost the service megabytes, and
``loginctl`` a process for each question; libsystemd is loaded anyway, and without callbacks it needs no memory that is
both written and run.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from camguard.errors import CamguardError

PATIENCE_S = 0.5
"""How long logind may take to answer one question."""

NAME = b"org.freedesktop.login1"
ROOT = b"/org/freedesktop/login1"
_NONE = b"/"  # as logind writes it where there is no such object
_UNKNOWN = ("NoSuchSession", "NoSuchUser", "NoSessionForPID", "NoUserForPID", "NoSuchSeat")


class NoAnswer(CamguardError):
    """logind is not there, or did not answer in time."""


class Nothing(NoAnswer):
    """logind knows of no such session, user or seat."""


class _Error(ctypes.Structure):
    """sd_bus_error(3)."""

    _fields_ = (("name", ctypes.c_char_p), ("message", ctypes.c_char_p), ("need_free", ctypes.c_int))


class Logind:
    """A connection to logind. Blocking; for one thread."""

    def __init__(self, bus: ctypes.c_void_p) -> None:
        self._bus = bus

    def session_of(self, pid: int) -> bytes:
        """The session that a process was started in, as an object. Raises Nothing where there is none."""
        return self._object(b"GetSessionByPID", pid)

    def user(self, uid: int) -> bytes:
        """The user's object. Raises Nothing where he neither is logged in nor has anything running without that."""
        return self._object(b"GetUser", uid)

    def text(self, path: bytes, kind: bytes, name: bytes) -> str:
        """A property of an object that is text."""
        with self._property(path, kind, name, b"s") as reply:
            return _basic(reply, b"s", ctypes.c_char_p()) or ""

    def flag(self, path: bytes, kind: bytes, name: bytes) -> bool:
        """A property of an object that is true or false."""
        with self._property(path, kind, name, b"b") as reply:
            return bool(_basic(reply, b"b", ctypes.c_int()))

    def number(self, path: bytes, kind: bytes, name: bytes) -> int:
        """A property of an object that is a number of 64 bits."""
        with self._property(path, kind, name, b"t") as reply:
            return int(_basic(reply, b"t", ctypes.c_uint64()))

    def one(self, path: bytes, kind: bytes, name: bytes) -> bytes | None:
        """The object that a property names; None where it names none."""
        with self._property(path, kind, name, b"(so)") as reply:
            found = _pair(reply)
            return None if found == _NONE else found

    def all(self, path: bytes, kind: bytes, name: bytes) -> tuple[bytes, ...]:
        """The objects that a property lists."""
        with self._property(path, kind, name, b"a(so)") as reply:
            _checked(libsystemd().sd_bus_message_enter_container(reply, b"a", b"(so)"))
            return tuple(iter(lambda: _pair(reply), None))

    def _object(self, call: bytes, number: int) -> bytes:
        with _reply() as (error, reply):
            manager = NAME + b".Manager"
            done = libsystemd().sd_bus_call_method(
                self._bus, NAME, ROOT, manager, call, error, reply, b"u", ctypes.c_uint32(number)
            )
            _checked(done, error)
            return _path(reply[0])

    @contextmanager
    def _property(self, path: bytes, kind: bytes, name: bytes, form: bytes) -> Iterator[ctypes.c_void_p]:
        with _reply() as (error, reply):
            interface = NAME + b"." + kind
            _checked(
                libsystemd().sd_bus_get_property(self._bus, NAME, path, interface, name, error, reply, form), error
            )
            yield reply[0]


@contextmanager
def connected() -> Iterator[Logind]:
    """A connection for as long as the context lasts. Raises NoAnswer where there is none."""
    library = libsystemd()
    if library is None:
        raise NoAnswer("there is no libsystemd")
    bus = ctypes.c_void_p()
    with ExitStack() as stack:
        _checked(library.sd_bus_open_system(ctypes.byref(bus)))
        stack.callback(library.sd_bus_unref, bus)
        stack.callback(library.sd_bus_close, bus)
        _checked(library.sd_bus_set_method_call_timeout(bus, int(PATIENCE_S * 1e6)))
        yield Logind(bus)


def answers() -> str | None:
    """Why logind cannot be asked here, as a clause; None where it answers."""
    try:
        with connected() as logind:
            logind.session_of(1)
    except Nothing:
        return None
    except NoAnswer as error:
        return str(error)
    return None


@contextmanager
def _reply() -> Iterator[tuple[Any, Any]]:
    """Where an error, and where an answer is put, to be freed afterwards."""
    error, reply = _Error(), ctypes.c_void_p()
    try:
        # A pointer of one element: what stands in it is a message once the call was answered.
        yield ctypes.pointer(error), ctypes.pointer(reply)
    finally:
        libsystemd().sd_bus_error_free(ctypes.byref(error))
        if reply:
            libsystemd().sd_bus_message_unref(reply)


def _pair(reply: ctypes.c_void_p) -> bytes | None:
    """The object of the pair of name and object that comes next in a message; None behind the last of a list."""
    library = libsystemd()
    if not _checked(library.sd_bus_message_enter_container(reply, b"r", b"so")):
        return None
    _basic(reply, b"s", ctypes.c_char_p())
    found = _path(reply)
    _checked(library.sd_bus_message_exit_container(reply))
    return found


def _path(reply: ctypes.c_void_p) -> bytes:
    path = ctypes.c_char_p()
    _checked(libsystemd().sd_bus_message_read_basic(reply, b"o", ctypes.byref(path)))
    return path.value or _NONE


def _basic(reply: ctypes.c_void_p, form: bytes, into: Any) -> Any:
    _checked(libsystemd().sd_bus_message_read_basic(reply, form, ctypes.byref(into)))
    return into.value.decode("utf-8", "replace") if isinstance(into.value, bytes) else into.value


def _checked(result: int, error: Any = None) -> int:
    """The result of a call. Raises Nothing or NoAnswer where it is a failure."""
    if result >= 0:
        return result
    name = b"" if error is None else error[0].name or b""
    if name.decode("ascii", "replace").rpartition(".")[2] in _UNKNOWN:
        raise Nothing("logind knows of none")
    raise NoAnswer(f"logind does not answer: {name.decode('ascii', 'replace') or os.strerror(-result)}")


@cache
def libsystemd() -> Any:
    """The library with the calls that are made of it; None where it is not there, or too old (before systemd 239)."""
    try:
        library = ctypes.CDLL("libsystemd.so.0")
        for name, kinds in _CALLS.items():
            call = getattr(library, name)
            call.argtypes, call.restype = kinds, ctypes.c_int
        for name in ("sd_bus_unref", "sd_bus_message_unref", "sd_bus_close", "sd_bus_error_free"):
            call = getattr(library, name)
            call.argtypes, call.restype = (ctypes.c_void_p,), ctypes.c_void_p
    except (OSError, AttributeError):
        return None
    return library


_P, _S = ctypes.c_void_p, ctypes.c_char_p
_CALLS: dict[str, tuple[Any, ...]] = {
    "sd_uid_get_seats": (ctypes.c_uint32, ctypes.c_int, _P),
    "sd_bus_open_system": (_P,),
    "sd_bus_set_method_call_timeout": (_P, ctypes.c_uint64),
    "sd_bus_call_method": (_P, _S, _S, _S, _S, _P, _P, _S),  # then what that describes
    "sd_bus_get_property": (_P, _S, _S, _S, _S, _P, _P, _S),
    "sd_bus_message_read_basic": (_P, ctypes.c_char, _P),
    "sd_bus_message_enter_container": (_P, ctypes.c_char, _S),
    "sd_bus_message_exit_container": (_P,),
}
