"""What every test starts from."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine stalls now and then: how long one example took says nothing.
settings.register_profile("camguard", deadline=None, print_blob=True)
settings.load_profile("camguard")

MOST_PROCESSES = 4
"""More at once gain little, since each imports everything anew, and make a machine that does other things stall."""


def pytest_configure() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and so would what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process for each processor where whole folders of the usual tests run; else all in this one.

    Those with a desktop, a virtual machine or a stopwatch want it for themselves, and a file or two is done sooner.
    """
    usual = "not system" in config.option.markexpr
    folders = all(os.path.isdir(path) for path in config.args)
    processors = len(os.sched_getaffinity(0))
    return min(processors, MOST_PROCESSES) if usual and folders and processors > 1 else 0


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users can reach and whose path is short enough for a socket's, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="camguard-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is read: no configuration that their environment names."""
    monkeypatch.delenv("CAMGUARD_CONFIG", raising=False)
