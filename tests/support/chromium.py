"""Debian's Chromium without a window, and axe-core, which looks for what keeps people out of a page."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import os
import shutil
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium import webdriver

PATIENCE_S = 180.0
"""How long a script may take in a page: looking through all of a long one takes a busy machine more than its usual 30.
"""

AXE = "4.14.1"
_AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
_AXE_URL = f"https://registry.npmjs.org/axe-core/-/axe-core-{AXE}.tgz"
_INSTALL = "sudo apt-get install chromium chromium-driver poppler-utils"
_PROGRAMS = ("chromium", "chromedriver", "pdftotext")


def missing() -> str | None:
    """What the tests in a browser lack, with the command that supplies it; None where they lack nothing."""
    absent = [name for name in _PROGRAMS if shutil.which(name) is None]
    if not absent and importlib.util.find_spec("selenium") is None:
        return "the package selenium is not installed; pip install -e '.[dev]'"
    return f"{', '.join(absent)} not found; {_INSTALL}" if absent else None


def axe() -> str:
    """The script of axe-core, fetched once from npm's registry and kept in the user's cache.

    Raises OSError where it cannot be had, ValueError where it is not the one that was pinned.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "camguard-tests" / f"axe-core-{AXE}.tgz"
    if not cache.exists():
        with urllib.request.urlopen(_AXE_URL, timeout=60) as answer:
            fetched = answer.read()
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_bytes(fetched)
    packed = cache.read_bytes()
    if hashlib.sha256(packed).hexdigest() != _AXE_SHA256:
        cache.unlink()
        raise ValueError(f"{_AXE_URL} is not the package that was pinned")
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:
        member = package.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


class Browser:
    """One Chromium, which reads files only."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path) -> None:
        """Open a file and wait until all of it is there and its script has run."""
        self.driver.get(path.as_uri())

    def ask(self, script: str, *arguments: Any) -> Any:
        """What a function's body returns."""
        return self.driver.execute_script(script, *arguments)

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def look(self, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """How large the window is, and whether the person likes it light or dark."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self.command(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}], media=""
        )

    def press(self, key: str) -> None:
        """Press a key, one of `selenium.webdriver.Keys`, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def scripts(self, *, run: bool) -> None:
        """Whether pages that are opened from now on may run scripts."""
        self.command("Emulation.setScriptExecutionDisabled", value=not run)

    def printed(self) -> bytes:
        """The page as PDF, on A4."""
        told = self.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
        return base64.b64decode(told["data"])

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.command("Page.captureScreenshot")["data"])

    def complaints(self) -> list[str]:
        """What the page, or the browser about it, has put on the console since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@contextmanager
def browser(*more: str, program: str | None = None) -> Iterator[Browser]:
    """A Chromium, with more arguments, for as long as the context lasts; `program` is what starts it, else itself."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program or shutil.which("chromium") or ""
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", *more):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own sandbox refuses root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    driver.set_script_timeout(PATIENCE_S)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
