"""The gate without a kernel: its bytes, its ring, and its table, looked up as `gate.bpf.c` does."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from camguard.core.gatekeeping import GateOrder, orders
from camguard.core.model import UNKNOWN_APP, App, AppIdentity, AppKind, Camera, Judgement, Rule
from camguard.core.policy import Circumstances, judge
from camguard.errors import SensorError
from camguard.platform.linux.gate import ring, wire
from camguard.platform.linux.gate.programs import Named, ProgramFinder, hopeless
from camguard.platform.linux.gate.table import Program, Table, build
from camguard.platform.linux.hashing import Hasher, open_regular
from camguard.platform.linux.packages import Dpkg, Packages
from tests.support.core_data import CAMERA, OTHER_CAMERA, START
from tests.support.rules import APPS, RULES

CAMERAS = (CAMERA, OTHER_CAMERA)
THEN, LATER = wire.Change(5, 6), wire.Change(7, 8)
X = wire.Name(11, 2, 3)


def kernel(table: Table, program: wire.Name, change: wire.Change, user: int, node: tuple[int, int]) -> bool:
    """Whether the gate refuses: `look_up` of gate.bpf.c."""
    for names in (program, wire.ANY_PROGRAM):
        for uid in (user, wire.ANY_USER):
            for camera in (wire.device(node), 0):
                order = table.get(wire.Key(names, uid, camera))
                word = wire.NOTHING if order is None else order.unchanged if order.change == change else order.changed
                if word != wire.NOTHING:
                    return word == wire.REFUSE
    return False


@given(
    RULES,
    st.none() | APPS,
    st.sampled_from([("anna", 1000), ("ben", 1001), ("root", 0)]),
    st.sampled_from(CAMERAS),
    st.booleans(),
    st.booleans(),
)
def test_the_kernel_does_what_the_policy_says(
    rules: list[Rule],
    app: AppIdentity | None,
    person: tuple[str, int],
    camera: Camera,
    refuse_others: bool,
    touched: bool,
) -> None:
    told = orders(rules, CAMERAS, START, refuse_others=refuse_others)
    programs = [] if app is None else [Program(app, X, THEN)]
    table = build(told, programs, {"anna": 1000, "1001": 1001}, refuse_others=refuse_others)
    refused = kernel(table, X, LATER if touched else THEN, person[1], camera.nodes[0].number)
    identity = UNKNOWN_APP if app is None else replace(app, sha256=None) if touched else app
    judgement = judge(Circumstances(App(identity, ""), camera, START, *person), rules).judgement
    assert refused is (judgement is not Judgement.EXPECTED if refuse_others else judgement is Judgement.BLOCKED)


def test_one_file_under_two_names_has_the_stricter_word() -> None:
    one, other = (AppIdentity(AppKind.EXECUTABLE, path, path) for path in ("/opt/one", "/opt/other"))
    told = (GateOrder(one, refuse=False), GateOrder(other, refuse=True))
    for apps in ((one, other), (other, one)):
        table = build(told, [Program(app, X, THEN) for app in apps], {}, refuse_others=False)
        assert kernel(table, X, THEN, 0, (81, 0))


def test_one_user_under_two_names_has_the_stricter_word() -> None:
    told = (GateOrder(None, refuse=True, user="kid"), GateOrder(None, refuse=False, user="1000"))
    table = build(told, [], {"kid": 1000, "1000": 1000}, refuse_others=False)
    assert kernel(table, X, THEN, 1000, (81, 0))


@given(st.tuples(st.integers(0, 4095), st.integers(0, (1 << 20) - 1)))
@example((81, 0))
def test_a_device_number_and_back(number: tuple[int, int]) -> None:
    assert wire.number(wire.device(number)) == number


def test_the_kernels_device_number_is_not_that_of_user_space() -> None:
    assert wire.device((81, 1)) == 81 << 20 | 1
    assert wire.device((81, 300)) != os.makedev(81, 300)


def test_keys_and_orders_are_laid_out_as_in_the_program() -> None:
    assert wire.encode_key(wire.Key(wire.Name(1, 2, 3), 4, 5)) == struct.pack("<QIIII", 1, 2, 3, 4, 5)
    assert wire.encode_order(wire.Order(wire.Change(-1, 2), 1, 2)) == struct.pack("<qQII", -1, 2, 1, 2)
    assert (wire.KEY_SIZE, wire.ORDER_SIZE, wire.QUESTION_SIZE, wire.REFUSAL_SIZE) == (24, 24, 56, 64)


def test_an_answer_is_taken_apart() -> None:
    data = struct.pack("<IIQIIqQQII", 99, 1, 1, 2, 3, 4, 5, 6, 7, 8)
    assert wire.decode_answer(data) == wire.Answer(wire.Name(1, 2, 3), wire.Change(4, 5), wire.Name(6, 7, 8))
    assert wire.decode_answer(wire.encode_question(99)) is None


def test_a_refusal_is_taken_apart_whatever_the_process_calls_itself() -> None:
    data = struct.pack("<QQQIIIIII16s", 1, 2, 3, 4, 5, 6, 7, 81 << 20, 1, b"a\x1b\xff\0rubbish")
    assert wire.decode_refusal(data) == wire.Refusal(1, 2, wire.Name(3, 4, 5), 6, 7, 81 << 20, "a\x1b�")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_refusal_or_an_error(data: bytes) -> None:
    if len(data) == wire.REFUSAL_SIZE:
        wire.decode_refusal(data)
    else:
        with pytest.raises(SensorError):
            wire.decode_refusal(data)


SIZE = 4096
RECORDS = st.lists(st.tuples(st.binary(max_size=100), st.booleans()), max_size=20)


def written(start: int, records: list[tuple[bytes, bool]], *, busy: bool = False) -> tuple[memoryview, int]:
    """A ring as the kernel would have written it from a position on, mapped twice; and the position after."""
    memory, end = bytearray(SIZE), start
    for index, (content, given_up) in enumerate(records):
        head = len(content) | (1 << 30 if given_up else 0) | (1 << 31 if busy and index == len(records) - 1 else 0)
        for offset, byte in enumerate(struct.pack("<II", head, 0) + content):
            memory[(end + offset) % SIZE] = byte
        end += (8 + len(content) + 7) // 8 * 8
    return memoryview(bytes(memory) * 2), end


@given(st.integers(0, 10_000).map(lambda words: words * 8), RECORDS)
def test_what_was_written_to_the_ring_is_read(start: int, records: list[tuple[bytes, bool]]) -> None:
    data, end = written(start, records)
    found = list(ring.decode(data, SIZE, start, end))
    assert [record for record, _ in found] == [None if given_up else content for content, given_up in records]
    assert not found or found[-1][1] == end


@given(st.integers(0, 10_000).map(lambda words: words * 8), RECORDS.filter(bool))
def test_a_record_that_is_still_being_written_waits(start: int, records: list[tuple[bytes, bool]]) -> None:
    data, end = written(start, records, busy=True)
    assert len(list(ring.decode(data, SIZE, start, end))) == len(records) - 1


@given(st.binary(min_size=64, max_size=64), st.integers(0, 200), st.integers(0, 200))
def test_a_ring_full_of_anything_ends_or_is_an_error(content: bytes, start: int, end: int) -> None:
    try:
        found = list(ring.decode(memoryview(content * 2), 64, start, end))
    except SensorError:
        return
    assert all(start < after <= end for _, after in found)


class Files:
    """A package database of a few files, and names for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        info = folder / "var/lib/dpkg/info"
        info.mkdir(parents=True)
        (folder / "var/lib/dpkg/status").touch()
        self._listed = info / "tools.list"
        self.finder = ProgramFinder(self.name, Packages((Dpkg(str(folder)),)), Hasher())

    def add(self, name: str, content: bytes, *, mode: int = 0o755, listed: bool = True) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        if listed:
            with self._listed.open("a") as out:
                out.write(f"{path}\n")
        return path

    def name(self, path: str) -> Named | None:
        fd = open_regular(path)
        return None if fd is None else Named(fd, wire.Name(os.fstat(fd).st_ino, 1, 1), THEN)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what is the system's own belongs to root; run as root")
