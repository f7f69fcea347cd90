"""Who has a camera through a broker: what makes one app of it, what the log says, and what no name ever proves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.confidence import Confidence, Through
from camguard.core.events import Kind, Report
from camguard.core.model import (
    App,
    AppIdentity,
    AppKind,
    Camera,
    CameraId,
    Effect,
    Moment,
    Process,
    ProcessIdentity,
    Rule,
)
from camguard.core.policy import judge_at_once
from camguard.core.records import describe
from camguard.platform.linux.brokers import Brokers
from camguard.platform.linux.identity import LinuxIdentifier
from camguard.platform.linux.knowledge import knowledge
from camguard.platform.linux.pipewire.graph import Client
from camguard.platform.linux.procfs import ProcessReader
from camguard.platform.linux.protected import protection
from camguard.ruletext import parse_app, spell_app

AT = Moment(0, 0, 0, "boot")
PORTAL = Process(ProcessIdentity(9, 9, "boot"), "xdg-desktop-por", "/usr/libexec/xdg-desktop-portal", 1000)
SNAPSHOT = replace(PORTAL, through=Through(Confidence.PORTAL, "/usr/bin/pipewire", 8, "org.gnome.Snapshot", "Camera"))
CHEESE = replace(PORTAL, through=Through(Confidence.PORTAL, "/usr/bin/pipewire", 8, "org.gnome.Cheese"))
LIAR = replace(PORTAL, through=Through(Confidence.SELF_DECLARED, "/usr/bin/pipewire", 8, says="org.gnome.Snapshot"))
DIRECT = replace(PORTAL, through=Through(Confidence.BROKER, "/usr/bin/pipewire", 8, says="Camera"))


def test_each_app_of_the_portal_is_an_app_of_its_own() -> None:
    assert len({each.kinship for each in (PORTAL, SNAPSHOT, CHEESE)}) == 3
    assert PORTAL.kinship == DIRECT.kinship
    assert (SNAPSHOT.label, LIAR.label, DIRECT.label) == ("org.gnome.Snapshot", "org.gnome.Snapshot", "xdg-desktop-por")


def test_what_the_portal_says_is_an_identity_and_what_an_app_says_is_none() -> None:
    app, _ = LinuxIdentifier().identify(SNAPSHOT)
    assert app.identity == AppIdentity(AppKind.PORTAL, "org.gnome.Snapshot")
    liar, _ = LinuxIdentifier().identify(LIAR)
    assert not liar.known
    assert "org.gnome.Snapshot" in liar.name


def test_a_rule_about_the_portals_program_is_about_none_of_its_apps() -> None:
    camera = Camera(CameraId("one"), "One", ())
    exe = "/home/a/xdg-desktop-portal"
    rule = Rule("r1", Effect.BLOCK, AppIdentity(AppKind.EXECUTABLE, exe, exe))
    assert judge_at_once(replace(PORTAL, exe=exe), camera, AT, [rule]) is not None
    assert judge_at_once(replace(SNAPSHOT, exe=exe), camera, AT, [rule]) is None


def test_a_rule_can_name_an_app_of_the_portal() -> None:
    identity = AppIdentity(AppKind.PORTAL, "org.gnome.Snapshot")
    assert parse_app(spell_app(identity)) == identity


@pytest.mark.parametrize(
    ("process", "confidence"),
    [
        (PORTAL, "kernel"),
        (DIRECT, "broker"),
        (SNAPSHOT, "portal"),
        (LIAR, "self-declared"),
        (Process(None), "unknown"),
        (Process(None, through=Through(Confidence.UNKNOWN, "/usr/bin/pipewire", 8)), "unknown"),
    ],
)
def test_the_log_says_whose_word_it_is(process: Process, confidence: str) -> None:
    app = App(AppIdentity(AppKind.EXECUTABLE, "/x"), "x").had_by(process)
    record = describe(Report(Kind.OPENED, AT, app=app, process=process))
    assert isinstance(record["app"], dict)
    assert record["app"]["confidence"] == confidence


def test_the_log_keeps_the_broker_and_what_the_app_calls_itself() -> None:
    record = describe(Report(Kind.OPENED, AT, process=SNAPSHOT))
    assert isinstance(record["process"], dict)
    assert record["process"]["through"] == {
        "confidence": "portal",
        "broker": "/usr/bin/pipewire",
        "pid": 8,
        "app": "org.gnome.Snapshot",
        "says": "Camera",
    }
    plain = describe(Report(Kind.OPENED, AT, process=PORTAL))
    assert isinstance(plain["process"], dict)
    assert "through" not in plain["process"]


def test_every_broker_and_portal_is_one_that_is_never_ended() -> None:
    brokers = knowledge().brokers
    assert all(protection(name) for name in (*brokers.executables, *brokers.portals))


class AtPortal(Brokers):
    """Takes one pid for the portal's."""

    portal = 0

    def _runs(self, process: Process, names: tuple[str, ...]) -> bool:
        return names is knowledge().brokers.portals and process.pid == self.portal


@pytest.fixture
def brokers(tmp_path: Path) -> AtPortal:
    for pid, ticks in ((8, 80), (9, 90)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        fields = " ".join(["S", "1", *["0"] * 17, str(ticks), *["0"] * 30])
        (folder / "stat").write_text(f"{pid} (some) {fields}\n")
    return AtPortal(ProcessReader(str(tmp_path)), lambda _: None)


@pytest.mark.parametrize(
    ("portal", "access", "app_id", "confidence"),
    [
        (9, "portal", "org.gnome.Snapshot", Confidence.PORTAL),
        (9, "xdg-desktop-portal", "org.gnome.Snapshot", Confidence.PORTAL),
        (9, "portal", None, Confidence.SELF_DECLARED),
        (9, "portal", "a b\n", Confidence.SELF_DECLARED),
        (9, "unrestricted", "org.gnome.Snapshot", Confidence.SELF_DECLARED),
        (0, "portal", "org.gnome.Snapshot", Confidence.BROKER),  # a client that says it came through the portal
    ],
)
def test_an_app_id_counts_only_where_the_portal_gave_it(
    brokers: AtPortal, portal: int, access: str, app_id: str | None, confidence: Confidence
) -> None:
    brokers.portal = portal
    broker = brokers._reader.process(8)
    found = brokers.process(broker, Client(1, 1, 9, broker.uid, access, app_id, "hint"))
    assert found.pid == 9
    assert found.through is not None
    assert found.through.confidence is confidence
    assert found.through.says == "hint"
    assert found.through.app_id == (app_id if confidence is Confidence.PORTAL else None)


@pytest.mark.parametrize(
    "client",
    [None, Client(1, 1, None, 0), Client(1, 1, 7, 0), Client(1, 1, 9, 4242), Client(1, 1, 9, None)],
)
def test_a_client_that_cannot_be_told_is_unknown(brokers: AtPortal, client: Client | None) -> None:
    found = brokers.process(replace(brokers._reader.process(8), uid=0), client)
    assert not found.known
    assert found.through is not None
    assert found.through.confidence is Confidence.UNKNOWN
