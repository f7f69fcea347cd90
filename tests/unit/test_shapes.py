"""Documents are decoded by shapes that were worked out beforehand."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from camguard.shapes import Shape

_TOGETHER = """\
import sys, threading
import msgspec
from camguard.shapes import Shape

sys.setswitchinterval(1e-6)


def make(number):
    inner = [
        msgspec.defstruct(f"Inner{number}_{each}", [(f"key{key}", tuple[str, ...]) for key in range(8)])
        for each in range(6)
    ]
    return msgspec.defstruct(f"Outer{number}", [(f"part{each}", tuple[kind, ...]) for each, kind in enumerate(inner)])


def decode(shape, gate):
    gate.wait()
    shape.of({f"part{each}": [{f"key{key}": ["value"] for key in range(8)}] for each in range(6)})


for number in range(200):
    shape, gate = Shape(make(number)), threading.Barrier(4)
    threads = [threading.Thread(target=decode, args=(shape, gate)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("alive")
"""
"""Without a Shape, msgspec 0.22 under Python 3.11 was seen to crash within the first few of these."""


class _Camera(msgspec.Struct, forbid_unknown_fields=True):
    name: str


def test_threads_that_decode_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", _TOGETHER], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_strictly() -> None:
    shape = Shape(_Camera)
    assert shape.of({"name": "Lid"}) == shape.of_json(b'{"name": "Lid"}') == _Camera("Lid")
    wrong: Any
    for wrong in ({"name": 1}, {"name": "Lid", "more": 1}, []):
        with pytest.raises(msgspec.ValidationError):
            shape.of(wrong)
    with pytest.raises(msgspec.DecodeError):
        shape.of_json(b'{"name": ')
