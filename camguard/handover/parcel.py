"""A zip of which the bytes depend on nothing but what is put into it: no time, no order of a folder, no user.

It is packed in a thread of its own, so that a second processor compresses what the first one reads.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO

TOP = "camguard-export"
"""The folder in the zip that holds all files, so that unpacking it litters no other."""

LEVEL = 1
"""How hard is tried to make it small. More takes several times as long, for a tenth of the size of what is in a log."""

BLOCK = 1 << 19
_AHEAD = 12
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can tell
_UNIX, _MODE = 3, 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Packed:
    """A file in the zip."""

    name: str
    bytes: int
    sha256: str


class Parcel:
    """Takes files one after the other; to be closed by leaving the context that `parcel` gives."""

    def __init__(self, packer: _Packer) -> None:
        self._added: list[Future[Packed]] = []
        self._packer = packer

    @property
    def packed(self) -> list[Packed]:
        """What is in it, in its order. Waits until all of that is packed. Raises OSError where it has no room."""
        return [each.result() for each in self._added]

    def add(self, name: str, parts: Iterable[bytes]) -> None:
        """Put in a file of that name, part by part; the last of them are packed while the next one is made.

        Raises what comes of `parts`, and OSError where it, or one before, has no room.
        """
        digest, size = hashlib.sha256(), 0
        for block in _blocks(parts):
            self._packer.give((name, block))
            digest.update(block)  # here, since to compress takes longer than to make what there is most of
            size += len(block)
        self._added.append(self._packer.finish(Packed(name, size, digest.hexdigest())))


@contextmanager
def parcel(file: BinaryIO) -> Iterator[Parcel]:
    """A parcel that becomes the content of `file`. Raises OSError where it cannot be written to its end."""
    packer = _Packer(file)
    try:
        yield Parcel(packer)
    except BaseException:
        packer.end()
        raise
    packer.end()
    packer.check()


_Piece = tuple[str, bytes] | tuple[Packed, "Future[Packed]"]
"""A part of a file by its name, or the end of one, which is answered."""


class _Packer:
    """The thread that compresses and writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pieces: queue.Queue[_Piece | None] = queue.Queue(_AHEAD)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="camguard-parcel", daemon=True)
        self._thread.start()

    def give(self, piece: _Piece) -> None:
        """Have a piece of a file packed; raises what packing one before raised."""
        self.check()
        self._pieces.put(piece)

    def finish(self, packed: Packed) -> Future[Packed]:
        """A file was given whole; an empty one where nothing of it was given. That it is packed is told in due time."""
        done: Future[Packed] = Future()
        self.give((packed, done))
        return done

    def end(self) -> None:
        """Wait until all is packed."""
        self._pieces.put(None)
        self._thread.join()

    def check(self) -> None:
        """Raise what packing raised."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            _pack(self._file, self._pieces.get)
        except BaseException as error:  # noqa: BLE001  # whoever gives the next piece raises it
            self._failure = error
            while (piece := self._pieces.get()) is not None:  # nobody is left waiting
                if isinstance(piece[1], Future):
                    piece[1].set_exception(error)


def _pack(file: BinaryIO, take: Callable[[], _Piece | None]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as whole:
        into: IO[bytes] | None = None
        while (piece := take()) is not None:
            of, part = piece
            into = into or _begun(whole, of.name if isinstance(of, Packed) else of)
            if isinstance(part, bytes):
                into.write(part)
            elif isinstance(of, Packed):
                try:
                    into.close()
                except BaseException as error:
                    part.set_exception(error)
                    raise
                part.set_result(of)
                into = None
        if into is not None:
            into.close()


def _begun(whole: zipfile.ZipFile, name: str) -> IO[bytes]:
    about = zipfile.ZipInfo(f"{TOP}/{name}", _EPOCH)
    about.compress_type, about.create_system, about.external_attr = zipfile.ZIP_DEFLATED, _UNIX, _MODE
    return whole.open(about, "w", force_zip64=True)


def _blocks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger portions."""
    held, size = [], 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
