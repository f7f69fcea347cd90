"""The tray's way to a guard: its own where no service answers, the service where one does, and back when that goes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from camguard.config import session_socket
from camguard.core.events import Kind
from camguard.core.records import Record
from camguard.desktop import link as tray_link
from camguard.desktop import ownguard
from camguard.desktop.link import Guarded, Link, Place
from camguard.desktop.ownguard import OwnGuard
from camguard.errors import ServiceError
from tests.support.commands import CAMERA, ENVIRONMENT, Stage
from tests.support.privatebus import until
from tests.support.service_stage import ServiceStage

US = frozenset({os.getuid()})


@dataclass
class Heard:
    """What the link told."""

    happened: list[Record] = field(default_factory=list)
    found: list[Guarded] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> list[object]:
        return [told["event"] for told in self.happened]


@dataclass
class Home:
    """A person's folders, and a link that lives in them."""

    stage: Stage
    service: Path
    runtime: Path
    heard: Heard = field(default_factory=Heard)

    def link(self) -> Link:
        self.heard = Heard()
        own = OwnGuard(self.stage.folder / "state", self.stage.config)
        heard = self.heard
        return Link(Place(self.service, US), own, heard.happened.append, heard.found.append, heard.lost.append)

    def play(self, scene: Callable[[Link, Heard], Awaitable[None]]) -> None:
        """A scene with a link, which is ended afterwards."""

        async def played() -> None:
            link = self.link()
            following = asyncio.create_task(link.run())
            try:
                await scene(link, self.heard)
                assert not following.done(), "it ended by itself"
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

        asyncio.run(played())
        assert not children(), "a guard goes on without its tray"


