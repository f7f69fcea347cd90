"""A million hostile lines: the server answers each of them, still answers afterwards, and has not grown."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camguard.ipc import calls, client, protocol
from camguard.ipc.protocol import Failure, Greeting, Reply
from tests.support.ipc_data import EXAMPLES
from tests.support.service import TRUSTED, Raw

pytestmark = pytest.mark.long

FRAMES = 1_000_000
WARM = 100_000
BATCH = 400
MOST_GROWN_KIB = 2 * 1024
ROOT = Path(__file__).parents[2]

VALID = [protocol.encode_call(call)[:-1] for call in EXAMPLES.values()]
ODD = [
    b"\0",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"NaN",
    b"1e999",
    b"-0",
    b"9" * 400,
    b"null",
    b'"',
    b"{",
    b"[[[[",
    b"\xc0\x80",
]
DEEP = [b'{"call":"ping","x":' + opening * 9_000 for opening in (b"[", b'{"a":')]


def resident_kib(pid: int) -> int:
    """What is resident of a process, in KiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@contextmanager
def lone_server(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A server in its own process."""
    command = [sys.executable, "-W", "error", "-m", "tests.support.lone_server", str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def hostile(dice: random.Random) -> bytes:
    """One line, without its end."""
    match dice.randrange(100):
        case number if number < 30:
            return dice.randbytes(dice.randrange(200)).replace(b"\n", b" ")
        case number if number < 65:
            return mutated(dice, dice.choice(VALID))
        case number if number < 80:
            whole = dice.choice(VALID)
            return whole[: dice.randrange(len(whole))]
        case number if number < 90:
            return twice(dice, dice.choice(VALID))
        case number if number < 99:
            return dice.choice(VALID)
        case _:
            return seldom(dice)


def seldom(dice: random.Random) -> bytes:
    """Large ones, which take their time."""
    match dice.randrange(20):
        case 0:
            return b" " * (protocol.MAX_REQUEST + 1 + dice.randrange(9))
        case 1:
            return dice.choice(DEEP)
        case 2:
            return b'{"call":"uses","target":"' + b"x" * dice.randrange(60_000) + b'"}'
        case _:
            return b'{"id":' + b"7" * dice.randrange(5_000) + b"}"


def mutated(dice: random.Random, frame: bytes) -> bytes:
    changed = bytearray(frame)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(changed) + 1)
        changed[at : at + dice.randrange(4)] = dice.choice(ODD) if dice.randrange(2) else dice.randbytes(2)
    return bytes(changed).replace(b"\n", b" ")


def twice(dice: random.Random, frame: bytes) -> bytes:
    """A key more, of a random value, before the others."""
    key = dice.choice(["id", "call", "target", "more"])
    value: object = dice.choice([1, -1, 2**64, "ping", "x" * 300, [], {}, None, True, 1.5])
    return b"{" + json.dumps(key).encode() + b":" + json.dumps(value).encode() + b"," + frame[1:]


def answered(path: Path, dice: random.Random, most: int) -> int:
    """Send lines over one connection until it ends or enough are answered; how many were answered.

    Some connections are left with half a line, and answers that nobody reads.
    """
    count = 0
    with Raw(path) as raw:
        assert isinstance(raw.next(), Greeting)
        while count < most:
            frames = [hostile(dice) for _ in range(BATCH)]
            last = 2**52 + count
            raw.send(b"\n".join(frames) + b'\n{"id":%d,"call":"ping"}\n' % last)
            while (message := raw.next()) is not None:
                assert isinstance(message, Reply | Failure)
                if message == Reply(last, {}):
                    break
                count += 1
            else:
                return count  # for a line too long, or too many refused
            if not dice.randrange(50):
                raw.send(hostile(dice) + b"\n" + dice.choice(VALID)[:-3])
                return count
    return count


def test_a_million_hostile_lines(tmp_path: Path) -> None:
    path = tmp_path / "camguard.sock"
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    with lone_server(path) as server:
        onlooker = client.connect(path, trusted_uids=TRUSTED)
        assert onlooker is not None
        with onlooker:
            done = 0
            while done < WARM:
                done += answered(path, dice, WARM - done)
            warm_kib = resident_kib(server.pid)
            while done < FRAMES:
                done += answered(path, dice, FRAMES - done)
            grown_kib = resident_kib(server.pid) - warm_kib
            assert onlooker.call(calls.Ping()) == {}
            counted = onlooker.call(calls.Info())
        print(f"{done} lines answered, {counted['told']} refused; resident {warm_kib} KiB, grown by {grown_kib} KiB")
        assert counted["told"] > FRAMES // 3
        assert counted["asked"] > FRAMES // 20
        assert grown_kib <= MOST_GROWN_KIB
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(20) == 0
        assert server.stderr is not None
        assert server.stderr.read() == ""
