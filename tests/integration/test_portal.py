"""A rule that blocks an app of the portal for good, told to a real permission store on a bus of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.model import AppIdentity, AppKind, Effect, Hours, Lasting, Rule
from camguard.errors import BrokerError
from camguard.platform.linux.portal import PermissionStore
from camguard.portalrule import PortalTeller, tell_portal
from camguard.ruletext import parse_hours
from tests.support import commands

STORE = Path("/usr/libexec/xdg-permission-store")
pytestmark = pytest.mark.skipif(
    not STORE.exists(), reason="no permission store; apt-get install -y --no-install-recommends dbus xdg-desktop-portal"
)
CHEESE = "org.gnome.Cheese"
BLOCK = Rule("r1", Effect.BLOCK, AppIdentity(AppKind.PORTAL, CHEESE))
_OFFICE: Hours = parse_hours("Mon-Fri 09:00-17:30")


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A session bus on which the permission store is started when it is called."""
    command = ["dbus-daemon", "--session", "--nofork", "--print-address", f"--address=unix:path={tmp_path}/bus"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            address = daemon.stdout.readline().strip()
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            yield address
        finally:
            daemon.terminate()


def said(app_id: str = CHEESE) -> list[str] | None:
    return PermissionStore()._said(os.geteuid(), app_id)


def test_what_a_rule_says_and_takes_back_is_what_the_portal_goes_by(bus: str) -> None:
    store, uid = PermissionStore(), os.geteuid()
    assert said() is None
    assert tell_portal(store, uid, BLOCK, None) == "The desktop's portal gives it no camera either (checked)."
    assert said() == ["no"]
    assert said("org.gnome.Snapshot") is None
    assert tell_portal(store, uid, None, BLOCK) == "The desktop's portal asks again when it wants a camera (checked)."
    assert said() is None


def test_what_the_person_said_to_the_portal_since_is_left_alone(bus: str) -> None:
    store, uid = PermissionStore(), os.geteuid()
    store.forbid(uid, CHEESE)
    store._call(uid, "SetPermission", "sbssas", "devices", "true", "camera", CHEESE, "1", "yes")
    store.forget(uid, CHEESE)
    assert said() == ["yes"]


def test_a_rule_in_the_blocks_place_takes_it_back(bus: str) -> None:
    store, uid = PermissionStore(), os.geteuid()
    tell_portal(store, uid, BLOCK, None)
    tell_portal(store, uid, replace(BLOCK, effect=Effect.ALLOW), BLOCK)
    assert said() is None


@pytest.mark.parametrize(
    "rule",
    [
        replace(BLOCK, effect=Effect.ASK),
        replace(BLOCK, app=AppIdentity(AppKind.FLATPAK, CHEESE)),
        replace(BLOCK, app=None),
        replace(BLOCK, camera="usb"),
        replace(BLOCK, hours=_OFFICE),
        replace(BLOCK, lasting=Lasting.UNTIL, until_utc_ns=1),
        replace(BLOCK, lasting=Lasting.ONCE),
    ],
)
def test_no_other_rule_is_the_portals_business(rule: Rule) -> None:
    assert tell_portal(PermissionStore(), os.geteuid(), rule, None) is None
    assert tell_portal(PermissionStore(), os.geteuid(), None, rule) is None


def test_a_portal_that_cannot_be_told_is_no_failure_of_a_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    with pytest.raises(BrokerError, match="has no desktop with a permission store"):
        PermissionStore().forbid(os.geteuid(), CHEESE)
    told = tell_portal(PermissionStore(), os.geteuid(), BLOCK, None)
    assert told is not None
    assert "could not be told" in told
    assert "for everybody" in (tell_portal(PermissionStore(), None, BLOCK, None) or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="the rule is for root, whose bus this is")
def test_the_command_tells_the_portal_and_says_so(bus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(commands.ENVIRONMENT, "DBUS_SESSION_BUS_ADDRESS", bus)
    stage = commands.Stage(tmp_path)
    stored = stage.run("rules", "block", f"portal:{CHEESE}", "--user", "root")
    assert "The desktop's portal gives it no camera either (checked)." in stored.stdout, stored.stderr
    assert said() == ["no"]
    removed = stage.run("rules", "remove", "r1")
    assert "asks again" in removed.stdout, removed.stderr
    assert said() is None


class Slow:
    """A desktop that answers when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)

    def forbid(self, uid: int, app_id: str) -> None:
        self.begun.release()
        assert self.go.wait(20)

    def forget(self, uid: int, app_id: str) -> None:
        raise AssertionError("nothing is taken back")


def test_a_desktop_that_does_not_answer_is_not_told_twice_at_once_and_others_are() -> None:
    async def story() -> None:
        slow, teller = Slow(), PortalTeller()
        first = asyncio.create_task(teller.tell(slow, 1000, BLOCK, None))
        other = asyncio.create_task(teller.tell(slow, 1001, BLOCK, None))
        assert [await asyncio.to_thread(slow.begun.acquire, timeout=20) for _ in range(2)] == [True, True]
        assert "just being told" in (await teller.tell(slow, 1000, BLOCK, None) or "")
        assert await teller.tell(slow, None, BLOCK, None) is not None
        slow.go.set()
        assert "checked" in (await first or "")
        assert "checked" in (await other or "")
        assert "checked" in (await teller.tell(slow, 1000, BLOCK, None) or "")

    asyncio.run(story())
