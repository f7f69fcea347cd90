"""Runs the tests of `guest/` inside the test machine and reports each as a test of this run.

They are collected here like any others. When the first of them is due the machine is started once, with all that were
chosen; each writes its reports to a shared folder as it goes (see `guest/conftest.py`), and here they are passed on.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import vm

GUEST = Path(__file__).with_name("guest")
TIME_LIMIT = 900  # seconds for all of them, so that a machine that hangs ends the run
_relay = pytest.StashKey["Relay"]()


class Relay:
    """One run of the machine, and the reports that came out of it."""

    def __init__(self, config: pytest.Config, folder: Path, tests: list[str]) -> None:
        self._config = config
        self._folder = folder
        self._log = folder / "guest.log"
        self._reports = folder / "reports"
        self._reports.touch()
        self._read_to = 0
        self._known: dict[str, list[pytest.TestReport]] = {}
        pytest_in_guest = ["python3", "-m", "pytest", "-p", "no:cacheprovider", "-m", "system", "-v", "--tb=short"]
        with self._log.open("w") as log:
            self._machine = vm.start(
                *("--uvc", "--timeout", str(TIME_LIMIT), "--rw", folder, "--"),
                *("env", f"CAMGUARD_GUEST_REPORTS={self._reports}", *pytest_in_guest, *tests),
                output=log.fileno(),
            )

    def reports(self, test: str) -> list[pytest.TestReport]:
        """All reports on one test, once it is over; none where the machine ended before."""
        while True:
            ended = self._machine.poll() is not None
            self._read()
            found = self._known.get(test, [])
            if found and found[-1].when == "teardown":
                return found
            if ended:
                return []
            time.sleep(0.1)

    def end_of_log(self) -> str:
        """What the machine said last, for a failure's text."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])

    def close(self) -> None:
        """Stop the machine and delete what it wrote."""
        vm.stop(self._machine)
        shutil.rmtree(self._folder)

    def _read(self) -> None:
        with self._reports.open() as lines:
            lines.seek(self._read_to)
            while (line := lines.readline()).endswith("\n"):
                self._read_to = lines.tell()
                self._take(json.loads(line))

    def _take(self, data: dict[str, Any]) -> None:
        report = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
        if isinstance(report.longrepr, list):  # a skip's place and reason, which JSON made a list
            path, number, reason = report.longrepr
            report.longrepr = (path, number, reason)
        self._known.setdefault(report.nodeid, []).append(report)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if vm.IN_GUEST or vm.REQUIRED:
        return
    here = [item for item in items if item.path.is_relative_to(GUEST.parent)]
    reason = vm.missing() if here else None
    if reason:
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    if vm.IN_GUEST or not item.path.is_relative_to(GUEST) or item.get_closest_marker("skip"):
        return None
    relay = item.session.stash.get(_relay, None) or _start(item.session)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in relay.reports(item.nodeid) or [_lost(item, relay)]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    relay = session.stash.get(_relay, None)
    if relay:
        relay.close()


def _start(session: pytest.Session) -> Relay:
    folder = Path(tempfile.mkdtemp(prefix="camguard-guest-"))
    tests = [item.nodeid for item in session.items if item.path.is_relative_to(GUEST)]
    session.stash[_relay] = Relay(session.config, folder, tests)
    return session.stash[_relay]


def _lost(item: pytest.Item, relay: Relay) -> pytest.TestReport:
    why = f"the test machine ended before this test was over; it said last:\n{relay.end_of_log()}"
    return pytest.TestReport(item.nodeid, item.location, dict.fromkeys(item.keywords, 1), "failed", why, "call")


@pytest.fixture
def machines() -> Iterator[list[subprocess.Popen[str]]]:
    """Machines that a test starts itself; they are stopped afterwards."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for machine in started:
        vm.stop(machine)
