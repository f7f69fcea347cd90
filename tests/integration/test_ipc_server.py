"""The server and its client on a real socket."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from camguard import __version__
from camguard.errors import AccessDenied, Busy, CamguardError, NothingMatched, Refused, ServiceError
from camguard.ipc import calls, client, protocol
from camguard.ipc.calls import UseRef
from camguard.ipc.limits import USUAL
from camguard.ipc.protocol import Event, Failure, Greeting, Reply, Resync
from tests.support.service import PATIENCE_S, TRUSTED, Desk, Running, event, serving, until

USE = UseRef("usb-1", 4711, 123, "boot-1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "camguard.sock"


@pytest.fixture
def running(path: Path) -> Iterator[Running]:
    with serving(path) as found:
        yield found


# Calls.


def test_a_client_is_greeted_and_answered(running: Running) -> None:
    with running.connect() as asking:
        assert asking.version == __version__
        assert asking.call(calls.Ping()) == {}
        assert asking.call(calls.Info())["you"] == os.getuid()
    [(caller, call)] = running.desk.asked
    assert call == calls.Info(id=2)
    assert (caller.uid, caller.pid) == (os.getuid(), os.getpid())
    assert caller.groups == {os.getegid(), *os.getgroups()}


def test_an_error_comes_as_what_it_was(running: Running) -> None:
    with running.connect() as asking:
        with pytest.raises(NothingMatched, match='no app named "nothing"') as raised:
            asking.call(calls.Uses("nothing"))
        assert raised.value.exit_code == 1
        assert asking.call(calls.Ping()) == {}
    assert not running.desk.told


def test_a_fault_of_the_service_is_told_and_logged(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    with running.connect() as asking:
        with pytest.raises(CamguardError, match="its log says at what"):
            asking.call(calls.Status())
        assert asking.call(calls.Ping()) == {}
    assert "the call status failed" in caplog.text
    assert "a fault of the service's own" in caplog.text


def test_a_refused_call_is_told_to_the_service(running: Running) -> None:
    with running.connect() as asking, pytest.raises(Refused, match="you may not"):
        asking.call(calls.End((USE,)))
    assert [(call, why) for _, call, why in running.desk.told] == [("end", "you may not")]


def test_a_bad_request_is_answered_and_told(running: Running) -> None:
    with running.raw() as raw:
        raw.send(b'{"id":7,"call":"uses","target":""}\n{"id":8,"call":"ping"}\n')
        assert isinstance(raw.next(), Greeting)
        refused = raw.next()
        assert isinstance(refused, Failure)
        assert (refused.id, refused.error.code) == (7, "bad-request")
        assert raw.next() == Reply(8, {})
    assert [call for _, call, _ in running.desk.told] == ["uses"]


def test_the_calls_of_one_client_are_answered_in_order(running: Running) -> None:
    with running.raw() as raw:
        raw.send(b'{"id":1,"call":"uses","target":"slow"}\n{"id":2,"call":"ping"}\n' + b'{"id":3,"call":"info"}\n')
        running.until(lambda: len(running.desk.asked) == 1)
        with running.connect() as other:  # one client's slow call keeps nobody else waiting
            assert other.call(calls.Ping()) == {}
        running.do(running.desk.go_on.set)
        assert isinstance(raw.next(), Greeting)
        assert [getattr(raw.next(), "id", None) for _ in range(3)] == [1, 2, 3]


def test_a_call_is_answered_however_it_was_cut(running: Running) -> None:
    with running.raw() as raw:
        for byte in b'{"id":5,"call":"ping"}\n':
            raw.send(bytes([byte]))
        assert isinstance(raw.next(), Greeting)
        assert raw.next() == Reply(5, {})


def test_whoever_sends_no_more_is_answered_still(running: Running) -> None:
    with running.raw() as raw:
        raw.send(b'{"id":1,"call":"uses","target":"slow"}\n{"id":2,"call":"ping"}\n')
        raw.socket.shutdown(socket.SHUT_WR)
        running.until(lambda: len(running.desk.asked) == 1)
        running.do(running.desk.go_on.set)
        assert [getattr(message, "id", "none") for message in raw.rest()] == ["none", 1, 2]


def test_a_call_goes_on_when_its_client_has_gone(running: Running) -> None:
    with running.raw() as raw:
        raw.send(b'{"id":1,"call":"uses","target":"slow"}\n')
        running.until(lambda: len(running.desk.asked) == 1)
    running.until(lambda: running.server.connections == 0)
    assert running.do(lambda: len(running.server._shared.work)) == 1
    running.do(running.desk.go_on.set)
    running.until(lambda: not running.server._shared.work)


def test_an_answer_that_no_client_reads_is_a_failure(running: Running) -> None:
    running.desk.size = protocol.MAX_MESSAGE
    with running.connect() as asking:
        with pytest.raises(CamguardError, match="ask for less"):
            asking.call(calls.Info())
        running.desk.size = protocol.MAX_MESSAGE - 200
        assert len(asking.call(calls.Info())["text"]) == running.desk.size


# Events.


def test_what_happens_is_told_to_those_who_asked_for_it(running: Running) -> None:
    with running.connect() as all_kinds, running.connect() as some, running.connect() as nothing:
        all_kinds.call(calls.Subscribe())
        some.call(calls.Subscribe(("guard.stopped",)))
        running.publish(event(1), event(2, "guard.stopped"))
        heard = all_kinds.events()
        assert [next(heard), next(heard)] == [Event(event(1)), Event(event(2, "guard.stopped"))]
        assert next(some.events()) == Event(event(2, "guard.stopped"))
        assert nothing.call(calls.Ping()) == {}
        assert not nothing._happened


def test_an_event_between_a_call_and_its_answer_is_kept(running: Running) -> None:
    with running.connect() as asking:
        asking.call(calls.Subscribe())
        running.publish(event(1))
        assert asking.call(calls.Ping()) == {}
        assert next(asking.events()) == Event(event(1))


def test_a_subscriber_hears_where_to_read_from(running: Running) -> None:
    with running.connect() as asking:
        assert asking.call(calls.Subscribe())["last_seq"] is None
        running.publish(event(41), event(42))
        assert asking.call(calls.Subscribe(("alert",)))["last_seq"] == 42


def test_whoever_unsubscribes_hears_no_more(running: Running) -> None:
    with running.connect() as asking:
        asking.call(calls.Subscribe())
        asking.call(calls.Unsubscribe())
        running.publish(event(1))
        asking.call(calls.Subscribe())
        running.publish(event(2))
        assert next(asking.events()) == Event(event(2))


def test_what_is_too_long_for_an_event_is_missed(running: Running) -> None:
    with running.connect() as asking:
        asking.call(calls.Subscribe())
        running.publish(event(1, more="x" * protocol.MAX_MESSAGE), event(2))
        heard = asking.events()
        assert [next(heard), next(heard)] == [Resync(1, 1), Event(event(2))]


def test_a_client_hears_that_the_service_closes(path: Path) -> None:
    with serving(path) as running, running.connect() as asking:
        asking.call(calls.Subscribe())
        heard: list[Event | Resync] = []
        listener = threading.Thread(target=lambda: heard.extend(asking.events()))
        listener.start()
        running.publish(event(1))
        running.run(running.server.close())
        listener.join(PATIENCE_S)
        assert heard == [Event(event(1))]
        assert not path.exists()
        with pytest.raises(ServiceError, match="went away"):
            asking.call(calls.Ping())


def test_a_call_under_way_is_answered_before_the_service_closes(path: Path) -> None:
    with serving(path) as running, running.raw() as raw:
        raw.send(b'{"id":1,"call":"uses","target":"slow"}\n')
        running.until(lambda: len(running.desk.asked) == 1)
        closing = threading.Thread(target=lambda: running.run(running.server.close()))
        closing.start()
        running.until(lambda: running.server._shared.closing)
        running.do(running.desk.go_on.set)
        closing.join(PATIENCE_S)
        assert [getattr(message, "id", "none") for message in raw.rest()] == ["none", 1]


# The socket.


def test_everybody_may_connect(running: Running) -> None:
    mode = os.stat(running.path).st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o666
    assert os.listdir(running.path.parent) == [running.path.name]


def test_what_a_service_left_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with serving(path) as running, running.connect() as asking:
        assert asking.call(calls.Ping()) == {}


def test_where_a_service_answers_no_second_one_is(running: Running) -> None:
    with pytest.raises(Refused, match="another service"), Running(running.path, Desk(), USUAL):
        pass
    with running.connect() as asking:
        assert asking.call(calls.Ping()) == {}


def test_a_service_with_no_time_to_accept_is_a_service(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(Refused, match="another service"), Running(path, Desk(), USUAL):
            pass


def test_what_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(Refused, match="is no socket"), Running(path, Desk(), USUAL):
        pass
    assert path.read_text() == "precious"


def test_where_no_socket_can_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no socket can be made"), Running(tmp_path / "no" / "s", Desk(), USUAL):
        pass


def test_a_socket_in_place_is_left_in_place(running: Running) -> None:
    before = os.stat(running.path)
    assert running.run(running.server.rebind_if_removed()) is False
    assert os.stat(running.path) == before


@pytest.mark.parametrize("replaced", [False, True])
def test_a_socket_that_was_removed_is_made_anew(running: Running, replaced: bool) -> None:
    with running.connect() as before:
        before.call(calls.Subscribe())
        running.path.unlink()
        if replaced:
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(str(running.path))
        assert running.run(running.server.rebind_if_removed()) is True
        with running.connect() as after:
            assert after.call(calls.Ping()) == {}
        running.publish(event(1))
        assert next(before.events()) == Event(event(1))


def test_a_socket_that_another_service_took_stays_its(running: Running) -> None:
    running.path.unlink()
    with serving(running.path) as other:
        with pytest.raises(Refused, match="another service"):
            running.run(running.server.rebind_if_removed())
        with other.connect() as asking:
            assert asking.call(calls.Ping()) == {}


# Whom a client believes.


def test_where_no_service_is_there_is_no_client(path: Path) -> None:
    assert client.connect(path) is None
    assert client.connect(path / "below") is None
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert client.connect(path) is None


@contextmanager
def answering(path: Path, answer: bytes) -> Iterator[None]:
    """A socket at which somebody says `answer` to the one who comes, and no more."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted, suppress(BrokenPipeError, ConnectionResetError):
                accepted.sendall(answer)
                accepted.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(PATIENCE_S)


