"""What the gate in the kernel and the guard say to each other, byte by byte: the structures of `gate.bpf.c`."""

from __future__ import annotations

import struct
from typing import NamedTuple

from camguard.errors import SensorError

NOTHING, REFUSE, PASS = 0, 1, 2
ANY_USER = 0xFFFFFFFF

VIDEO4LINUX = 81  # the major number of every camera's node
_MINOR_BITS = 20
_NAME = "QII"
_CHANGE = "qQ"
_KEY = struct.Struct(f"={_NAME}II")
_ORDER = struct.Struct(f"={_CHANGE}II")
_QUESTION = struct.Struct(f"=II{_NAME}{_CHANGE}{_NAME}")
_REFUSAL = struct.Struct(f"=QQ{_NAME}III4x16s")

KEY_SIZE, ORDER_SIZE, QUESTION_SIZE, REFUSAL_SIZE = _KEY.size, _ORDER.size, _QUESTION.size, _REFUSAL.size


class Name(NamedTuple):
    """A file as the kernel knows it, which stat(2) does not say on every file system.

    The generation tells a file from a later one under the same inode number, where the file system keeps one.
    """

    inode: int
    device: int
    generation: int


ANY_PROGRAM = Name(0, 0, 0)


class Change(NamedTuple):
    """When a file was last changed (its ctime)."""

    seconds: int
    nanoseconds: int


class Key(NamedTuple):
    """Whose open of what an order is about: a program or `ANY_PROGRAM`, a uid or `ANY_USER`, a camera or 0."""

    program: Name
    user: int
    camera: int


class Order(NamedTuple):
    """The word for the program as it was at `change`, and the word for any other content of its file."""

    change: Change
    unchanged: int
    changed: int


class Answer(NamedTuple):
    """What the kernel calls the file that was opened, when that changed, and what it calls the program that asked."""

    file: Name
    change: Change
    program: Name


class Refusal(NamedTuple):
    """One open that was refused; times by CLOCK_BOOTTIME. `comm` is what the process calls itself."""

    boottime_ns: int
    started_ns: int
    program: Name
    pid: int
    user: int
    camera: int
    comm: str


def device(number: tuple[int, int]) -> int:
    """The kernel's own number for a device of that (major, minor): include/linux/kdev_t.h."""
    return number[0] << _MINOR_BITS | number[1]


def number(device: int) -> tuple[int, int]:
    """(major, minor) of the kernel's own number."""
    return device >> _MINOR_BITS, device & ((1 << _MINOR_BITS) - 1)


def encode_key(key: Key) -> bytes:
    """The key of a table's entry."""
    return _KEY.pack(*key.program, key.user, key.camera)


def encode_order(order: Order) -> bytes:
    """The value of a table's entry."""
    return _ORDER.pack(*order.change, order.unchanged, order.changed)


def encode_question(thread: int) -> bytes:
    """A question by a thread; 0 takes it back."""
    return _QUESTION.pack(thread, 0, *ANY_PROGRAM, 0, 0, *ANY_PROGRAM)


def decode_answer(data: bytes) -> Answer | None:
    """What became of a question; None where it was not answered."""
    _thread, answered, *rest = _QUESTION.unpack(data)
    return Answer(Name(*rest[:3]), Change(*rest[3:5]), Name(*rest[5:])) if answered else None


def decode_refusal(data: bytes) -> Refusal:
    """One record of the ring. Raises SensorError for anything else."""
    if len(data) != REFUSAL_SIZE:
        raise SensorError(
            f"the gate sent a record of {len(data)} bytes, where {REFUSAL_SIZE} belong; restart the guard"
        )
    boottime_ns, started_ns, inode, of, generation, pid, user, camera, comm = _REFUSAL.unpack(data)
    name = comm.partition(b"\0")[0].decode("utf-8", "replace")
    return Refusal(boottime_ns, started_ns, Name(inode, of, generation), pid, user, camera, name)
