"""The end of the service: what stays, what comes back, and that nothing is left. These tests follow one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from camguard.core.power import Power
from camguard.ipc import calls
from tests.support.guest import WEBCAM, WEBCAM_LINK, until
from tests.support.installed import CONFIGURATION, JOURNAL, KEY, FromWheel, client, files_of_the_machine, show

pytestmark = pytest.mark.system

_WRITTEN = "# written by a person\n"


def test_uninstalling_keeps_the_log_and_what_people_wrote_and_leaves_the_cameras_on(
    service: FromWheel, untouched: set[str]
) -> None:
    CONFIGURATION.write_text(_WRITTEN)
    with client() as caller:
        caller.call(calls.Switch(Power.OFF, WEBCAM), timeout_s=60)
    assert not WEBCAM_LINK.exists()
    done = service.run("service", "uninstall", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    until("the webcam is back", WEBCAM_LINK.exists)
    left = files_of_the_machine() - untouched
    assert all(path.startswith("/var/lib/camguard") for path in left), left
    assert {str(JOURNAL), str(KEY)} <= left  # what it signed can be checked still


def test_a_later_install_puts_back_what_people_wrote_and_a_purge_leaves_nothing(
    service: FromWheel, untouched: set[str]
) -> None:
    done = service.run("service", "install", "--no-start")
    assert done.returncode == 0, done.stderr
    assert show("ActiveState") == "inactive"
    assert CONFIGURATION.read_text() == _WRITTEN
    done = service.run("service", "uninstall", "--yes", "--purge")
    assert (done.returncode, done.stderr) == (0, "")
    assert files_of_the_machine() == untouched
    assert not KEY.exists()
    assert "camguard" not in Path("/etc/group").read_text()
