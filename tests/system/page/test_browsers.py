"""Who a real browser's capture process is, and that ending it leaves the browser and lets the page know."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.support.ui import WebDriverWait

from camguard.core.model import Result
from camguard.platform.linux.control import LinuxControl
from camguard.platform.linux.identity import LinuxIdentifier
from tests.support import chromium
from tests.support.actors import facts
from tests.support.chromium import Browser

pytestmark = pytest.mark.system

PAGE = """\
<!doctype html><title>asking</title><script>
const start = () => navigator.mediaDevices.getUserMedia({video: true}).then(stream => {
  stream.getVideoTracks()[0].onended = () => { document.title = "ended"; };
  document.title = "live";
}, error => { document.title = String(error); });
start();
</script>
"""
CAPTURE = "--utility-sub-type=video_capture.mojom.VideoCaptureService"
WITHIN_S = 30


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium whose page takes pictures from a camera that the browser pretends to have."""
    page = tmp_path_factory.mktemp("page") / "camera.html"
    page.write_text(PAGE)
    with chromium.browser("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as found:
        found.open(page)
        wait(found, "live")
        yield found


def wait(browser: Browser, title: str) -> None:
    WebDriverWait(browser.driver, WITHIN_S).until(lambda driver: driver.title == title)


def capture(browser: Browser) -> psutil.Process:
    """The process of this browser that takes the pictures."""
    service = browser.driver.service
    found = []
    for process in psutil.Process(service.process.pid).children(recursive=True):
        try:
            if CAPTURE in process.cmdline():
                found.append(process)
        except psutil.Error:  # it ended meanwhile
            continue
    [only] = found
    return only


def main_of(process: psutil.Process) -> psutil.Process:
    """The browser itself: the one above that is no helper."""
    program, above = process.exe(), process.parent()
    while above is not None and above.exe() == program:
        if not any(word.startswith("--type=") for word in above.cmdline()):
            return above
        above = above.parent()
    raise AssertionError(f"no browser above process {process.pid}")


def test_the_capture_process_is_named_as_the_browser(watched: Browser) -> None:
    helper = capture(watched)
    app, details = LinuxIdentifier().identify(facts(helper.pid))
    browser, _ = LinuxIdentifier().identify(facts(main_of(helper).pid))
    assert app == browser
    assert app.name == "Chromium"
    assert app.allowable
    assert CAPTURE in " ".join(details.command)  # Chromium's helpers write their command line as one word
    assert details.warning is None


def test_ending_the_capture_process_leaves_the_browser(watched: Browser, tmp_path: Path) -> None:
    helper = capture(watched)
    browser = main_of(helper)
    process = facts(helper.pid)
    assert process.kinship == facts(browser.pid).kinship  # they look alike, and only the one that holds is ended
    outcome = LinuxControl(others=True).end(process, lambda _: None)
    assert outcome.result is Result.ENDED
    wait(watched, "ended")
    assert browser.is_running()
    assert watched.ask("return 6 * 7") == 42
    watched.ask("start()")
    wait(watched, "live")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="sudo apt-get install chromium")
def test_debian_has_the_program_that_people_call_chromium_in_a_package() -> None:
    program = "/usr/lib/chromium/chromium"
    app = LinuxIdentifier().identify_file(program)
    assert (app.name, app.identity.kind, app.identity.id, app.identity.path) == (
        "Chromium", "package", "chromium", program,
    )  # fmt: skip
