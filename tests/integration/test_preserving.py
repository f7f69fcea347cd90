"""Preserve, then end: what a process had is in the log before it is ended, and ending waits for that hardly at all."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from camguard.core.belongings import Belongings, Endpoint, Kept
from camguard.core.details import Parent
from camguard.core.events import Kind, Report
from camguard.core.model import Effect, Judgement, Process, Result, Verdict
from camguard.ending import Order, end_use
from camguard.errors import JournalError
from camguard.journal.entry import Entry
from camguard.journal.queries import Reader
from camguard.ports import Gathered
from tests.integration.test_guard import Play, playing, rule, written
from tests.support.core_data import CAMERA, holder, process
from tests.support.exported import Export
from tests.support.service_stage import NOBODY, ServiceStage, until

root = pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest")


@dataclass
class ScriptedWitness:
    """Sees what a test says; `holds_up` makes it slow, `ended` is asked when it looks."""

    holds_up: threading.Event | None = None
    looked: list[int | None] = field(default_factory=list)
    kept: int = 0

    def gather(self, process: Process, within_s: float) -> Gathered:
        self.looked.append(process.pid)
        if self.holds_up is not None:
            self.holds_up.wait(20)
        socket = Endpoint("tcp", "198.51.100.2:5", "192.0.2.7:443", "established")
        files = ("/home/anna/notes.txt", "/run/app?token=hunter2hunter2")
        return Gathered(Belongings(process, files, 0, (socket,), 0, (Parent(1, "init", None),), "/usr/bin/x", "/"))

    def keep(self, gathered: Gathered) -> tuple[Kept, ...]:
        self.kept += 1
        return (Kept("/usr/bin/x", "ab" * 32, 7, "/var/lib/camguard/evidence/ab"),)


def watched_by(play: Play, witness: ScriptedWitness) -> None:
    play.guard.platform = replace(play.guard.platform, witness=witness)


def test_what_it_had_is_written_before_it_is_ended_and_the_copy_after(tmp_path: Path) -> None:
    async def scene() -> None:
        witness = ScriptedWitness()
        async with playing(tmp_path) as play:
            watched_by(play, witness)
            play.stage.sensor.hold(holder(7))
            opened = await play.until(Kind.OPENED)
            order = Order(CAMERA, frozenset({process(7)}), "user anna", opened.activation)
            outcome = await end_use(play.guard.platform, play.guard.record, order, lambda _: None)
            assert outcome.result is Result.ENDED
            seen = await play.until(Kind.PRESERVED)
            kept = await play.until(Kind.KEPT)
        acts = [Kind.PRESERVED, Kind.ACTION_PENDING, Kind.ACTION_COMPLETED, Kind.KEPT]
        assert [kind for kind in written(play.path) if kind in acts] == acts
        assert seen.extra is not None
        assert kept.extra is not None
        [found] = seen.extra["processes"]
        assert (seen.extra["by"], found["pid"], found["cwd"]) == ("user anna", 7, "/")
        assert found["files"] == ["/home/anna/notes.txt", "/run/app?token=[redacted]"]
        assert found["sockets"][0]["remote"] == "192.0.2.7:443"
        assert kept.extra["copies"][0]["sha256"] == "ab" * 32

    asyncio.run(scene())


def test_of_an_expected_use_nothing_is_looked_at(tmp_path: Path) -> None:
    async def scene() -> None:
        witness = ScriptedWitness()
        async with playing(tmp_path) as play:
            watched_by(play, witness)
            play.stage.sensor.hold(holder(7))
            await play.until(Kind.OPENED)
            verdict = Verdict(Judgement.EXPECTED, ())
            order = Order(CAMERA, frozenset({process(7)}), "user anna", verdict=verdict)
            await end_use(play.guard.platform, play.guard.record, order, lambda _: None)
        assert (witness.looked, witness.kept) == ([], 0)
        assert Kind.PRESERVED not in written(play.path)

    asyncio.run(scene())


def test_where_it_cannot_be_written_nothing_is_ended_and_no_file_is_held(tmp_path: Path) -> None:
    async def refuse(_: Report) -> Report:
        raise JournalError("the disk is gone")

    async def scene() -> None:
        witness = ScriptedWitness()
        async with playing(tmp_path) as play:
            watched_by(play, witness)
            play.stage.sensor.hold(holder(7))
            await play.until(Kind.OPENED)
            order = Order(CAMERA, frozenset({process(7)}), "user anna")
            with pytest.raises(JournalError):
                await end_use(play.guard.platform, refuse, order, lambda _: None)
            assert (play.stage.control.ended, witness.kept) == ([], 1)

    asyncio.run(scene())


def test_a_block_is_preserved_too(tmp_path: Path) -> None:
    async def scene() -> None:
        witness = ScriptedWitness()
        async with playing(tmp_path, [rule(Effect.BLOCK)]) as play:
            watched_by(play, witness)
            play.stage.sensor.hold(holder(7))
            seen = await play.until(Kind.PRESERVED)
            await play.until(Kind.ACTION_COMPLETED)
            await play.until(Kind.KEPT)
            assert seen.extra is not None
            assert seen.extra["by"].startswith("rule ")
            assert [each["pid"] for each in seen.extra["processes"]] == [7]
            assert play.stage.control.ended == [7]

    asyncio.run(scene())


def test_a_block_does_not_wait_for_a_slow_look(tmp_path: Path) -> None:
    async def scene() -> None:
        witness = ScriptedWitness(holds_up=threading.Event())
        assert witness.holds_up is not None
        async with playing(tmp_path, [rule(Effect.BLOCK)]) as play:
            watched_by(play, witness)
            play.stage.sensor.hold(holder(7))
            await play.until(Kind.ACTION_PENDING)
            async with asyncio.timeout(10):
                while play.stage.control.ended != [7]:  # though what it had is not known yet
                    await asyncio.to_thread(time.sleep, 0.001)
            assert Kind.PRESERVED not in play.kinds()
            witness.holds_up.set()
            await play.until(Kind.PRESERVED)
            await play.until(Kind.ACTION_COMPLETED)

    asyncio.run(scene())


def entries(journal: Path, *kinds: Kind) -> list[Entry]:
    with Reader(journal) as reader:
        return reader.entries(0, kinds)


@pytest.fixture
def service() -> Iterator[ServiceStage]:
    """The service, with a private log and copies kept, where other users can reach it."""
    with tempfile.TemporaryDirectory(prefix="camguard-") as folder:
        made = ServiceStage(Path(folder), config="[log]\nprivate = true\n[evidence]\nkeep_executable = true\n")
        try:
            made.start()
            yield made
        finally:
            made.close()


@root
def test_through_the_service_each_exports_the_own_uses_and_of_others_nothing(
    service: ServiceStage, tmp_path: Path
) -> None:
    with service.stranger() as stranger:
        until("it is known", lambda: bool(service.objects("status")["uses"]))
        done = service.run("end", str(stranger.pid), "--yes")
        assert done.returncode == 0, done.stderr
        until("it is kept", lambda: bool(entries(service.journal, Kind.KEPT)))
    uses = [json.loads(line) for line in service.run("log", "--json").stdout.splitlines()]
    [use] = uses
    seen, kept = use["preserved"]
    assert str(service.node) in seen["processes"][0]["files"]
    assert {Path(copy["file"]).parent for copy in kept["copies"] if copy["file"]} == {
        service.journal.parent / "evidence"
    }
    hidden = service.run("log", "--json", uid=NOBODY)
    assert (hidden.stdout, "no use of a camera is in the log" in hidden.stderr) == ("", True)
    (tmp_path / "theirs").mkdir(mode=0o777)
    os.chmod(tmp_path / "theirs", 0o777)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(parent, 0o755)
    ran = service.run("log", "export", tmp_path / "theirs" / "out.zip", uid=NOBODY)
    assert ran.returncode == 0, ran.stderr
    given = Export(tmp_path / "theirs" / "out.zip", tmp_path / "out")
    told = given.manifest
    assert "may read through the service: the own uses" in told["exported_by"]["holds"]
    assert (told["counts"]["uses_and_looks"], told["chain"]["runs"]) == (0, [])
    kinds = {entry["kind"] for entry in given.objects("entries.jsonl")}
    assert "guard.started" in kinds
    assert not kinds & {"opened", "present", "capturing", "ended", "preserved", "kept", "action.pending"}
    code, said = given.verify()
    assert (code, "there are no hashes to check" in said) == (0, True)
    asked = service.run("was-on", "today", uid=NOBODY)
    assert (asked.returncode == 0, "the log is private here" in asked.stderr) == (False, True)
