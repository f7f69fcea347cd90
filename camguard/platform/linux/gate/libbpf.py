"""What is used of libbpf, by ctypes: https://libbpf.readthedocs.io/en/latest/api.html.

It is loaded with the first call. Nothing here calls back into Python: that would need memory that is both writable and
executable.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

from camguard.errors import Refused

LIBRARY = "libbpf.so.1"

_MAP_HASH = 1  # enum bpf_map_type in linux/bpf.h
_INFO = 256  # more than struct bpf_link_info and struct bpf_map_info have; the kernel says how much it filled
_SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "libbpf_set_print": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "bpf_object__open_mem": (ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p)),
    "bpf_object__load": (ctypes.c_int, (ctypes.c_void_p,)),
    "bpf_object__close": (None, (ctypes.c_void_p,)),
    "bpf_object__find_program_by_name": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p)),
    "bpf_object__find_map_fd_by_name": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
    "bpf_program__attach_lsm": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "bpf_link__fd": (ctypes.c_int, (ctypes.c_void_p,)),
    "bpf_link__destroy": (ctypes.c_int, (ctypes.c_void_p,)),
    "bpf_map_create": (
        ctypes.c_int,
        (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p),
    ),
    "bpf_map_update_elem": (ctypes.c_int, (ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint64)),
    "bpf_map_lookup_elem": (ctypes.c_int, (ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)),
    "bpf_map_freeze": (ctypes.c_int, (ctypes.c_int,)),
    "bpf_obj_get_info_by_fd": (ctypes.c_int, (ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint32))),
}


@cache
def library() -> ctypes.CDLL:
    """The library itself. Raises OSError where it is not installed, or not as this needs it."""
    found = ctypes.CDLL(LIBRARY, use_errno=True)
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(found, name)
        except AttributeError as error:
            raise OSError(f"{LIBRARY} has no {name}") from error
        function.restype, function.argtypes = result, arguments
    found.libbpf_set_print(None)  # what goes wrong is told by an exception, not on stderr
    return found


def _fail(what: str) -> Refused:
    code = ctypes.get_errno()
    return Refused(f"the gate: {what} failed ({os.strerror(code)}); `camguard doctor` says what it needs")


class Object:
    """A compiled BPF object whose programs and maps are in the kernel; they go when it is closed.

    Raises Refused wherever the kernel or libbpf does not do what it is asked.
    """

    def __init__(self, image: bytes) -> None:
        self._lib = library()
        self._links: list[int] = []
        self._object = self._lib.bpf_object__open_mem(image, len(image), None)
        if not self._object:
            raise _fail("reading its program")
        if self._lib.bpf_object__load(self._object) != 0:
            failure = _fail("loading its program into the kernel")
            self.close()
            raise failure

    def attach(self, program: str) -> int:
        """Put a program to its hook; returns the descriptor of the link that holds it there."""
        found = self._lib.bpf_object__find_program_by_name(self._object, program.encode())
        link = self._lib.bpf_program__attach_lsm(found) if found else None
        if not link:
            raise _fail(f"putting {program} in its place")
        self._links.append(link)
        fd: int = self._lib.bpf_link__fd(link)
        return fd

    def map(self, name: str) -> int:
        """The descriptor of a map; it belongs to this object."""
        fd: int = self._lib.bpf_object__find_map_fd_by_name(self._object, name.encode())
        if fd < 0:
            raise _fail(f"finding {name}")
        return fd

    def close(self) -> None:
        """Take the programs out of the kernel, and forget everything."""
        for link in self._links:
            self._lib.bpf_link__destroy(link)
        self._links.clear()
        self._lib.bpf_object__close(self._object)


def create_hash(name: str, key_size: int, value_size: int, entries: int) -> int:
    """The descriptor of a new hash map. Raises Refused."""
    fd: int = library().bpf_map_create(_MAP_HASH, name.encode(), key_size, value_size, entries, None)
    if fd < 0:
        raise _fail(f"making a table of {entries} entries")
    return fd


def update(fd: int, key: bytes, value: bytes) -> None:
    """Set a value of a map; both must have the map's sizes. Raises Refused."""
    if library().bpf_map_update_elem(fd, key, value, 0) != 0:
        raise _fail("writing to a table")


def look_up(fd: int, key: bytes, value_size: int) -> bytes:
    """A value of a map. Raises Refused where there is none."""
    value = ctypes.create_string_buffer(value_size)
    if library().bpf_map_lookup_elem(fd, key, value) != 0:
        raise _fail("reading a table")
    return value.raw


def freeze(fd: int) -> None:
    """Keep a map as it is: from now on nobody can write to it, not even root. Raises Refused."""
    if library().bpf_map_freeze(fd) != 0:
        raise _fail("closing a table")


def info(fd: int) -> bytes:
    """What the kernel says of a link or a map (bpf(2), BPF_OBJ_GET_INFO_BY_FD). Raises Refused."""
    said, length = ctypes.create_string_buffer(_INFO), ctypes.c_uint32(_INFO)
    if library().bpf_obj_get_info_by_fd(fd, said, ctypes.byref(length)) != 0:
        raise _fail("asking after it")
    return said.raw[: length.value]
