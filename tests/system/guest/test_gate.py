"""The gate on a real camera: what is blocked gets no device from the kernel, whoever runs it and by whatever way."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camguard.core.events import OpenRefused
from camguard.core.gatekeeping import GateOrder
from camguard.core.model import AppIdentity, AppKind
from camguard.errors import Refused, SensorError
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.gate import keeper, libbpf, loader, wire
from camguard.platform.linux.gate.keeper import LinuxGate
from camguard.platform.linux.identity import LinuxIdentifier
from tests.support.guest import PATIENCE, VIVID, WEBCAM, Account, Desk, light, tell_webcam, until, webcam

pytestmark = pytest.mark.system

TOOLS = AppIdentity(AppKind.PACKAGE, "v4l-utils")
BLOCK_TOOLS = GateOrder(TOOLS, refuse=True)
REFUSED = "Operation not permitted"
USERS = pytest.mark.parametrize("user", ["root", "kid"])

_TRIES = """\
import os, sys
node, times, got = sys.argv[1], int(sys.argv[2]), 0
for _ in range(times):
    try:
        os.close(os.open(node, os.O_RDWR))
        got += 1
    except PermissionError:
        pass
print("got", got, flush=True)
"""
_TRIES_ON = """\
import os, sys
tally = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
got = tried = 0
while not os.path.exists(sys.argv[3]):
    tried += 1
    os.write(tally, b"x")
    try:
        os.close(os.open(sys.argv[1], os.O_RDWR))
        got += 1
    except PermissionError:
        pass
