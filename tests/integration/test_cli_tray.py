"""``camguard tray`` as people start it: once a session, by itself after log-in, and with words where it cannot be."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from camguard.core.events import Kind
from tests.support import privatebus
from tests.support.commands import ENVIRONMENT, Stage
from tests.support.notifyd import DISMISSED, DUNST, running
from tests.support.privatebus import PrivateBus, until
from tests.support.service_stage import ServiceStage
from tests.support.trayhome import Home, Scene, play

needs_bus = pytest.mark.skipif(privatebus.missing() is not None, reason=str(privatebus.missing()))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a tray believes a service of root alone; run: sudo pytest")


@pytest.fixture
def home(public: Path) -> Home:
    """In a folder whose path leaves room for a socket's name, wherever the tests' own folders are."""
    names = ("person", "home", "config", "state", "runtime")
    for name in names:
        (public / name).mkdir(mode=0o700)
    dropped = {"DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_ID", "PYSTRAY_BACKEND"}
    environment = {
        **{key: value for key, value in ENVIRONMENT.items() if key not in dropped},
        "HOME": str(public / "home"),
        "XDG_CONFIG_HOME": str(public / "config"),
        "XDG_STATE_HOME": str(public / "state"),
        "XDG_RUNTIME_DIR": str(public / "runtime"),
        "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={public / 'no-system-bus'}",
        "CAMGUARD_SOCKET": str(public / "no-service.sock"),
    }
    return Home(Stage(public / "person"), environment)


@pytest.fixture
def bus(public: Path, home: Home) -> Iterator[PrivateBus]:
    (public / "bus.d").mkdir()
    started = PrivateBus(public / "bus.d")
    started.start()
    home.environment["DBUS_SESSION_BUS_ADDRESS"] = started.address
    try:
        yield started
    finally:
        started.stop()


def test_it_is_set_to_start_after_log_in_and_not_to(home: Home) -> None:
    installed = home.run("tray", "--install")
    assert installed.returncode == 0, installed.stderr
    entry = home.config / "autostart" / "camguard-tray.desktop"
    assert str(entry) in installed.stdout
    [line] = [line for line in entry.read_text().splitlines() if line.startswith("Exec=")]
    assert line.endswith(" tray")
    assert sys.executable in line
    gone = home.run("tray", "--uninstall")
    assert (gone.returncode, gone.stdout) == (0, f"It starts no more: {entry} is gone.\n")
    assert not entry.exists()
    again = home.run("tray", "--uninstall")
    assert (again.returncode, again.stdout) == (0, "It was not set to start.\n")
    assert home.run("tray", "--install", "--uninstall").returncode == 2


def test_where_it_cannot_be_set_to_start_it_says_why(home: Home) -> None:
    (home.config / "autostart").write_text("")
    done = home.run("tray", "--install")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_session_bus_it_says_what_is_missing(home: Home) -> None:
    done = home.run("tray")
    assert done.returncode == 1
    assert "there is no D-Bus session to show an icon in" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("icon", "code", "said"),
    [("xorg", 2, "has no menu"), ("nonsense", 2, "is not known here"), ("gtk", 1, "python3-gi")],
)
def test_an_icon_that_cannot_be_had_is_said(home: Home, icon: str, code: int, said: str) -> None:
    done = home.run("tray", "--icon", icon)
    if icon == "gtk" and done.returncode != code:
        pytest.skip("GTK's bindings are here")
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_session_whose_folder_cannot_be_used_is_told(home: Home) -> None:
    done = home.run("tray", XDG_RUNTIME_DIR=str(home.stage.config), DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere")
    assert done.returncode == 1
    assert "set XDG_RUNTIME_DIR" in done.stderr
    assert "Traceback" not in done.stderr


# The tray at work, before a notification daemon that does what the test says.


ALERT = "Your camera is in use"


@pytest.mark.long
@needs_bus
def test_there_is_one_tray_a_session(home: Home, bus: PrivateBus) -> None:
    home.greeted()

    async def scene(scene: Scene) -> None:
        second = await asyncio.to_thread(home.run, "tray")
        assert (second.returncode, second.stderr) == (0, "")
        assert second.stdout == "camguard's tray runs in this session already.\n"

    play(home, bus, scene)


@pytest.mark.long
@needs_bus
@pytest.mark.parametrize("answer", ["off", "keep", "allow"])
def test_an_alert_is_answered_by_its_button_and_the_result_takes_its_place(
    home: Home, bus: PrivateBus, answer: str
) -> None:
    home.greeted()
    results = {
        "off": "stranger.py: Ended. The camera is off.",
        "keep": "stranger.py: It may go on until it stops.",
        "allow": "stranger.py: From now on this app is expected, whichever user runs it.",
    }

    async def scene(scene: Scene) -> None:
        async with scene.using() as stranger:
            number = await scene.shown(ALERT)
            await scene.body("stranger.py has been using Pretend Webcam since")
            await until("who it is", lambda: any(entry["app"] for entry in scene.entries(Kind.JUDGED)))
            shown = scene.daemon.shown[number]
            assert (shown.urgency, list(shown.buttons)) == (2, ["off", "keep", "allow"])
            scene.daemon.click(number, answer)
            await scene.body(results[answer])
            assert not [shown for shown in scene.daemon.shown.values() if shown.title == ALERT]
            [decided] = scene.entries(Kind.DECIDED)
            extra = decided["extra"]
            assert isinstance(extra, dict)
            assert extra["decision"] == answer
            if answer == "off":
                assert await asyncio.to_thread(stranger.wait) != 0
                assert not home.stage.node.exists()
            else:
                assert stranger.poll() is None

    play(home, bus, scene)
    assert home.stage.rules.exists() == (answer == "allow")


@pytest.mark.long
@needs_bus
def test_an_alert_that_nobody_answers_goes_with_its_use_and_waits(home: Home, bus: PrivateBus) -> None:
    home.greeted()

    async def scene(scene: Scene) -> None:
        async with scene.using():
            await scene.shown(ALERT)
        await until("it is withdrawn", lambda: not scene.daemon.shown)
        told = await asyncio.to_thread(home.run, "--local", "alerts", "list", "--json")
        assert [alert["activation"] for alert in json.loads(told.stdout)["alerts"]] == ["a1"]

    play(home, bus, scene)


@pytest.mark.long
@needs_bus
def test_an_alert_that_is_answered_elsewhere_goes_and_one_that_was_closed_does_not_come_again(
    home: Home, bus: PrivateBus
) -> None:
    home.greeted()

    async def scene(scene: Scene) -> None:
        async with AsyncExitStack() as uses:
            for name in ("one.py", "two.py"):  # one after the other: seen at once, either could be a1
                await uses.enter_async_context(scene.using(name))
                await scene.body(f"{name} has been using")
            [two] = [number for number, shown in scene.daemon.shown.items() if "two.py" in shown.body]
            scene.daemon.close(two, DISMISSED)
            done = await asyncio.to_thread(home.ask_the_tray, "alerts", "answer", "a1", "keep", "--json")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["answered_by"] == "tray"
            await until("nothing is left", lambda: not scene.daemon.shown)
            async with scene.using("three.py"):  # of which is heard after all this
                await scene.body("three.py has been using")
        assert len([shown for shown in scene.daemon.calls if "two.py" in shown.body]) == 1

    play(home, bus, scene)


@pytest.mark.long
@needs_bus
def test_a_daemon_that_is_restarted_is_given_the_alert_again(home: Home, bus: PrivateBus) -> None:
    home.greeted()

    async def scene(scene: Scene) -> None:
        async with scene.using() as stranger:
            await scene.shown(ALERT)
            await scene.daemon.leave()
            async with running(bus.address) as other:
                again = Scene(home, scene.process, other)
                number = await again.shown(ALERT)
                other.click(number, "off")
                await again.body("Ended. The camera is off.")
                assert await asyncio.to_thread(stranger.wait) != 0

    play(home, bus, scene)


@pytest.mark.long
@needs_bus
def test_where_no_buttons_are_shown_the_alert_says_where_else_to_answer(home: Home, bus: PrivateBus) -> None:
    async def scene(scene: Scene) -> None:
        await scene.shown("camguard guards your camera")
        async with scene.using():
            number = await scene.shown(ALERT)
            assert scene.daemon.shown[number].body.endswith("camguard alerts answer a1 off")
        for shown in scene.daemon.calls:
            assert shown.buttons == {}
            assert "answer welcome" not in shown.body

    play(home, bus, scene, DUNST)


@pytest.mark.long
@needs_bus
def test_the_first_time_it_explains_itself_and_only_then(home: Home, bus: PrivateBus) -> None:
    async def scene(scene: Scene) -> None:
        number = await scene.shown("camguard guards your camera")
        shown = scene.daemon.shown[number]
        assert list(shown.buttons) == ["test", "install"]
        assert "Without the service it sees your own programs only." in shown.body
        scene.daemon.click(number, "test")
        test = await scene.shown("A test of your alerts")
        assert list(scene.daemon.shown[test].buttons) == ["works"]
        scene.daemon.click(test, "works")

    said = play(home, bus, scene)
    assert "service install" in said

    async def second(scene: Scene) -> None:
        async with scene.using():
            await scene.shown(ALERT)
        assert "camguard guards your camera" not in [shown.title for shown in scene.daemon.calls]

    play(home, bus, second)


@pytest.mark.long
@needs_bus
@needs_root
def test_with_a_service_it_shows_what_that_sees_and_comes_back_to_it(home: Home, bus: PrivateBus, public: Path) -> None:
    home.greeted()
    (public / "service").mkdir()
    service = ServiceStage(public / "service")
    home.environment["CAMGUARD_SOCKET"] = str(service.socket)
    home.stage.journal = service.journal

    async def scene(scene: Scene) -> None:
        await asyncio.to_thread(service.kill)
        await asyncio.to_thread(service.start)
        stranger = service.stranger("spy.py")
        process = await asyncio.to_thread(stranger.__enter__)
        try:
            number = await scene.shown(ALERT)
            await scene.body("spy.py has been using")
            scene.daemon.click(number, "off")
            await scene.body("spy.py: Ended. The camera is off.")
            assert process.wait() != 0
            assert not service.node.exists()
        finally:
            await asyncio.to_thread(stranger.__exit__, None, None, None)

    try:
        service.start()
        play(home, bus, scene)
        told = service.objects("status")
        assert told["guard_pid"] == service.pid, "the service goes on without its tray"
    finally:
        service.close()
