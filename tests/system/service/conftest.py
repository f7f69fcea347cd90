"""The service, installed from its wheel, for all tests of this folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.installed import CONFIGURATION, RULES, FromWheel, files_of_the_machine, restart, show


@pytest.fixture(scope="session")
def wheel() -> Iterator[FromWheel]:
    with tempfile.TemporaryDirectory(prefix="wheel-", dir="/opt") as folder:
        Path(folder).chmod(0o755)
        yield FromWheel(Path(folder), Path(os.environ["CAMGUARD_WHEEL"]))


@pytest.fixture(scope="session")
def untouched(wheel: FromWheel) -> set[str]:
    """All files that there were before the service was installed."""
    return files_of_the_machine()


@pytest.fixture(scope="session")
def service(wheel: FromWheel, untouched: set[str]) -> Iterator[FromWheel]:
    """The service, installed and active, its log signed. The tests of its end come last, and leave nothing of it."""
    done = wheel.run("service", "install", "--sign")
    assert done.returncode == 0, done.stderr
    assert (show("ActiveState"), show("UnitFileState")) == ("active", "enabled")
    yield wheel
    wheel.run("service", "uninstall", "--purge", "--yes")


@pytest.fixture
def configured(service: FromWheel) -> Iterator[Callable[[str], None]]:
    """Has the service start anew with a configuration; it has none again afterwards, and no rules."""

    def configure(text: str) -> None:
        CONFIGURATION.write_text(text)
        restart()

    yield configure
    CONFIGURATION.unlink(missing_ok=True)
    RULES.unlink(missing_ok=True)
    restart()