print(got, tried)
"""
_TAKES = """\
import socket
_, descriptors, flags, _ = socket.recv_fds(socket.socket(fileno=0), 1, 1)
print("got", len(descriptors), flush=True)
"""
_KEEPS = """\
import sys
from camguard.core.gatekeeping import GateOrder
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.gate.keeper import LinuxGate
gate = LinuxGate(LinuxClock())
gate.open()
gate.apply([GateOrder(None, refuse=True)], refuse_others=False)
print("shut", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def gate() -> Iterator[LinuxGate]:
    gate = LinuxGate(LinuxClock())
    gate.open()
    try:
        yield gate
    finally:
        gate.close()


def look(account: Account, program: str | Path = "v4l2-ctl", node: Path | None = None) -> bool:
    """Whether a program is let in by the kernel. Nothing else may be wrong."""
    done = account.run(program, "--device", node or webcam(), "--info")
    assert done.returncode == 0 or REFUSED in done.stderr, done.stderr
    return done.returncode == 0


def own_tool(folder: Path, name: str = "mine", original: str = "v4l2-ctl") -> Path:
    """A copy of a program: to camguard, an app of its own."""
    path = folder / name
    shutil.copy(os.path.realpath(shutil.which(original) or ""), path)
    path.chmod(0o755)
    return path


def executable(path: Path, *, content: bool = False) -> AppIdentity:
    found = LinuxIdentifier().identify_file(str(path)).identity
    assert found.kind is AppKind.EXECUTABLE
    return found if content else AppIdentity(found.kind, found.id, found.path)


def told(gate: LinuxGate, enough: Callable[[list[OpenRefused]], bool]) -> list[OpenRefused]:
    """What the gate tells, until it is enough."""
    seen: list[OpenRefused] = []

    async def watch() -> None:
        done = asyncio.Event()

        def take(refused: OpenRefused) -> None:
            seen.append(refused)
            if enough(seen):
                done.set()

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(gate.watch(take))
            await done.wait()
            watching.cancel()

    try:
        asyncio.run(watch())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return seen


def count(seen: list[OpenRefused]) -> int:
    return sum(refused.count for refused in seen)


def test_nothing_is_in_the_way(desk: Desk) -> None:
    assert LinuxGate(LinuxClock()).obstacle() is None
    assert "The kernel can refuse a camera" in desk.camguard("doctor").stdout


def test_an_open_gate_without_orders_lets_everybody_in(desk: Desk, gate: LinuxGate) -> None:
    assert gate.alive()
    assert look(desk.account("kid"))


@USERS
def test_a_blocked_app_gets_no_frame_and_lights_nothing(desk: Desk, gate: LinuxGate, user: str) -> None:
    assert gate.apply([BLOCK_TOOLS], refuse_others=False) == ()
    pictures = desk.account(user).home / "pictures"
    command = ("v4l2-ctl", "--stream-mmap", "--stream-count=5", f"--stream-to={pictures}", "--device", webcam())
    done = desk.account(user).run(*command)
    assert done.returncode != 0
    assert REFUSED in done.stderr
    assert not pictures.exists()
    assert not light()
    assert desk.program("mmap", "--frames", "3", user=user).wait() == 0


@USERS
def test_a_copy_of_the_node_is_the_same_camera(desk: Desk, gate: LinuxGate, user: str) -> None:
    copy = desk.folder / "copy"
    os.mknod(copy, stat.S_IFCHR | 0o666, os.stat(webcam()).st_rdev)
    os.chmod(copy, 0o666)
    assert look(desk.account(user), node=copy)
    gate.apply([BLOCK_TOOLS], refuse_others=False)
    assert not look(desk.account(user), node=copy)


def test_another_name_for_the_program_is_no_way_in(desk: Desk, gate: LinuxGate) -> None:
    tool = own_tool(desk.folder)
    gate.apply([GateOrder(executable(tool), refuse=True)], refuse_others=False)
    os.link(tool, desk.folder / "link")
    assert not look(desk.account("root"), desk.folder / "link")
    tool.rename(desk.folder / "other")
    assert not look(desk.account("root"), desk.folder / "other")


def test_an_allowed_program_passes_where_all_others_are_refused(desk: Desk, gate: LinuxGate) -> None:
    tool = own_tool(desk.folder)
    assert gate.apply([GateOrder(executable(tool, content=True), refuse=False)], refuse_others=True) == ()
    assert look(desk.account("kid"), tool)
    assert desk.account("root").run(tool, "--device", webcam(), "--stream-mmap", "--stream-count=3").returncode == 0
    assert not look(desk.account("kid"))
    assert not look(desk.account("root"))
    assert desk.program("look").wait() == 1


def test_an_allowed_program_that_was_changed_passes_no_more(desk: Desk, gate: LinuxGate) -> None:
    tool = own_tool(desk.folder)
    order = GateOrder(executable(tool, content=True), refuse=False)
    gate.apply([order], refuse_others=True)
    with tool.open("ab") as file:
        file.write(b"more")
    assert not look(desk.account("root"), tool)
    assert gate.apply([order], refuse_others=True) == (order,)
    assert not look(desk.account("root"), tool)


def test_an_order_for_one_user_and_one_for_one_camera(desk: Desk, gate: LinuxGate) -> None:
    number = os.stat(webcam()).st_rdev
    here = ((os.major(number), os.minor(number)),)
    gate.apply([GateOrder(TOOLS, refuse=True, user="kid", nodes=here)], refuse_others=False)
    assert not look(desk.account("kid"))
    assert look(desk.account("kid"), node=VIVID)
    assert look(desk.account("root"))


def test_a_script_and_an_app_that_is_not_here_cannot_be_told(desk: Desk, gate: LinuxGate) -> None:
    script = str(desk.app("sneaky"))
    orders = (
        GateOrder(AppIdentity(AppKind.SCRIPT, script, script), refuse=True),
        GateOrder(AppIdentity(AppKind.PACKAGE, "cheese"), refuse=True),
        GateOrder(TOOLS, refuse=True, user="nobody-here"),
    )
    assert gate.apply([*orders, BLOCK_TOOLS], refuse_others=False) == orders
    assert not look(desk.account("root"))
    assert desk.program("look", app="sneaky").wait() == 0


@pytest.mark.parametrize("blocked", [False, True])
def test_a_descriptor_that_is_handed_over(desk: Desk, gate: LinuxGate, blocked: bool) -> None:
    taker = own_tool(desk.folder, "taker", sys.executable)
    gate.apply([GateOrder(executable(taker), refuse=blocked)], refuse_others=False)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen([taker, "-c", _TAKES], stdin=theirs.fileno(), stdout=subprocess.PIPE)
        fd = os.open(webcam(), os.O_RDWR)
        socket.send_fds(ours, [b"x"], [fd])
        os.close(fd)
        out, _ = process.communicate(timeout=PATIENCE)
    assert out == (b"got 0\n" if blocked else b"got 1\n")


def tries(desk: Desk, tool: Path, times: int, user: str = "kid") -> tuple[int, int]:
    """Have a program try so often; its pid, and how often it got the camera."""
    process = desk.account(user).start(tool, "-c", _TRIES, webcam(), str(times))
    out, err = process.communicate(timeout=PATIENCE)
    assert out.startswith("got "), err
    return process.pid, int(out.split()[1])


def test_who_was_refused_is_told(desk: Desk, gate: LinuxGate) -> None:
    tool = own_tool(desk.folder, "tries", sys.executable)
    gate.apply([GateOrder(executable(tool), refuse=True)], refuse_others=False)
    pid, got = tries(desk, tool, 5)
    assert got == 0
    seen = told(gate, lambda seen: count(seen) >= 5)
    assert count(seen) == 5
    (process,) = {refused.process for refused in seen}
    assert (process.pid, process.exe, process.uid, process.name) == (pid, str(tool), 1000, "tries")
    assert {refused.app for refused in seen} == {executable(tool)}
    number = os.stat(webcam()).st_rdev
    assert {refused.number for refused in seen} == {(os.major(number), os.minor(number))}
    now = LinuxClock().now()
    assert all(0 < now.boottime_ns - refused.at.boottime_ns < PATIENCE * 1e9 for refused in seen)


def test_a_process_that_lives_is_told_as_proc_has_it(desk: Desk, gate: LinuxGate) -> None:
    gate.apply([GateOrder(None, refuse=True)], refuse_others=False)
    node = desk.folder / "copy"
    os.mknod(node, stat.S_IFCHR | 0o666, os.stat(webcam()).st_rdev)
    code = f"try: open({str(node)!r})\nexcept PermissionError: input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        (refused,) = told(gate, bool)
        started = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19])
        assert refused.process.identity is not None
        assert (refused.process.pid, refused.process.identity.start_ticks) == (process.pid, started)
        assert refused.process.exe == os.path.realpath(sys.executable)
    finally:
        process.communicate(b"\n", timeout=PATIENCE)


