"""Runs the tests of `guest/` and `service/` inside test machines and reports each as a test of this run.

They are collected here like any others. When the first is due, a machine for each folder is started once, with all of
its tests that were chosen; each writes its reports to a shared folder as it goes (see `tests/support/relay.py`),
and here they are passed on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import chromium, desktop, vm
from tests.support.guest import Desk
from tests.support.relay import Relay, Reporter

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PLAIN = HERE / "guest"
"""A machine without systemd, where the tests start the guard."""
SYSTEMD = HERE / "service"
"""A machine under systemd, where camguard is installed from a wheel."""
BROWSER = HERE / "page"
"""What needs no machine but a browser."""
DESKTOP = HERE / "desktop"
"""What needs no machine but a desktop that nobody sees."""

PASSED_ON = ("CAMGUARD_KILLS", "CAMGUARD_CAPTURES", "CAMGUARD_VIVIDS", "CAMGUARD_SEED")
"""What a person may say about the tests in a machine: see test_crash_vm.py and test_captures.py."""

_relays = pytest.StashKey[dict[Path, Relay]]()


def pytest_configure(config: pytest.Config) -> None:
    Reporter.register(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if vm.IN_GUEST or vm.REQUIRED:
        return
    here = [item for item in items if item.path.is_relative_to(HERE)]
    in_browser = [item for item in here if item.path.is_relative_to(BROWSER)]
    on_desktop = [item for item in here if item.path.is_relative_to(DESKTOP)]
    _skip(in_browser, chromium.missing)
    _skip(on_desktop, desktop.missing)
    _skip([item for item in here if item not in in_browser and item not in on_desktop], vm.missing)


def _skip(items: list[pytest.Item], missing: Callable[[], str | None]) -> None:
    """Skip tests that lack what they need, and say what that is."""
    reason = missing() if items else None
    for item in items if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason or ""))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    machine = _machine(item)
    if vm.IN_GUEST or machine is None or item.get_closest_marker("skip"):
        return None
    relay = _running(item.session)[machine]
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in relay.reports(item.nodeid) or [_lost(item, relay)]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    for relay in session.stash.get(_relays, {}).values():
        relay.close()


def _machine(item: pytest.Item) -> Path | None:
    """The folder whose machine a test is for; None for one that runs here."""
    return next((folder for folder in (PLAIN, SYSTEMD) if item.path.is_relative_to(folder)), None)


def _running(session: pytest.Session) -> dict[Path, Relay]:
    """All machines that there are tests for: they are started together, and work side by side."""
    if _relays not in session.stash:
        wanted = {machine for item in session.items if (machine := _machine(item)) is not None}
        session.stash[_relays] = {machine: _start(session, machine) for machine in sorted(wanted)}
    return session.stash[_relays]


def _start(session: pytest.Session, machine: Path) -> Relay:
    folder = Path(tempfile.mkdtemp(prefix="camguard-guest-"))
    tests = [item.nodeid for item in session.items if item.path.is_relative_to(machine)]
    given = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    if machine == PLAIN:
        return Relay(session.config, folder, tests, (), {**given, "CAMGUARD_CAPTURE_PROGRAM": str(_capture(folder))})
    return Relay(session.config, folder, tests, ("--systemd",), {**given, "CAMGUARD_WHEEL": str(_wheel(folder))})


def _wheel(folder: Path) -> Path:
    """The project as pip would install it. Where it cannot be built, so is said, and no test of it is run."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(folder), str(PROJECT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise pytest.UsageError(f"no wheel of camguard could be built:\n{done.stdout}{done.stderr}")
    return next(folder.glob("camguard-*.whl"))


def _capture(folder: Path) -> Path:
    """The program that captures are made by, for any Linux: the machine has no compiler, and another C library."""
    program = folder / "capture"
    command = ["cc", "-O2", "-static", "-o", str(program), str(HERE / "capture.c")]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", None) or error
        raise pytest.UsageError(f"tests/system/capture.c is not compiled (apt install gcc libc6-dev): {why}") from error
    return program


def _lost(item: pytest.Item, relay: Relay) -> pytest.TestReport:
    why = f"the test machine ended before this test was over; it said last:\n{relay.end_of_log()}"
    return pytest.TestReport(item.nodeid, item.location, dict.fromkeys(item.keywords, 1), "failed", why, "call")


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Inside a machine: a camera, and everything that a test starts around it; all of it is ended afterwards."""
    with ExitStack() as cleanup:
        yield Desk(cleanup)


@pytest.fixture
def machines() -> Iterator[list[subprocess.Popen[str]]]:
    """Machines that a test starts itself; they are stopped afterwards."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for machine in started:
        vm.stop(machine)
