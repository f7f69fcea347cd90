"""The gate in the kernel, as the guard holds it: loaded, told its table, asked how it calls a file, seen to live."""

from __future__ import annotations

import os
import struct
import threading
from contextlib import ExitStack

from camguard.errors import Refused
from camguard.platform.linux.gate import libbpf, wire
from camguard.platform.linux.gate.programs import Named
from camguard.platform.linux.gate.ring import Ring
from camguard.platform.linux.gate.table import Table
from camguard.platform.linux.hashing import open_regular

RING_SIZE = 64 * 1024  # as in gate.bpf.c

_OBJECT = os.path.join(os.path.dirname(__file__), "gate.bpf.o")
_PROGRAMS = ("gate_open", "gate_receive")
_NUMBER = struct.Struct("=I")
_COUNT = struct.Struct("=Q")
_ONLY = _NUMBER.pack(0)
_MAP_ID = struct.Struct("=II")  # how struct bpf_map_info begins: type, id
_OWN_PROGRAM = "/proc/self/exe"


class Loaded:
    """The gate at work, until it is closed or this process ends. Raises Refused where the kernel will not have it."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.RLock()  # the guard applies in one thread and looks in another
        self._table: int | None = None
        with ExitStack() as stack:
            with open(_OBJECT, "rb") as file:
                gate = libbpf.Object(file.read())
            stack.callback(gate.close)
            self._tables, self._questions, self._lost = (gate.map(name) for name in ("tables", "questions", "lost"))
            guards = gate.map("guards")
            libbpf.update(guards, _ONLY, _NUMBER.pack(os.getpid()))
            libbpf.freeze(guards)
            self.refusals_fd = gate.map("refusals")
            self._ring = Ring(self.refusals_fd, RING_SIZE)
            stack.callback(self._ring.close)
            self._links = tuple(gate.attach(program) for program in _PROGRAMS)
            self._links_info = self._ask_links()
            self._check()
            self._stack = stack.pop_all()

    def name(self, path: str) -> Named | None:
        """Open a regular file and ask what the kernel calls it; None where there is none that can be opened.

        Raises Refused where the kernel does not answer: the gate is dead then.
        """
        answered = self._ask(path)
        return None if answered is None else Named(answered[0], answered[1].file, answered[1].change)

    def put(self, table: Table) -> None:
        """Put a table in the place of the one before, at one moment for all who open a camera.

        Raises Refused where that one stays.
        """
        new = libbpf.create_hash("camguard_gate", wire.KEY_SIZE, wire.ORDER_SIZE, max(1, len(table)))
        try:
            for key, order in table.items():
                libbpf.update(new, wire.encode_key(key), wire.encode_order(order))
            libbpf.freeze(new)
            with self._one_at_a_time:
                # Returns when nobody is left who looks something up in the old one.
                libbpf.update(self._tables, _ONLY, _NUMBER.pack(new))
                old, self._table = self._table, new
        except Refused:
            os.close(new)
            raise
        if old is not None:
            os.close(old)

    def refusals(self) -> tuple[list[wire.Refusal], int]:
        """What was refused since the last time, and how many more found no room since the gate was loaded.

        Raises Refused or SensorError where that cannot be read.
        """
        with self._one_at_a_time:
            records = self._ring.read()
            (lost,) = _COUNT.unpack(libbpf.look_up(self._lost, _ONLY, _COUNT.size))
        return [wire.decode_refusal(record) for record in records], lost

    def alive(self) -> bool:
        """Whether the programs are where they were put, with the table they were given, and are seen to work."""
        try:
            with self._one_at_a_time:
                return self._ask_links() == self._links_info and self._has_table() and self._works()
        except Refused:
            return False

    def close(self) -> None:
        """Take the gate out of the kernel."""
        with self._one_at_a_time:
            self._stack.close()
            if self._table is not None:
                os.close(self._table)

    def _ask(self, path: str) -> tuple[int, wire.Answer] | None:
        """Open a file while the kernel is asked about it, in this thread."""
        with self._one_at_a_time, ExitStack() as opened:
            libbpf.update(self._questions, _ONLY, wire.encode_question(threading.get_native_id()))
            fd = open_regular(path)
            if fd is not None:
                opened.callback(os.close, fd)
            answer = wire.decode_answer(libbpf.look_up(self._questions, _ONLY, wire.QUESTION_SIZE))
            libbpf.update(self._questions, _ONLY, wire.encode_question(0))
            if fd is None:
                return None
            if answer is None:
                raise Refused("the gate does not answer; run the guard on the machine itself, not in a container")
            opened.pop_all()
            return fd, answer

    def _check(self) -> None:
        """See that the gate works here, and tells a program that runs from the file that is opened."""
        if not self._works():
            raise Refused("the gate cannot tell programs apart on this file system; camguard does without it")

    def _works(self) -> bool:
        answered = self._ask(_OWN_PROGRAM)
        if answered is None:
            return False
        fd, answer = answered
        os.close(fd)
        return answer.file == answer.program

    def _ask_links(self) -> tuple[bytes, ...]:
        return tuple(libbpf.info(link) for link in self._links)

    def _has_table(self) -> bool:
        if self._table is None:
            return True
        _, wanted = _MAP_ID.unpack_from(libbpf.info(self._table))
        return _NUMBER.unpack(libbpf.look_up(self._tables, _ONLY, _NUMBER.size)) == (wanted,)
