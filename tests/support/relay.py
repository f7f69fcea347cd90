"""Tests that run inside the test machine and appear in pytest's output on the host: both ends.

Inside, `Reporter` writes each report to a shared file as it comes; on the host, `Relay` runs the machine and reads
them.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.support import vm

CPUS = 1
"""Processors of a machine for tests. Emulated ones now and then miss what one tells the other, and wait for ever; with
one there is nobody to wait for, and two machines have a processor of the host each."""

TIME_LIMIT = 1_200  # seconds for all tests of one machine, so that one that hangs ends the run
MACHINES = 3  # at most, for the tests of one folder: an emulated machine's kernel may lock up, whatever runs on it
_VARIABLE = "CAMGUARD_GUEST_REPORTS"


class Reporter:
    """Writes every report to the file that the host reads."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config, self._path = config, path

    @classmethod
    def register(cls, config: pytest.Config) -> None:
        """Report to the host, where one waits for it."""
        path = os.environ.get(_VARIABLE)
        if path:
            config.pluginmanager.register(cls(config, Path(path)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._path.open("a") as out:
            out.write(json.dumps(data, default=str) + "\n")


class Relay:
    """The tests of one machine, and the reports that came out of it.

    A machine that ends before its tests do (an emulated kernel may lock up) is replaced by a new one for the tests that
    are left. The test in which it ended is run again, once: a test that ends two machines is lost.

    `folder` is shared with the machine, and deleted in the end; `options` are for ``vm run``, `environment` is for the
    tests.
    """

    def __init__(
        self,
        config: pytest.Config,
        folder: Path,
        tests: list[str],
        options: tuple[str, ...] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._config = config
        self._folder = folder
        self._left = dict.fromkeys(tests)
        self._options = options
        self._log = folder / "guest.log"
        self._reports = folder / "reports"
        self._reports.touch()
        self._read_to = 0
        self._known: dict[str, list[pytest.TestReport]] = {}
        self._environment = {**environment, _VARIABLE: str(self._reports)}
        self._started = 0
        self._suspect: str | None = None
        self._start()

    def reports(self, test: str) -> list[pytest.TestReport]:
        """All reports on one test, once it is over; none where the machine ended before."""
        while True:
            ended = self._machine.poll() is not None
            self._read()
            if test not in self._left:
                return self._known[test]
            if ended and not self._replaced():
                return []
            time.sleep(0.1)

    def end_of_log(self) -> str:
        """What the machine said last, for a failure's text."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])

    def close(self) -> None:
        """Stop the machine and delete what it wrote."""
        vm.stop(self._machine)
        shutil.rmtree(self._folder)

    def _start(self) -> None:
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        pytest_in_guest = ["python3", "-m", "pytest", "-p", "no:cacheprovider", "-m", "system", "-v", "--tb=short"]
        self._started += 1
        with self._log.open("a") as log:
            self._machine = vm.start(
                *("--uvc", *self._options, "--timeout", str(TIME_LIMIT), "--rw", str(self._folder), "--"),
                *("env", *variables, *pytest_in_guest, *self._left),
                output=log.fileno(),
                cpus=CPUS,
            )

    def _replaced(self) -> bool:
        """Have the tests that are left run in a new machine; whether that is worth it."""
        if not self._known or self._started == MACHINES:
            return False
        first = next(iter(self._left))
        if first == self._suspect:
            return False
        self._suspect = first
        self._known.pop(first, None)
        os.truncate(self._reports, self._read_to)  # a line that was being written
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"\nthe test machine ended in {first}; a new one goes on. It said last:")
            terminal.write_line(self.end_of_log())
        self._start()
        return True

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
        if report.when == "teardown":
            self._left.pop(report.nodeid, None)
