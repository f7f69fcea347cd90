"""PipeWire's own programs, run on one user's instance: pw-dump(1) tells what there is, pw-cli(1) changes it.

They run as the user whose instance it is, see `camguard.platform.linux.asuser`. What they write is that user's word,
and no more.
"""

from __future__ import annotations

import os
import select
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from camguard.errors import BrokerError
from camguard.platform.linux.asuser import Launch, launch
from camguard.platform.linux.pipewire.documents import Decoder, End
from camguard.platform.linux.pipewire.graph import Graph

SNAPSHOT_S = 5.0
"""How long one of the programs may take; it takes ten milliseconds, and some more where systemd starts it."""

SOURCE = "Debian: pipewire-bin, Fedora: pipewire-utils"
CHUNK = 1 << 16

_LARGEST_STATE = 64 << 20
_SOCKET = "pipewire-0"


@dataclass(frozen=True, slots=True)
class Instance:
    """The PipeWire of the user `uid`, whose socket lies in `folder`."""

    uid: int
    folder: str

    def launch(self, program: str, *words: str) -> Launch:
        """How to run a program on this instance, as its user.

        Raises BrokerError where the program is not installed, or nothing here can run it as that user.
        """
        environment = {
            "XDG_RUNTIME_DIR": self.folder,
            "PIPEWIRE_RUNTIME_DIR": self.folder,
            "PIPEWIRE_NO_CONFIG": "true",  # nothing that lies in the user's home
        }
        return launch(self.uid, program, words, environment, SOURCE)


def instance_of(uid: int) -> Instance | None:
    """The instance of a user; None where there is none, or another user's may not be joined."""
    own = os.geteuid()
    if own not in (0, uid):
        return None
    folders = [f"/run/user/{uid}", "/run/pipewire"]  # the latter where one serves the whole system
    if own == uid:
        folders = [os.environ.get("PIPEWIRE_RUNTIME_DIR", ""), os.environ.get("XDG_RUNTIME_DIR", ""), *folders]
    for folder in folders:
        if folder and _is_socket_of(f"{folder}/{_SOCKET}", uid):
            return Instance(uid, folder)
    return None


def snapshot(instance: Instance) -> Graph:
    """What there is now. Blocking.

    Raises BrokerError where it cannot be had.
    """
    graph, decoder, left = Graph(), Decoder(), _LARGEST_STATE
    with _running(instance, "pw-dump") as output:
        for chunk in _chunks(output, time.monotonic() + SNAPSHOT_S):
            left -= len(chunk)
            for item in decoder.feed(chunk):
                if isinstance(item, End):
                    return graph
                graph.apply(item)
            if left < 0:
                break
    raise BrokerError(f"PipeWire of user {instance.uid} does not tell its state: pw-dump ended before it was whole")


def destroy(instance: Instance, id_: int) -> None:
    """Ask for an object to be destroyed. Whether it was, only a snapshot can tell: pw-cli ends with 0 even if not.

    Blocking. Raises BrokerError where it could not be asked for.
    """
    with _running(instance, "pw-cli", "destroy", str(id_)) as output:
        for _ in _chunks(output, time.monotonic() + SNAPSHOT_S):
            pass  # until it has ended


def cannot_run(error: OSError) -> BrokerError:
    """The error that says why a program could not be run."""
    return BrokerError(f"PipeWire's programs cannot be run: {error.strerror}")


@contextmanager
def _running(instance: Instance, program: str, *words: str) -> Iterator[IO[bytes]]:
    start = instance.launch(program, *words)
    try:
        process = subprocess.Popen(start.command, **start.options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise cannot_run(error) from error
    with process:
        output = process.stdout
        if output is None:
            raise AssertionError("unreachable: a pipe was asked for")
        try:
            yield output
        finally:
            start.end()
            process.kill()


def _chunks(output: IO[bytes], deadline: float) -> Iterator[bytes]:
    poll = select.poll()
    poll.register(output, select.POLLIN)
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        chunk = os.read(output.fileno(), CHUNK)
        if not chunk:
            return
        yield chunk


def _is_socket_of(path: str, uid: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == uid
