"""PipeWire's own programs, run on one user's instance: pw-dump(1) tells what there is, pw-cli(1) changes it.

Root talks to no user's socket itself: the programs run as the user whose instance it is, with nothing of ours in
their environment. What they write is that user's word, and no more.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from camguard.errors import BrokerError
from camguard.platform.linux.pipewire.documents import Decoder, End
from camguard.platform.linux.pipewire.graph import Graph

SNAPSHOT_S = 2.0
"""How long a snapshot may take; it takes ten milliseconds."""

CHUNK = 1 << 16

_PROGRAMS = "/usr/bin:/bin:/usr/local/bin"
_LARGEST_STATE = 64 << 20
_SOCKET = "pipewire-0"
_NOBODYS_GROUP = 65534


@dataclass(frozen=True, slots=True)
class Instance:
    """The PipeWire of the user `uid`, whose socket lies in `folder`."""

    uid: int
    folder: str

    def command(self, program: str, *words: str) -> tuple[list[str], dict[str, Any]]:
        """The argument list, and what `subprocess.Popen` needs besides, to run a program on this instance.

        Raises BrokerError where the program is not installed.
        """
        path = shutil.which(program, path=_PROGRAMS)
        if path is None:
            raise BrokerError(f"{program} is not installed (Debian: pipewire-bin, Fedora: pipewire-utils)")
        environment = {
            "PATH": _PROGRAMS,
            "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": self.folder,
            "PIPEWIRE_RUNTIME_DIR": self.folder,
            "PIPEWIRE_NO_CONFIG": "true",  # nothing that lies in the user's home
        }
        options: dict[str, Any] = {"env": environment, "cwd": "/", "stdin": subprocess.DEVNULL}
        if self.uid != os.geteuid():
            options.update(user=self.uid, group=_group(self.uid), extra_groups=())
        return [path, *words], options


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
    command, options = instance.command("pw-cli", "destroy", str(id_))
    options.update(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        subprocess.run(command, **options, timeout=SNAPSHOT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BrokerError(f"PipeWire of user {instance.uid} does not answer") from error
    except OSError as error:
        raise cannot_run(instance, error) from error


def cannot_run(instance: Instance, error: OSError) -> BrokerError:
    """The error that says why a program could not be run as the instance's user."""
    if isinstance(error, PermissionError) and instance.uid != os.geteuid():
        return BrokerError(
            f"PipeWire of user {instance.uid} cannot be asked: that is done as this user, which takes CAP_SETUID and "
            "CAP_SETGID"
        )
    return BrokerError(f"PipeWire's programs cannot be run: {error.strerror}")


@contextmanager
def _running(instance: Instance, program: str) -> Iterator[IO[bytes]]:
    command, options = instance.command(program)
    try:
        process = subprocess.Popen(command, **options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise cannot_run(instance, error) from error
    with process:
        output = process.stdout
        if output is None:
            raise AssertionError("unreachable: a pipe was asked for")
        try:
            yield output
        finally:
            process.kill()


def _chunks(output: IO[bytes], deadline: float) -> Iterator[bytes]:
    poll = select.poll()
    poll.register(output, select.POLLIN)
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        chunk = os.read(output.fileno(), CHUNK)
        if not chunk:
            return
        yield chunk


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return _NOBODYS_GROUP


def _is_socket_of(path: str, uid: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == uid
