"""Inside the test machine: the camera, programs that use it, and the guard that watches them.

On the host these tests do not run; `../conftest.py` passes on what they came to in the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.guest import Desk

_REPORTS = os.environ.get("CAMGUARD_GUEST_REPORTS")


class _Reporter:
    """Writes every report to the file that the host reads."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config, self._path = config, path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._path.open("a") as out:
            out.write(json.dumps(data, default=str) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    if _REPORTS:
        config.pluginmanager.register(_Reporter(config, Path(_REPORTS)))


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A camera, and everything that a test starts around it; all of it is ended afterwards."""
    with ExitStack() as cleanup:
        yield Desk(cleanup)