def test_a_service_that_is_not_roots_is_not_believed(path: Path) -> None:
    with answering(path, protocol.greeting("1")), pytest.raises(ServiceError, match=f"user {os.getuid()} listens"):
        client.connect(path, PATIENCE_S, frozenset({os.getuid() + 1}))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"camguard":"9.0","protocol":2}\n', r"camguard 9\.0 and speaks protocol 2, this one speaks 1"),
        (b"SSH-2.0-OpenSSH\n", "says what it must not"),
        (b"x" * (protocol.MAX_MESSAGE + 1), "says what it must not"),
        (b'{"id":1,"result":{}}\n', "no greeting"),
        (protocol.failure(None, AccessDenied("not you")), "not you"),
    ],
)
def test_a_service_that_speaks_otherwise_is_told_of(path: Path, answer: bytes, told: str) -> None:
    with answering(path, answer), pytest.raises(CamguardError, match=told):
        client.connect(path, PATIENCE_S, TRUSTED)


def test_a_service_that_says_nothing_is_not_waited_for(path: Path) -> None:
    with answering(path, b""), pytest.raises(ServiceError, match="did not answer in time"):
        client.connect(path, 0.05, TRUSTED)


def test_a_service_that_takes_nobody_in_is_not_waited_for(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(str(path))
        listener.listen(0)
        waiting.connect(str(path))
        with pytest.raises(Busy, match="does not take anybody in"):
            client.connect(path, 0.05, TRUSTED)


def test_a_client_that_is_not_answered_gives_up(running: Running) -> None:
    with running.connect() as asking, pytest.raises(ServiceError, match="did not answer in time"):
        asking.call(calls.Uses("slow"), timeout_s=0.05)
    running.do(running.desk.go_on.set)
    until(lambda: running.server.connections == 0)
