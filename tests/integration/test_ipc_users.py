"""What other users are to the server, and it to them: by what the kernel says alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from camguard.core.records import Record
from camguard.ipc import calls
from camguard.ipc.protocol import Event
from tests.support.core_data import CAMERA
from tests.support.service import NOBODY, PATIENCE_S, SOMEBODY, Running, as_user, said_as_user, serving

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="not root: nobody else can be made to ask")


@pytest.fixture
def running() -> Iterator[Running]:
    with TemporaryDirectory(prefix="camguard-") as folder:
        os.chmod(folder, 0o755)
        with serving(Path(folder) / "camguard.sock") as found:
            yield found


@pytest.mark.parametrize("uid", [NOBODY, SOMEBODY])
def test_a_user_is_who_the_kernel_says(running: Running, uid: int) -> None:
    assert said_as_user(uid, running.path, "print(c.call(calls.Info())['you'])") == f"{uid}\n"
    [(caller, _)] = running.desk.asked
    assert (caller.uid, caller.groups, caller.admin) == (uid, frozenset({uid}), False)
    assert caller.pid not in {0, os.getpid()}


def test_whoever_becomes_another_after_connecting_stays_who_it_was(running: Running) -> None:
    code = "os.setgroups([5]) if os.getuid() == 0 else None\nprint(c.call(calls.Info())['you'])"
    assert said_as_user(SOMEBODY, running.path, code, [7]) == f"{SOMEBODY}\n"
    [(caller, _)] = running.desk.asked
    assert caller.groups == {SOMEBODY, 7}


@pytest.mark.parametrize("count", [0, 1, 250, 256, 257, 2_000])
def test_all_groups_are_known_however_many(running: Running, count: int) -> None:
    groups = range(5_000, 5_000 + count)
    said_as_user(SOMEBODY, running.path, "c.call(calls.Info())", groups)
    [(caller, _)] = running.desk.asked
    assert caller.groups == {SOMEBODY, *groups}


def test_a_refusal_tells_the_service_who_it_was(running: Running) -> None:
    code = "try: c.call(calls.End((calls.UseRef('usb-1', 1, 1, 'b'),)))\nexcept errors.Refused as error: print(error)"
    assert said_as_user(SOMEBODY, running.path, code) == "you may not\n"
    [(caller, call, why)] = running.desk.told
    assert (caller.uid, call, why) == (SOMEBODY, "end", "you may not")


def use(uid: int, seq: int) -> Record:
    camera: Record = {"id": CAMERA.id, "name": CAMERA.name}
    app: Record = {"name": "Cheese"}
    process: Record = {"pid": 4711, "uid": uid, "user": "ada"}
    return {"event": "opened", "seq": seq, "at": "now", "camera": camera, "app": app, "process": process}


def test_each_sees_of_a_use_what_is_theirs(running: Running) -> None:
    code = (
        "c.call(calls.Subscribe()); print('ready', flush=True)\n"
        "for _, happened in zip(range(2), c.events()): print(happened.event['app'], flush=True)"
    )
    with (
        as_user(SOMEBODY, running.path, code) as owner,
        as_user(NOBODY, running.path, code) as other,
        running.connect() as root,
    ):
        root.call(calls.Subscribe())
        running.until(lambda: running.server.subscribers == 3)
        running.publish(use(SOMEBODY, 1), owner=SOMEBODY)
        running.publish(use(0, 2), owner=0)
        whole = "{'name': 'Cheese'}"
        assert owner.communicate(timeout=PATIENCE_S)[0] == f"ready\n{whole}\nNone\n"
        assert other.communicate(timeout=PATIENCE_S)[0] == "ready\nNone\nNone\n"
        heard = root.events()
        assert [next(heard), next(heard)] == [Event(use(SOMEBODY, 1)), Event(use(0, 2))]


def test_what_others_must_not_see_is_no_event_for_them(running: Running) -> None:
    code = "c.call(calls.Subscribe()); print('ready', flush=True)\nprint(next(c.events()).event['seq'])"
    with as_user(NOBODY, running.path, code) as other:
        running.until(lambda: running.server.subscribers == 1)
        running.publish({"event": "judged", "seq": 1}, {"event": "service.unheard-of", "seq": 2}, owner=SOMEBODY)
        running.publish({"event": "guard.sighted", "seq": 3})
        assert other.communicate(timeout=PATIENCE_S)[0] == "ready\n3\n"


def test_one_users_many_connections_leave_room_for_others(running: Running) -> None:
    code = (
        "more = [c]\n"
        "try:\n"
        "    while True: more.append(client.connect(Path(c.path)))\n"
        "except errors.Busy: print(len(more), flush=True)\n"
        "sys.stdin.read()"
    )
    with as_user(SOMEBODY, running.path, code) as greedy:
        assert greedy.stdout is not None
        assert greedy.stdout.readline() == "16\n"
        assert said_as_user(NOBODY, running.path, "print(c.call(calls.Ping()))") == "{}\n"
        with running.connect() as root:
            assert root.call(calls.Ping()) == {}


def test_a_service_that_another_user_runs_is_not_believed(running: Running) -> None:
    path = running.path.parent / "theirs.sock"
    os.chmod(path.parent, 0o777)
    serve = f"s = socket.socket(socket.AF_UNIX); s.bind({str(path)!r}); s.listen(); print('up', flush=True); s.accept()"
    with as_user(SOMEBODY, running.path, serve + "\nsys.stdin.read()") as squatter:
        assert squatter.stdout is not None
        assert squatter.stdout.readline() == "up\n"
        os.chmod(path, 0o666)
        ask = f"try: client.connect(Path({str(path)!r}))\nexcept errors.ServiceError as error: print(error)"
        assert f"a process of user {SOMEBODY} listens there" in said_as_user(NOBODY, running.path, ask)
