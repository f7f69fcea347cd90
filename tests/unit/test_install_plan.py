"""Installing and uninstalling as plans: what is done, in which order, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from camguard.install import plan
from camguard.install.extras import chosen
from camguard.install.model import (
    Await,
    Clear,
    Data,
    Delete,
    File,
    Folder,
    HandBack,
    Interpreter,
    Link,
    Move,
    Package,
    Plan,
    Run,
    Standing,
    Step,
    Write,
)

UNIT_TEXT = b"[Service]\nType=notify\nExecStart=/opt/camguard/current/bin/python -I -m camguard.service\n"
TRAY_UNIT = b"[Service]\nExecStart=/opt/camguard/current/bin/camguard tray\n"
TRAY_ENTRY = b"[Desktop Entry]\nExec=/opt/camguard/current/bin/camguard tray\n"
PACKAGED_HOOKS = b"[Service]\nExecStart=/usr/bin/python3 -I -m camguard.hooks\n"
HOOKS_UNIT = b"[Service]\nExecStart=/opt/camguard/current/bin/python -I -m camguard.hooks\n"
DATA = Data(
    {plan.UNIT: UNIT_TEXT, plan.SOCKET_UNIT: b"[Socket]\n"},
    b"# its members administer\n\ng camguard -\n",
    {"camguard-tray.service": TRAY_UNIT},
    {"camguard-tray.desktop": TRAY_ENTRY},
    {"camguard-hooks.service": HOOKS_UNIT, "camguard-mqtt.service": b"[Service]\n"},
    {"camguard.catalog": b"-- 1"},
)
PACKAGES = (
    Package("camguard", "1.0", (File("camguard/__init__.py", b"1"), File("camguard/cli/__init__.py", b"2"))),
    Package("click", "8.1", (File("click/__init__.py", b"3"),)),
)
PYTHON = Interpreter(Path("/usr/bin/python3"), "python3.11")
RELEASE = plan.HOME / "1.0-new"
OLD = plan.HOME / "0.9-old"
UPGRADE = Standing(release=OLD, releases=(OLD,), units=(plan.UNIT, plan.SOCKET_UNIT), command=True, groups=plan.GROUPS)


def test_nothing_that_is_in_use_is_touched_before_the_release_is_whole_and_proven() -> None:
    steps = _install(UPGRADE).steps
    taken = steps.index(Link(plan.CURRENT, RELEASE))
    outside = [step for step in steps[:taken] if isinstance(step, Folder | Write | Link | Move | Delete)]
    assert all(step.path == plan.HOME or RELEASE in (step.path, *step.path.parents) for step in outside)
    proof = steps[taken - 1]
    assert isinstance(proof, Run)
    assert proof.argv[0] == str(RELEASE / "bin/python")
    assert "camguard.service" in proof.argv[-1]


def test_every_file_has_its_folder_before_it() -> None:
    made: set[Path] = {RELEASE / "bin", RELEASE / "lib/python3.11/site-packages", plan.UNITS, plan.COMMAND.parent}
    for step in _install(Standing()).steps:
        if isinstance(step, Folder):
            made.add(step.path)
        if isinstance(step, Write | Link):
            assert step.path.parent in made, step.path


def test_the_code_is_all_there_and_starts_isolated() -> None:
    steps = _install(Standing()).steps
    site = RELEASE / "lib/python3.11/site-packages"
    written = {step.path: step for step in steps if isinstance(step, Write)}
    assert written[site / "camguard/cli/__init__.py"].content == b"2"
    assert written[site / "click/__init__.py"].content == b"3"
    launcher = written[RELEASE / "bin/camguard"]
    assert launcher.mode == 0o755
    assert launcher.content.startswith(b"#!/opt/camguard/current/bin/python -I\n")


def test_the_group_is_made_without_leaving_a_file() -> None:
    assert ("systemd-sysusers", "--inline", "g camguard -") in _commands(_install(Standing()).steps)


def test_an_upgrade_deletes_the_old_release_only_after_the_new_one_is_active() -> None:
    made = _install(UPGRADE)
    assert made.steps[-1] == Await(plan.UNIT)
    assert made.tidy[-1] == Delete(OLD)


def test_without_a_start_the_release_that_runs_stays() -> None:
    other = plan.HOME / "0.8-broken"
    standing = Standing(release=OLD, releases=(OLD, other), units=(plan.UNIT,))
    made = plan.install(DATA, PACKAGES, PYTHON, RELEASE, standing, start=False)
    assert [step for step in made.tidy if isinstance(step, Delete)] == [Delete(other)]
    commands = _commands(made.steps)
    assert not any("restart" in command or "enable" in command for command in commands)
    assert not any("restart" in command for command in _commands(made.rescue))


def test_a_failed_first_install_leaves_no_service_and_a_failed_upgrade_starts_the_old_one() -> None:
    first, upgrade = _install(Standing()), _install(UPGRADE)
    assert first.undone
    assert ("systemctl", "disable", "--now", plan.UNIT) in _commands(first.retreat)
    assert ("groupdel", plan.GROUPS[0]) in _commands(first.rescue)
    assert not any("restart" in command for command in _commands(first.rescue))
    assert upgrade.retreat == ()
    assert _commands(upgrade.rescue)[0] == ("systemctl", "daemon-reload")
    assert any("restart" in command for command in _commands(upgrade.rescue))
    assert not any("groupdel" in command for command in _commands(upgrade.rescue))


def test_a_command_that_somebody_else_put_there_stays() -> None:
    for command, linked in ((None, True), (True, True), (False, False)):
        steps = _install(Standing(command=command)).steps
        assert any(isinstance(step, Link) and step.path == plan.COMMAND for step in steps) is linked
        steps = plan.uninstall(DATA, Standing(command=command), purge=False).steps
        assert (Delete(plan.COMMAND) in steps) is (command is True)


def test_what_people_wrote_comes_back_unless_they_wrote_anew() -> None:
    standing = Standing(saved=("config.toml", "rules.toml"), configuration=("rules.toml",))
    moved = [step for step in _install(standing).steps if isinstance(step, Move)]
    assert moved == [Move(plan.SAVED / "config.toml", plan.CONFIGURATION / "config.toml")]


def test_uninstalling_hands_the_cameras_back_while_there_is_still_code_to_do_it() -> None:
    steps = plan.uninstall(DATA, UPGRADE, purge=False).steps
    stopped = steps.index(Run(("systemctl", "disable", "--now", plan.UNIT)))
    assert stopped < steps.index(HandBack()) < steps.index(Delete(plan.HOME))


def test_uninstalling_keeps_the_log_and_what_people_wrote() -> None:
    standing = Standing(configuration=("config.toml", "rules.toml"), units=(plan.UNIT,))
    steps = plan.uninstall(DATA, standing, purge=False).steps
    assert Delete(plan.STATE) not in steps
    saved = [index for index, step in enumerate(steps) if isinstance(step, Move)]
    assert [steps[index] for index in saved] == [
        Move(plan.CONFIGURATION / name, plan.SAVED / name) for name in ("config.toml", "rules.toml")
    ]
    assert max(saved) < steps.index(Delete(plan.CONFIGURATION))


def test_purging_keeps_nothing() -> None:
    standing = Standing(configuration=("config.toml",), units=(plan.UNIT,))
    steps = plan.uninstall(DATA, standing, purge=True).steps
    assert {Delete(plan.STATE), Delete(plan.CONFIGURATION)} <= set(steps)
    assert not any(isinstance(step, Move) for step in steps)


def test_what_was_put_there_is_what_is_taken_away() -> None:
    deleted = {step.path for step in plan.uninstall(DATA, UPGRADE, purge=False).steps if isinstance(step, Delete)}
    for step in _install(UPGRADE).steps:
        if isinstance(step, Write | Link):
            assert deleted & {step.path, *step.path.parents}, step.path


def test_a_group_that_was_not_there_is_not_deleted() -> None:
    tidy = plan.uninstall(DATA, Standing(units=(plan.UNIT,)), purge=False).tidy
    assert ("groupdel", plan.GROUPS[0]) not in _commands(tidy)


def test_a_packager_gets_units_alone_with_the_command_of_their_choice() -> None:
    root = Path("/build")
    made = plan.package(DATA, root, "/usr/libexec/camguard --service")
    written = {step.path: step.content for step in made.steps if isinstance(step, Write)}
    unit = written.pop(root / "usr/lib/systemd/system/camguard.service")
    assert unit == b"[Service]\nType=notify\nExecStart=/usr/libexec/camguard --service\n"
    assert written == {
        root / "usr/lib/systemd/system/camguard-udev.socket": b"[Socket]\n",
        root / "usr/lib/systemd/system/camguard-hooks.service": PACKAGED_HOOKS,
        root / "usr/lib/systemd/system/camguard-mqtt.service": b"[Service]\n",
        root / "usr/lib/systemd/catalog/camguard.catalog": b"-- 1",
        root / "usr/lib/systemd/user/camguard-tray.service": b"[Service]\nExecStart=/usr/bin/camguard tray\n",
        root / "etc/xdg/autostart/camguard-tray.desktop": b"[Desktop Entry]\nExec=/usr/bin/camguard tray\n",
        root / "usr/lib/sysusers.d/camguard.conf": DATA.sysusers,
    }
    assert _commands(made.steps) == []
    gone = {step.path for step in plan.unpackage(DATA, root).steps if isinstance(step, Delete)}
    assert gone == {step.path for step in made.steps if isinstance(step, Write)}


def test_the_tray_is_started_for_everybody_and_leaves_with_the_service() -> None:
    written = {step.path for step in _install(Standing()).steps if isinstance(step, Write)}
    tray = {plan.USER_UNITS / "camguard-tray.service", plan.AUTOSTART / "camguard-tray.desktop"}
    assert tray <= written
    steps = plan.uninstall(DATA, Standing(units=(plan.UNIT,)), purge=False).steps
    assert tray <= {step.path for step in steps if isinstance(step, Delete)}
    # The folder is the desktop's as well: it goes only where nothing is left in it.
    assert steps.index(Clear(plan.AUTOSTART)) > steps.index(Delete(plan.AUTOSTART / "camguard-tray.desktop"))


@pytest.mark.parametrize("command", ["/usr/bin/python3 -I -m camguard.service", "/x"])
def test_only_the_line_that_says_what_runs_is_changed(command: str) -> None:
    changed = plan.with_command(UNIT_TEXT, command).decode().splitlines()
    assert changed == ["[Service]", "Type=notify", f"ExecStart={command}"]


def test_the_catalog_is_compiled_when_it_comes_and_when_it_goes() -> None:
    for made in (_install(Standing()), plan.uninstall(DATA, UPGRADE, purge=False)):
        assert ("journalctl", "--update-catalog") in _commands(made.tidy)


def test_a_part_is_there_where_it_was_asked_for_and_until_it_is_sent_away() -> None:
    with_hooks = replace(UPGRADE, units=(*UPGRADE.units, "camguard-hooks.service"))
    assert chosen({"hooks": None, "mqtt": None}, UPGRADE) == frozenset()
    assert chosen({"hooks": True, "mqtt": None}, UPGRADE) == {"hooks"}
    assert chosen({"hooks": None, "mqtt": True}, with_hooks) == {"hooks", "mqtt"}
    assert chosen({"hooks": False, "mqtt": None}, with_hooks) == frozenset()


def test_a_part_starts_after_the_service_and_leaves_with_it() -> None:
    unit = plan.UNITS / "camguard-hooks.service"
    made = _install(UPGRADE, frozenset({"hooks"}))
    assert Write(unit, HOOKS_UNIT) in made.steps
    assert not any("camguard-mqtt" in str(step) for step in (*made.steps, *made.tidy))
    started = _commands(made.tidy)
    assert ("systemctl", "restart", "--no-block", "camguard-hooks.service") in started
    assert made.tidy[-1] == Delete(OLD)
    with_hooks = replace(UPGRADE, units=(*UPGRADE.units, "camguard-hooks.service"))
    gone = plan.uninstall(DATA, with_hooks, purge=False).steps
    assert gone.index(Run(("systemctl", "disable", "--now", "camguard-hooks.service"))) < gone.index(Delete(unit))
    away = _install(with_hooks).steps
    assert away.index(Run(("systemctl", "disable", "--now", "camguard-hooks.service"))) < away.index(Delete(unit))


def test_a_key_is_made_once_the_service_runs_and_only_where_it_was_asked_for() -> None:
    made = plan.install(DATA, PACKAGES, PYTHON, RELEASE, Standing(), sign=True)
    key = (str(plan.CURRENT / "bin/camguard"), "log", "key", "create", "--keep")
    assert key in _commands(made.tidy)  # where it fails nothing is put back: the service guards
    assert key not in _commands(_install(Standing()).tidy)


def _install(standing: Standing, parts: frozenset[str] = frozenset()) -> Plan:
    return plan.install(DATA, PACKAGES, PYTHON, RELEASE, standing, parts=parts)


def _commands(steps: tuple[Step, ...]) -> list[tuple[str, ...]]:
    return [step.argv for step in steps if isinstance(step, Run)]