TOOLS = AppIdentity(AppKind.PACKAGE, "tools")
BLOCK_TOOLS = GateOrder(TOOLS, refuse=True)


@needs_root
def test_a_package_is_all_its_programs_and_neither_its_scripts_nor_its_data(files: Files) -> None:
    one, two = files.add("one", b"\x7fELF"), files.add("two", b"\x7fELF2")
    files.add("script", b"#!/bin/sh\n")
    files.add("python3.11", b"\x7fELF")
    files.add("data", b"x", mode=0o644)
    os.symlink(one, files.folder / "link")
    files.add("gone", b"").unlink()
    found = files.finder.find([BLOCK_TOOLS])
    assert [program.app for program in found] == [replace(TOOLS, path=str(path)) for path in (one, two)]
    assert not hopeless(BLOCK_TOOLS, found, ())


@needs_root
def test_an_executable_of_a_package_is_not_one_by_its_path(files: Files) -> None:
    path = str(files.add("one", b"\x7fELF"))
    order = GateOrder(AppIdentity(AppKind.EXECUTABLE, path, path), refuse=True)
    found = files.finder.find([order])
    assert [program.app.kind for program in found] == [AppKind.PACKAGE]
    assert hopeless(order, found, ())


def test_an_executable_that_anybody_could_have_put_there_is_known_by_its_path(files: Files) -> None:
    path = files.add("one", b"\x7fELF", listed=False)
    path.chmod(0o777)
    app = AppIdentity(AppKind.EXECUTABLE, str(path), str(path))
    for named in (app, replace(app, path=None)):
        order = GateOrder(named, refuse=True)
        found = files.finder.find([order])
        assert found == (Program(app, wire.Name(path.stat().st_ino, 1, 1), THEN),)
        assert not hopeless(order, found, ())