@pytest.fixture
def home(public: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (public / "person").mkdir()
    (public / "runtime").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(public / "runtime"))
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    monkeypatch.setattr(tray_link, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(tray_link, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(tray_link, "SERVICE_S", 0.02)
    return Home(Stage(public / "person"), public / "no-service.sock", public / "runtime")


@pytest.fixture
def service(public: Path) -> Iterator[ServiceStage]:
    (public / "service").mkdir()
    stage = ServiceStage(public / "service")
    try:
        yield stage
    finally:
        stage.close()


def children() -> list[psutil.Process]:
    """The guards that this process started."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "--socket" in child.cmdline() and str(session_socket()) in child.cmdline():
                found.append(child)
    return found


async def cameras(link: Link) -> list[str]:
    told: Any = await link.questions.ask(lambda guard: guard.status())
    return [camera["name"] for camera in told["cameras"]]


def test_where_no_service_answers_it_has_a_guard_of_its_own_that_commands_find(home: Home) -> None:
    async def scene(link: Link, heard: Heard) -> None:
        await until("a guard", lambda: heard.found)
        assert not heard.found[0].service
        assert "The guard of the tray" in heard.found[0].source
        assert await cameras(link) == [CAMERA]
        told = await asyncio.to_thread(status, home.runtime)
        assert (told["answered_by"], told["guard_pid"]) == ("tray", children()[0].pid)
        await asyncio.to_thread(use_it, home.stage)
        await until("the use is heard of to its end", lambda: Kind.ENDED in heard.kinds)
        assert Kind.ALERT in heard.kinds
        assert heard.lost == []

    home.play(scene)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that a hook can write to whoever it runs as, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="camguard-hooks-") as name:
        Path(name).chmod(0o755)
        (Path(name) / "out").mkdir()
        (Path(name) / "out").chmod(0o777)
        yield Path(name)


@pytest.mark.long
def test_the_persons_hooks_run_beside_it_and_end_with_it(home: Home, shared: Path) -> None:
    hook, told = shared / "hook", shared / "out/told"
    hook.write_text(f"#!/bin/sh\ncat >>{told}\n")
    hook.chmod(0o755)
    with home.stage.config.open("a") as config:
        config.write(f'[hooks.tell]\non = ["alert"]\nrun = ["{hook}"]\n')

    async def scene(link: Link, heard: Heard) -> None:
        await until("a guard", lambda: heard.found)
        await until("guard and hooks", lambda: len(children()) == 2)
        for _ in range(20):  # when the hooks have begun to listen nobody says here
            if told.exists():
                break
            before = heard.kinds.count(Kind.ENDED)
            await asyncio.to_thread(use_it, home.stage)
            await until("the use is over", lambda: heard.kinds.count(Kind.ENDED) > before)  # noqa: B023  # at once
        await until("the hook was told", lambda: '"alert"' in told.read_text())

    home.play(scene)


def status(runtime: Path) -> Any:
    """What `camguard status` says that a person runs who has neither a service nor a configuration of his own."""
    environment = {**ENVIRONMENT, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(runtime)}
    command = (sys.executable, "-m", "camguard", "status", "--json")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def use_it(stage: Stage) -> None:
    """Use the camera until somebody is alerted."""
    with stage.stranger():
        done = stage.run_apart("log", "--json")
        while '"alerted":true' not in done.stdout:
            done = stage.run_apart("log", "--json")


def test_what_the_guard_cannot_see_is_known_also_to_who_comes_later(home: Home) -> None:
    async def scene(link: Link, heard: Heard) -> None:
        await until("a guard", lambda: heard.found)
        home.stage.rules.write_text("[")
        await asyncio.to_thread(use_it, home.stage)
        await until("it is told", lambda: Kind.GUARD_BLIND in heard.kinds)
        told: Any = await link.questions.ask(lambda guard: guard.status())
        assert [each["what"] for each in told["blind"]] == ["rules"]
        assert "rules.toml" in told["blind"][0]["why"]
        home.stage.rules.write_text("")
        await asyncio.to_thread(use_it, home.stage)
        await until("it sees again", lambda: Kind.GUARD_SIGHTED in heard.kinds)
        told = await link.questions.ask(lambda guard: guard.status())
        assert told["blind"] == []

    home.play(scene)


def test_a_service_that_comes_is_taken_and_the_own_guard_ends(home: Home, service: ServiceStage) -> None:
    home.service = service.socket

    async def scene(link: Link, heard: Heard) -> None:
        await until("a guard of its own", lambda: heard.found)
        assert await cameras(link) == [CAMERA]
        await asyncio.to_thread(service.start)
        await until("the service", lambda: len(heard.found) == 2)
        assert heard.found[1].service
        assert not children()
        told: Any = await link.questions.ask(lambda guard: guard.status())
        assert told["guard_pid"] == service.pid
        told = await link.deeds.ask(lambda guard: guard.status())
        assert told["guard_pid"] == service.pid

    home.play(scene)


def test_a_service_that_is_killed_is_lost_and_found_again(home: Home, service: ServiceStage) -> None:
    home.service = service.socket
    service.start()

    async def scene(link: Link, heard: Heard) -> None:
        await until("the service", lambda: heard.found)
        for _ in range(2):
            for line in (link.questions, link.deeds):
                told: Any = await line.ask(lambda guard: guard.status())
                assert told["guard_pid"] == service.pid
            lost = len(heard.lost)
            await asyncio.to_thread(service.kill)
            await asyncio.to_thread(service.start)
            await until("it is lost", lambda: len(heard.lost) > lost)  # noqa: B023  # at once
            # Meanwhile it may have had a guard of its own. The very first question reaches the service that is there
            # now, and not the one before.
            await until("the service again", lambda: link.guarded is not None and link.guarded.service)
            assert heard.found[-1].service
        for line in (link.questions, link.deeds):
            told = await line.ask(lambda guard: guard.status())
            assert told["guard_pid"] == service.pid

    home.play(scene)


def test_where_another_guard_keeps_the_log_it_says_so_until_that_ends(home: Home) -> None:
    async def scene(link: Link, heard: Heard) -> None:
        await until("it is lost", lambda: heard.lost)
        assert "another guard" in heard.lost[0]
        assert heard.found == []
        with pytest.raises(ServiceError, match="no guard answers now"):
            await link.questions.ask(lambda guard: guard.status())
        await asyncio.to_thread(watch.stop)
        await until("its own", lambda: heard.found)

    with home.stage.running("watch") as watch:
        watch.line_with("The log is")
        home.play(scene)


@pytest.mark.parametrize("broken", ["none", "relative", "missing", "file"])
def test_without_a_folder_of_the_session_it_says_what_is_missing(
    home: Home, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    places = {"none": None, "relative": "run", "missing": str(home.runtime / "not"), "file": str(home.stage.config)}
    place = places[broken]
    if place is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)

    async def scene(link: Link, heard: Heard) -> None:
        await until("it is tried again", lambda: len(heard.lost) > 1)
        assert heard.found == []
        if broken in {"none", "relative"}:
            assert "XDG_RUNTIME_DIR" in heard.lost[0]
        else:
            assert place is not None
            assert "the guard of the tray could not be started" in heard.lost[0]
            assert place in heard.lost[0]

    home.play(scene)


def test_a_guard_of_its_own_that_is_killed_is_started_anew(home: Home) -> None:
    async def scene(link: Link, heard: Heard) -> None:
        await until("a guard", lambda: heard.found)
        [first] = children()
        first.kill()
        await until("another", lambda: len(heard.found) == 2)
        assert heard.lost
        assert [child.pid for child in children()] != [first.pid]
        assert await cameras(link) == [CAMERA]

    home.play(scene)


def test_one_that_does_not_listen_in_time_is_not_left_running(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownguard, "START_S", 0.0)

    async def scene(link: Link, heard: Heard) -> None:
        await until("it is tried again", lambda: len(heard.lost) > 2)
        assert "it does not listen" in heard.lost[0]
        assert len(children()) <= 1

    home.play(scene)


def test_a_tray_that_is_killed_leaves_no_guard_behind(home: Home) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom camguard.desktop.ownguard import OwnGuard\n"
        "async def main():\n"
        "    await OwnGuard(Path(sys.argv[1]), Path(sys.argv[2])).start()\n"
        "    print('started', flush=True)\n    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    arguments = [sys.executable, "-c", code, str(home.stage.folder / "state"), str(home.stage.config)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as tray:
        assert tray.stdout is not None
        assert tray.stdout.readline() == "started\n"
        [guard] = psutil.Process(tray.pid).children()
        tray.kill()
    gone, left = psutil.wait_procs([guard], timeout=60)
    assert gone
    assert not left