def test_a_storm_of_refusals_is_counted_to_the_last(desk: Desk, gate: LinuxGate) -> None:
    tool = own_tool(desk.folder, "tries", sys.executable)
    gate.apply([GateOrder(executable(tool), refuse=True)], refuse_others=False)
    tries(desk, tool, 2000)
    seen = told(gate, lambda seen: count(seen) >= 2000)
    assert count(seen) == 2000
    assert [refused.process.known for refused in seen] == [True, False]


def test_new_orders_leave_no_moment_to_slip_through(desk: Desk, gate: LinuxGate) -> None:
    tool = own_tool(desk.folder, "tries", sys.executable)
    order = GateOrder(executable(tool), refuse=True)
    gate.apply([order], refuse_others=False)
    tally, stop = desk.folder / "tally", desk.folder / "stop"
    tally.touch()

    def enough() -> bool:
        for index in range(100):
            gate.apply([order, BLOCK_TOOLS] if index % 2 else [order], refuse_others=False)
        return tally.stat().st_size > 100

    process = desk.account("root").start(tool, "-c", _TRIES_ON, webcam(), tally, stop)
    until("it is tried often while orders come", enough)
    stop.touch()
    out, _ = process.communicate(timeout=PATIENCE)
    got, tried = map(int, out.split())
    assert got == 0
    assert tried > 100


def test_closing_it_lets_everybody_in(desk: Desk, gate: LinuxGate) -> None:
    gate.apply([], refuse_others=True)
    assert not look(desk.account("root"))
    gate.close()
    assert not gate.alive()
    assert look(desk.account("root"))


def test_it_ends_with_the_process_that_holds_it(desk: Desk) -> None:
    keeper = subprocess.Popen([sys.executable, "-c", _KEEPS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"shut\n"
        assert not look(desk.account("root"))
    finally:
        keeper.send_signal(signal.SIGKILL)
        keeper.communicate()
    until("the gate is gone", lambda: look(desk.account("root")))


def test_udevs_own_look_at_a_camera_passes(desk: Desk, gate: LinuxGate) -> None:
    gate.apply([], refuse_others=True)
    tell_webcam("unplug")
    tell_webcam("plug")
    asked = subprocess.run(["udevadm", "info", "-q", "property", webcam()], capture_output=True, text=True, check=True)
    assert "ID_V4L_CAPABILITIES=:capture:" in asked.stdout
    assert WEBCAM in asked.stdout


def _pull_out(loaded: loader.Loaded) -> None:
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), loaded._links[0])


def _lay_another_table(loaded: loader.Loaded) -> None:
    other = libbpf.create_hash("other", wire.KEY_SIZE, wire.ORDER_SIZE, 1)
    libbpf.update(loaded._tables, loader._ONLY, other.to_bytes(4, sys.byteorder))
    os.close(other)


@pytest.mark.parametrize("harm", [_pull_out, _lay_another_table])
def test_its_death_is_noticed(
    gate: LinuxGate, monkeypatch: pytest.MonkeyPatch, harm: Callable[[loader.Loaded], None]
) -> None:
    monkeypatch.setattr(keeper, "_CHECK_S", 0.1)
    gate.apply([BLOCK_TOOLS], refuse_others=False)
    assert gate.alive()
    assert gate._loaded is not None
    harm(gate._loaded)
    assert not gate.alive()
    with pytest.raises(SensorError, match="the gate is dead"):
        told(gate, bool)


def test_not_even_root_can_change_a_table(gate: LinuxGate) -> None:
    gate.apply([BLOCK_TOOLS], refuse_others=False)
    assert gate._loaded is not None
    assert gate._loaded._table is not None
    key, order = wire.Key(wire.ANY_PROGRAM, wire.ANY_USER, 0), wire.Order(wire.Change(0, 0), wire.PASS, wire.PASS)
    with pytest.raises(Refused, match=REFUSED):
        libbpf.update(gate._loaded._table, wire.encode_key(key), wire.encode_order(order))
