"""``camguard service`` on a machine that it must not change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_NOBODY = 65534


def test_a_dry_run_names_each_file_and_command_and_changes_nothing() -> None:
    before = [Path(path).exists() for path in ("/opt/camguard", "/etc/systemd/system/camguard.service")]
    done = _camguard("service", "install", "--dry-run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "file    0644 /etc/systemd/system/camguard.service" in lines
    assert any(line.startswith("file    0644 ") and line.endswith("site-packages/camguard/guard.py") for line in lines)
    assert "run          systemctl enable camguard.service" in lines
    assert lines.index("run          systemctl daemon-reload") < lines.index(
        "run          systemctl enable camguard.service"
    )
    assert before == [Path(path).exists() for path in ("/opt/camguard", "/etc/systemd/system/camguard.service")]


def test_without_a_start_nothing_is_started() -> None:
    done = _camguard("service", "install", "--dry-run", "--no-start")
    assert done.returncode == 0, done.stderr
    assert "systemctl daemon-reload" in done.stdout
    assert "systemctl restart" not in done.stdout
    assert "systemctl enable" not in done.stdout


def test_a_packagers_root_takes_no_code_and_runs_nothing(tmp_path: Path) -> None:
    dry = _camguard("service", "install", "--dry-run", "--root", str(tmp_path))
    assert dry.returncode == 0, dry.stderr
    assert list(tmp_path.iterdir()) == []
    done = _camguard("service", "install", "--root", str(tmp_path), "--exec", "/usr/libexec/camguardd --now")
    assert (done.returncode, done.stderr) == (0, "")
    assert "run " not in done.stdout
    put = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert put == [
        "etc/xdg/autostart/camguard-tray.desktop",
        "usr/lib/systemd/catalog/camguard.catalog",
        "usr/lib/systemd/system/camguard-hooks.service",
        "usr/lib/systemd/system/camguard-mqtt.service",
        "usr/lib/systemd/system/camguard-udev.socket",
        "usr/lib/systemd/system/camguard.service",
        "usr/lib/systemd/user/camguard-tray.service",
        "usr/lib/sysusers.d/camguard.conf",
    ]
    unit = (tmp_path / "usr/lib/systemd/system/camguard.service").read_text()
    assert "\nExecStart=/usr/libexec/camguardd --now\n" in unit
    done = _camguard("service", "uninstall", "--root", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("install", "--exec", "/usr/bin/true"), "--exec belongs to --root"),
        (("install", "--root", "/x", "--no-start"), "--no-start has no meaning with --root"),
        (("install", "--root", "/x", "--exec", "python3"), "begins with the path"),
        (("install", "--root", "/x", "--exec", "/bin/true\nUser=root"), "one line"),
        (("uninstall", "--root", "/x", "--purge"), "--purge has no meaning with --root"),
    ],
)
def test_words_that_do_not_go_together_are_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    done = _camguard("service", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user; run: sudo python -m pytest")
@pytest.mark.parametrize("arguments", [("install",), ("uninstall", "--yes"), ("restart",)])
def test_who_is_not_root_is_told_so(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    child = os.fork()
    if child == 0:
        _as_nobody(arguments)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert "run it as root" in capfd.readouterr().err


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this machine")
def test_without_systemd_it_is_said_what_to_do_instead() -> None:
    done = _camguard("service", "status")
    assert done.returncode == 1
    assert "camguard watch" in done.stderr


def _as_nobody(arguments: tuple[str, ...]) -> None:
    """Only after importing: nobody may not read a checkout below root's home."""
    from camguard.cli import main, service  # noqa: F401
    from camguard.install import tasks  # noqa: F401

    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    try:
        main(["service", *arguments])
    except SystemExit as end:
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 99)
    os._exit(98)


def _camguard(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "camguard", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
