"""A pretend udev for one process, by umockdev: run under its preloaded library, driven over standard input.

Takes one JSON list a line: ["add", DESCRIPTION], ["event", SYSFS PATH, ACTION], ["remove", SYSFS PATH],
["wait"] or ["cameras"]. Answers one line each: what cameras there are, or for "wait" whether a change was told
since the wait before.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
from dataclasses import asdict
from typing import Any

from camguard.platform.linux.cameras import UdevCameras

_PATIENCE_S = 20.0


def library() -> ctypes.CDLL:
    lib = ctypes.CDLL("libumockdev.so.0")
    lib.umockdev_testbed_new.restype = ctypes.c_void_p
    lib.umockdev_testbed_add_from_string.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    lib.umockdev_testbed_uevent.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    lib.umockdev_testbed_remove_device.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return lib


class Bed:
    def __init__(self) -> None:
        self._lib = library()
        self._bed = self._lib.umockdev_testbed_new()
        self._source = UdevCameras(udev_control="/proc/self/stat")  # any file that is there: udev runs
        self._told = asyncio.Event()
        self._source.follow(self._told.set)

    async def do(self, verb: str, *words: str) -> Any:
        encoded = [word.encode() for word in words]
        if verb == "cameras":
            return [asdict(camera) for camera in self._source.cameras()]
        if verb == "wait":
            return await self._change()
        if verb == "add":
            assert self._lib.umockdev_testbed_add_from_string(self._bed, encoded[0], None)
        elif verb == "event":
            self._lib.umockdev_testbed_uevent(self._bed, *encoded)
        elif verb == "remove":
            self._lib.umockdev_testbed_uevent(self._bed, *encoded, b"remove")
            self._lib.umockdev_testbed_remove_device(self._bed, *encoded)
        return None

    async def _change(self) -> bool:
        try:
            await asyncio.wait_for(self._told.wait(), _PATIENCE_S)
        except TimeoutError:
            return False
        self._told.clear()
        return True


async def main() -> None:
    bed = Bed()
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await bed.do(*json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
