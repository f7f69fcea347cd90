"""The tray on a real XFCE desktop: what is seen, clicked and answered, and what the log says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.core.decisions import Decision
from camguard.core.events import Kind
from camguard.core.power import Power
from camguard.desktop.agent import AT_ONCE
from camguard.desktop.look import Look
from tests.support.alert_storm import alerts_told
from tests.support.desktop import until
from tests.support.logind import Session, running
from tests.support.tray_stage import TrayStage, tray_stage

pytestmark = pytest.mark.system

APP = "videochat.py"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[TrayStage]:
    with tray_stage(tmp_path) as made:
        yield made


def test_an_unexpected_use_is_turned_off_by_the_first_button(stage: TrayStage) -> None:
    stage.picture("idle")
    with stage.service.stranger(APP) as program:
        [alert] = stage.wait_notifications(1)
        stage.wait_look(Look.UNEXPECTED)
        stage.picture("alert")
        stage.press_button(alert, 0, of=3)
        program.wait(30)
    assert stage.decided()["decision"] == Decision.OFF
    until(lambda: stage.kinds().count(Kind.ACTION_COMPLETED) == 2, "the use ended, and the camera switched off")
    kinds = stage.kinds()
    assert kinds.index(Kind.DECIDED) < kinds.index(Kind.ACTION_PENDING) < kinds.index(Kind.ACTION_COMPLETED)
    [camera] = stage.service.objects("status")["cameras"]
    assert camera["power"] == Power.OFF
    stage.wait_not(Look.UNEXPECTED)
    stage.wait_notifications(1)  # what came of it, in the alert's place
    stage.picture("ended")


def test_an_unexpected_use_is_kept_by_the_second_button(stage: TrayStage) -> None:
    with stage.service.stranger(APP) as program:
        [alert] = stage.wait_notifications(1)
        stage.press_button(alert, 1, of=3)
        assert stage.decided()["decision"] == Decision.KEEP
        stage.wait_look(Look.EXPECTED)
        assert program.poll() is None
        assert stage.service.own_rules() == []


def test_an_app_is_allowed_by_the_third_button(stage: TrayStage) -> None:
    with stage.service.stranger(APP):
        [alert] = stage.wait_notifications(1)
        stage.press_button(alert, 2, of=3)
        assert stage.decided()["decision"] == Decision.ALLOW
        stage.wait_look(Look.EXPECTED)
    [rule] = stage.service.own_rules()
    assert (rule["effect"], rule["app"]) == ("allow", f"script:{stage.service.folder / APP}")
    with stage.service.stranger(APP):
        until(lambda: stage.record(2).verdict, "a verdict")  # the look may be that of the use before still
        assert stage.record(2).verdict == "expected"
        stage.wait_look(Look.EXPECTED)
    assert stage.unanswered() == []


def test_a_use_is_ended_from_the_menu_by_the_keyboard(stage: TrayStage) -> None:
    with stage.service.stranger(APP) as program:
        stage.wait_look(Look.UNEXPECTED)
        stage.open_menu()
        stage.screen.press("Down", "Right")
        stage.picture("menu")
        stage.screen.press("Return")  # the first of its answers: End it
        program.wait(30)
    assert stage.decided()["decision"] == Decision.END
    stage.wait_not(Look.UNEXPECTED)


def test_an_alert_that_nobody_answered_waits_in_the_menu_and_at_the_command_line(stage: TrayStage) -> None:
    with stage.service.stranger(APP):
        stage.wait_notifications(1)
    stage.wait_notifications(0)  # it is over: the alert is withdrawn
    stage.wait_not(Look.UNEXPECTED)
    stage.open_menu()
    stage.picture("missed")
    stage.close_menu()
    listed = stage.command("alerts")
    assert APP in listed.stdout
    done = stage.command("alerts", "answer", "all", "seen")
    assert done.returncode == 0, done.stderr
    assert stage.decided()["decision"] == Decision.SEEN
    assert "No alert waits" in stage.command("alerts").stdout


def test_an_answer_at_the_command_line_takes_the_alert_from_the_screen(stage: TrayStage) -> None:
    with stage.service.stranger(APP) as program:
        stage.wait_notifications(1)
        assert stage.command("alerts", "answer", "a1", "keep").returncode == 0
        stage.wait_notifications(0)
        stage.wait_look(Look.EXPECTED)
        assert program.poll() is None


def test_the_panel_is_restarted_and_the_icon_is_back(stage: TrayStage) -> None:
    with stage.service.stranger(APP):
        stage.wait_look(Look.UNEXPECTED)
        stage.screen.end_panel()
        stage.screen.start_panel()
        stage.wait_look(Look.UNEXPECTED)


def test_the_service_is_killed_and_comes_back(stage: TrayStage) -> None:
    with stage.service.stranger(APP):
        stage.wait_look(Look.UNEXPECTED)
        stage.service.kill()
        # The tray goes on with a guard of its own, to which the use was there before it: unexpected to it as well.
        until(lambda: (stage.own / "journal.db").exists(), "the tray's own guard keeps a log")
        stage.wait_look(Look.UNEXPECTED)
        stage.service.start()
        until(lambda: "The service" in stage.command("status").stderr, "the service answers")
        stage.wait_look(Look.UNEXPECTED)
    stage.wait_not(Look.UNEXPECTED)


def test_a_hostile_name_is_shown_as_harmless_text(stage: TrayStage) -> None:
    name = "<b>--help \u202ecod.exe\x1b[31m.py"
    with stage.service.stranger(name):
        stage.wait_notifications(1)
        stage.open_menu()
        stage.picture("hostile")
        stage.close_menu()
        assert "\x1b" not in stage.command("alerts").stdout


def test_a_second_tray_leaves_the_first_alone(stage: TrayStage) -> None:
    second = stage.command("tray")
    assert (second.returncode, "already" in second.stdout) == (0, True), second.stderr
    assert stage.tray is not None
    assert stage.tray.poll() is None


def test_what_to_do_is_opened_from_the_menu_and_no_log_says_so(tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {tmp_path}/copy && printf "%s" "$1" > {seen}\n')
    browser.chmod(0o755)
    no_logind = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path / 'no-system-bus'}"}
    with tray_stage(tmp_path, environment={"BROWSER": f"{browser} %s", "LANG": "de_DE.UTF-8", **no_logind}) as stage:
        until(lambda: Kind.CAMERA_ADDED in stage.kinds(), "all that a service writes down as it begins")
        until(lambda: "is not known" in stage.tray_log, "all that a tray says as it begins")
        kinds, said = stage.kinds(), stage.tray_log
        stage.open_menu()
        stage.picture("menu-idle")
        stage.screen.press("Up", "Up", "Up", "Up", "Return")  # the rows below it: Test my alert, About, Quit
        until(lambda: seen.exists() and seen.read_text(), "the browser is told which page to open")
        assert seen.read_text().endswith("/camguard/page.html")
        assert '<html lang="de">' in (tmp_path / "copy").read_text()
        assert stage.kinds() == kinds
        assert stage.tray_log == said
        assert stage.notifications() == []


def test_it_quits_from_the_menu_and_the_service_goes_on(stage: TrayStage) -> None:
    assert stage.tray is not None
    stage.open_menu()
    stage.screen.press("Up", "Return")  # the last row
    assert stage.tray.wait(30) == 0
    assert stage.service.objects("status")["guard_pid"] == stage.service.pid


def test_the_test_alert_arrives_and_its_click_too(stage: TrayStage) -> None:
    running = stage.screen.python("-m", "camguard", "alerts", "test", "--wait", "60")
    [shown] = stage.wait_notifications(1)
    stage.picture("test")
    stage.press_button(shown, 0, of=1)
    assert running.stdout is not None
    said = running.stdout.read()
    assert running.wait(30) == 0
    assert "so did your click" in said
    assert "Xfce Notify Daemon" in said


def test_the_first_start_explains_itself_and_offers_a_test(stage: TrayStage) -> None:
    stage.end_tray()
    stage.greeted.unlink()
    stage.start_tray()
    [welcome] = stage.wait_notifications(1)
    stage.picture("welcome")
    stage.press_button(welcome, 0, of=1)  # where the service guards there is one button: Test my alert
    until(lambda: stage.notifications() not in ([], [welcome]), "the test alert")
    stage.picture("welcome-test")
    assert stage.greeted.exists()
    stage.end_tray()
    _clear(stage)
    stage.start_tray()
    with stage.service.stranger(APP):  # what comes next is an alert, and no second welcome
        stage.wait_look(Look.UNEXPECTED)
        assert len(stage.wait_notifications(1)) == 1


def _clear(stage: TrayStage) -> None:
    for left, top, _, _ in stage.notifications():
        stage.screen.click((left + 30, top + 20, left + 32, top + 22))
    stage.wait_notifications(0)


def test_the_activity_page_is_opened_in_the_persons_browser(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >{opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    with tray_stage(tmp_path, environment={"BROWSER": str(browser)}) as stage:
        with stage.service.stranger(APP):
            stage.wait_look(Look.UNEXPECTED)
        stage.wait_not(Look.UNEXPECTED)
        stage.screen.click(until(stage.icon, "the icon"))  # what the icon does without its menu
        until(opened.exists, "a browser")
        page = Path(opened.read_text().strip().removeprefix("file://"))
        assert APP in page.read_text()
        assert page.stat().st_mode & 0o077 == 0


def test_a_thousand_alerts_a_second_do_not_hurt_the_panel(stage: TrayStage) -> None:
    panel = stage.screen.panel()
    stage.end_tray()
    stage.service.stop()
    with alerts_told(stage.service.socket) as tell:
        stage.start_tray()
        tell(2_000, 1_000)
        until(lambda: len(stage.notifications()) == AT_ONCE, "as many alerts as there is room for")
        stage.picture("storm")
        assert stage.screen.panel() == panel
        assert stage.tray is not None
        assert stage.tray.poll() is None
        stage.wait_look(Look.UNEXPECTED)


def test_a_use_that_goes_on_behind_a_locked_screen_is_mentioned(tmp_path: Path) -> None:
    """The bus of the session stands in for the system's, on which a logind says what a real one would."""
    session = Session("1")

    async def scene(stage: TrayStage, address: str) -> None:
        async with running(address, session, display=session):
            await asyncio.to_thread(stage.end_tray)
            await asyncio.to_thread(stage.start_tray)
            with stage.service.stranger(APP):
                await asyncio.to_thread(stage.wait_look, Look.EXPECTED)
                session.say(LockedHint=True)
                await asyncio.to_thread(stage.wait_notifications, 1)
                stage.picture("locked")
            await asyncio.to_thread(stage.wait_notifications, 0)  # it is over: there is nothing to mention any more

    with tray_stage(tmp_path) as stage:
        address = stage.screen.environment["DBUS_SESSION_BUS_ADDRESS"]
        stage.screen.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address
        allowed = stage.service.run("rules", "allow", stage.service.script(APP))
        assert allowed.returncode == 0, allowed.stderr
        asyncio.run(scene(stage, address))


def test_a_desktop_without_buttons_says_where_to_answer(tmp_path: Path) -> None:
    with tray_stage(tmp_path, "--notify", "dunst") as stage, stage.service.stranger(APP) as program:
        until(lambda: stage.screen.windows("Dunst"), "the alert")
        stage.picture("dunst")
        answered = stage.command("alerts", "answer", "a1", "off")
        assert answered.stdout.endswith("a1: Ended. The camera is off.\n")
        program.wait(30)


def test_a_desktop_without_notifications_still_has_icon_and_menu(tmp_path: Path) -> None:
    with tray_stage(tmp_path, "--notify", "none") as stage, stage.service.stranger(APP) as program:
        stage.wait_look(Look.UNEXPECTED)
        until(lambda: "start a notification daemon" in stage.tray_log, "advice about notifications")
        stage.open_menu()
        stage.screen.press("Down", "Right", "Return")
        program.wait(30)