def test_content_counts_where_an_order_names_it(files: Files) -> None:
    path = files.add("one", b"\x7fELF", mode=0o777)
    app = AppIdentity(AppKind.EXECUTABLE, str(path), str(path), "a" * 64)
    (program,) = found = files.finder.find([GateOrder(app, refuse=False)])
    assert program.app.sha256 not in {None, "a" * 64}
    assert hopeless(GateOrder(app, refuse=False), found, ())
    right = GateOrder(replace(app, sha256=program.app.sha256), refuse=False)
    assert not hopeless(right, files.finder.find([right]), ())


@pytest.mark.parametrize(
    "app",
    [
        AppIdentity(AppKind.SCRIPT, "/opt/tool.py", "/opt/tool.py"),
        AppIdentity(AppKind.PACKAGE, "not-installed"),
        AppIdentity(AppKind.PACKAGE, "../status"),
        AppIdentity(AppKind.EXECUTABLE, "/nowhere", "/nowhere"),
        AppIdentity(AppKind.EXECUTABLE, "sha256:" + "a" * 64, None, "a" * 64),
        AppIdentity(AppKind.EXECUTABLE, "/with\0nul", "/with\0nul"),
    ],
)
def test_what_has_no_executable_is_hopeless(files: Files, app: AppIdentity) -> None:
    order = GateOrder(app, refuse=True)
    assert hopeless(order, files.finder.find([order]), ())


def test_a_user_there_is_not_and_a_node_that_is_no_camera_are_hopeless() -> None:
    assert hopeless(GateOrder(None, refuse=True, user="nobody-here"), (), {"kid"})
    assert not hopeless(GateOrder(None, refuse=True, user="kid"), (), {"kid"})
    assert hopeless(GateOrder(None, refuse=True, nodes=((226, 0),)), (), ())
    assert not hopeless(GateOrder(None, refuse=True, nodes=((226, 0), (81, 0))), (), ())
