"""Clients that do not read, do not finish, ask too much or die: nobody else notices, and nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.errors import Busy
from camguard.ipc import calls, protocol
from camguard.ipc.limits import USUAL
from camguard.ipc.protocol import Event, Failure, Greeting, Message, Reply, Resync
from tests.support.service import PATIENCE_S, Raw, event, serving, until

PING = b'{"call":"ping"}\n'
SUBSCRIBE = b'{"id":1,"call":"subscribe"}\n'
ROOT = os.getuid() == 0
# Root has room of its own, and the tests may run as root: what is set for a user is set for root too.
FEW = replace(USUAL, connections_a_user=2, connections_of_root=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "camguard.sock"


def subscribed(raw: Raw) -> None:
    raw.send(SUBSCRIBE)
    assert isinstance(raw.next(), Greeting)
    assert isinstance(raw.next(), Reply)


# Who does not read.


def test_a_slow_reader_hears_how_much_it_missed_and_nobody_waits_for_it(path: Path) -> None:
    limits = replace(USUAL, waiting_bytes=32_768)
    total = 3_000
    with serving(path, limits) as running, running.raw() as slow, running.connect() as quick:
        subscribed(slow)
        quick.call(calls.Subscribe())
        heard = quick.events()
        for seq in range(1, total + 1):
            running.publish(event(seq, text="x" * 400))
            assert next(heard) == Event(event(seq, text="x" * 400))
        [behind] = [each for each in running.do(lambda: [*running.server._shared.subscribers]) if each._full]
        assert running.do(lambda: behind._transport.get_write_buffer_size()) < limits.waiting_bytes + 1_000
        assert seqs_until_resync(slow, total)
        running.publish(event(total + 1))
        assert slow.next() == Event(event(total + 1))


def seqs_until_resync(slow: Raw, total: int) -> bool:
    """Read on: events without a gap, then how many are missing up to the last one."""
    seq = 0
    while isinstance(message := slow.next(), Event):
        seq += 1
        assert message.event["seq"] == seq
    assert message == Resync(total - seq, total)
    return 0 < seq < total


def test_a_resync_comes_again_when_it_is_missed_again(path: Path) -> None:
    with serving(path, replace(USUAL, waiting_bytes=4_096)) as running, running.raw() as slow:
        subscribed(slow)
        heard = missed = seq = resyncs = 0
        while resyncs < 3:
            running.publish(*(event(seq + more, text="x" * 4_000) for more in range(1, 201)))
            seq += 200
            while heard + missed < seq:
                match slow.next():
                    case Event(event=record):
                        heard += 1
                        assert record["seq"] == heard + missed
                    case Resync(missed=number, last_seq=last):
                        missed += number
                        resyncs += 1
                        assert last == heard + missed
        assert running.server.subscribers == 1


def test_whoever_never_reads_is_dropped(path: Path) -> None:
    limits = replace(USUAL, waiting_bytes=4_096, drain_s=0.05)
    with serving(path, limits) as running, running.raw() as raw:
        subscribed(raw)
        running.publish(*(event(seq, text="x" * 4_000) for seq in range(200)))
        running.until(lambda: running.server.connections == 0)


def test_whoever_asks_without_reading_the_answers_is_read_no_more(path: Path) -> None:
    with serving(path, replace(USUAL, waiting_bytes=4_096, calls_a_second=1e6, burst=1_000_000)) as running:
        running.desk.size = 100_000
        with running.raw() as raw, running.connect() as other:
            raw.socket.setblocking(False)
            fill(raw.socket, b'{"call":"info"}\n' * 500)
            running.until(lambda: any(each._full for each in running.server._shared.connections))
            answered = len(running.desk.asked)
            assert other.call(calls.Ping()) == {}
            assert len(running.desk.asked) <= answered + 1
            [client] = [each for each in running.do(lambda: [*running.server._shared.connections]) if each._full]
            waiting = running.do(lambda: client._transport.get_write_buffer_size())
            assert waiting <= running.desk.size + 4_096 + 100
            raw.socket.settimeout(PATIENCE_S)
            assert isinstance(raw.next(), Greeting)
            for _ in range(answered + 10):
                assert isinstance(raw.next(), Reply)


def fill(sending: socket.socket, data: bytes) -> None:
    """Send until nothing more is taken."""
    with suppress(BlockingIOError):
        while True:
            sending.send(data)


# Who does not finish.


def test_a_line_that_never_ends_is_not_waited_for(path: Path) -> None:
    with serving(path, replace(USUAL, frame_s=0.05)) as running, running.raw() as raw, running.raw() as silent:
        raw.send(b'{"call":')
        assert [type(message) for message in raw.rest()] == [Greeting]
        silent.send(PING)  # who has nothing to say is waited for
        assert [type(silent.next()) for _ in range(2)] == [Greeting, Reply]


def test_a_line_that_grows_slowly_is_not_waited_for(path: Path) -> None:
    with serving(path, replace(USUAL, frame_s=0.1)) as running, running.raw() as raw:
        raw.socket.settimeout(0.01)
        messages: list[Message | None] = []
        while None not in messages:
            raw.send(b" ")
            try:
                messages.append(raw.next())
            except TimeoutError:
                continue
        assert [type(message) for message in messages[:-1]] == [Greeting]


def test_a_line_that_is_too_long_is_the_end(path: Path) -> None:
    with serving(path) as running, running.raw() as raw:
        raw.send(PING + b" " * (protocol.MAX_REQUEST + 1))
        greeting, pong, failure = raw.rest()
        assert isinstance(greeting, Greeting)
        assert isinstance(pong, Reply)
        assert isinstance(failure, Failure)
        assert failure.error.code == "bad-request"
        assert [call for _, call, _ in running.desk.told] == ["unknown"]


def test_the_time_for_a_line_does_not_run_while_the_service_is_busy(path: Path) -> None:
    with serving(path, replace(USUAL, frame_s=0.05)) as running, running.raw() as raw:
        raw.send(b'{"id":1,"call":"uses","target":"slow"}\n{"id":2,')
        running.until(lambda: len(running.desk.asked) == 1)
        [client] = running.do(lambda: [*running.server._shared.connections])
        assert not client._patience
        raw.send(b'"call":"ping"}\n')  # while it is busy: afterwards there is little time
        running.do(running.desk.go_on.set)
        assert [getattr(raw.next(), "id", "none") for _ in range(3)] == ["none", 1, 2]


# Who asks too much.


def test_so_many_connections_a_user_and_no_more(path: Path) -> None:
    with serving(path, FEW) as running, running.connect(), running.connect() as second:
        with pytest.raises(Busy, match="2 connections to the service already"):
            running.connect()
        assert [call for _, call, _ in running.desk.told] == ["connect"]
        second.close()
        running.until(lambda: running.server.connections == 1)
        with running.connect() as third:
            assert third.call(calls.Ping()) == {}


@pytest.mark.skipif(not ROOT, reason="not root, for whom there is room when there is none for others")
def test_so_many_connections_in_all_and_no_more(path: Path) -> None:
    two = replace(USUAL, connections=2, kept_for_root=0)
    with serving(path, two) as running, running.connect() as first, running.connect() as second:
        with pytest.raises(Busy, match="as many clients as it takes"):
            running.connect()
        assert first.call(calls.Ping()) == second.call(calls.Ping()) == {}


def test_many_calls_at_once_wait_their_turn_and_all_are_answered(path: Path) -> None:
    with serving(path, replace(USUAL, calls_a_second=500.0, burst=5)) as running, running.raw() as raw:
        raw.send(b"".join(b'{"id":%d,"call":"ping"}\n' % number for number in range(60)))
        assert isinstance(raw.next(), Greeting)
        assert [getattr(raw.next(), "id", None) for _ in range(60)] == [*range(60)]
        assert not running.desk.told


def test_after_so_many_refused_calls_it_is_the_end(path: Path) -> None:
    with serving(path, replace(USUAL, refusals=3)) as running, running.raw() as raw:
        raw.send(b"nonsense\n" * 10)
        greeting, *failures = raw.rest()
        assert isinstance(greeting, Greeting)
        codes = [failure.error.code for failure in failures if isinstance(failure, Failure)]
        assert codes == ["bad-request"] * 3 + ["busy"]
        assert len(running.desk.told) == 3


def test_refused_connections_do_not_fill_the_log(path: Path) -> None:
    with (
        serving(path, replace(FEW, burst=105, calls_a_second=0.001)) as running,
        running.connect(),
        running.connect() as second,
    ):
        for _ in range(50):
            with pytest.raises(Busy):
                running.connect()
        assert len(running.desk.told) == 5
        assert second.call(calls.Ping()) == {}


def test_whoever_is_silent_costs_no_timer(path: Path) -> None:
    with serving(path) as running, running.raw() as raw, running.connect() as asking:
        subscribed(raw)
        asking.call(calls.Ping())
        running.publish(event(1))
        assert isinstance(raw.next(), Event)
        running.until(lambda: not running.server._shared.work)
        assert not running.do(lambda: [*running.scheduled])


# Who dies.


@pytest.mark.parametrize("saying", [b"", PING[:5], PING * 1_000, SUBSCRIBE, b'{"call":"info"}\n' * 300])
def test_nothing_is_left_of_a_client_that_is_killed(path: Path, saying: bytes) -> None:
    with serving(path) as running:
        running.desk.size = 50_000
        code = (
            "import socket, sys\n"
            f"s = socket.socket(socket.AF_UNIX); s.connect({str(path)!r}); s.send({saying!r})\n"
            "print('ready', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            running.until(lambda: running.server.connections == 1)
            process.send_signal(signal.SIGKILL)
        running.until(lambda: running.server.connections == 0)
        running.until(lambda: not running.server._shared.work)
        assert running.server.subscribers == 0


def test_descriptors_do_not_leak(path: Path) -> None:
    with serving(path) as running:
        with running.connect() as asking:
            asking.call(calls.Ping())
        running.until(lambda: running.server.connections == 0)
        before = len(os.listdir("/proc/self/fd"))
        for number in range(200):
            with running.raw() as raw:
                raw.send([b"", PING, b"nonsense\n", SUBSCRIBE, b"{"][number % 5])
        running.until(lambda: running.server.connections == 0)
        until(lambda: len(os.listdir("/proc/self/fd")) == before)


def test_a_connection_that_is_reset_is_no_fault(path: Path) -> None:
    with serving(path) as running:
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(path))  # to leave with the greeting unread resets the connection
                raw.sendall(PING * 50)
        running.until(lambda: running.server.connections == 0)


def test_a_subscriber_that_has_gone_is_not_written_to(path: Path) -> None:
    with serving(path) as running:
        with running.raw() as raw:
            subscribed(raw)
        running.publish(*(event(seq) for seq in range(50)))
        running.until(lambda: running.server.subscribers == 0)
        with running.connect() as asking:
            assert json.dumps(asking.call(calls.Ping())) == "{}"
