"""The page of an export in a real browser, on a screen, on a phone and on paper."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import chromium
from tests.support.chromium import Browser
from tests.support.commands import Stage
from tests.support.exported import Export
from tests.support.lifelike import hostile, household

pytestmark = pytest.mark.system

LAST = datetime.fromisoformat("2026-10-25T20:00")


@pytest.fixture(params=[household, hostile], ids=["household", "hostile"])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    stage = Stage(tmp_path)
    request.param(stage.journal, LAST)
    assert stage.run("log", "export", tmp_path / "out.zip").exit_code == 0
    return Export(tmp_path / "out.zip", tmp_path / "out").folder / "report.html"


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_every_width_and_nothing_is_complained_of(chrome: Browser, page: Path, width: int) -> None:
    chrome.look(width=width)
    chrome.complaints()
    chrome.open(page)
    assert chrome.ask("return document.documentElement.scrollWidth <= window.innerWidth")
    assert chrome.ask("return document.scripts.length + performance.getEntriesByType('resource').length") == 0
    assert chrome.ask(chromium.axe() + "return axe.run().then(found => found.violations.map(each => each.id))") == []
    assert chrome.complaints() == []


def test_it_is_printed_with_every_use_and_page_numbers(chrome: Browser, page: Path, tmp_path: Path) -> None:
    chrome.look()
    chrome.open(page)
    uses = chrome.ask("return [...document.querySelectorAll('article h3')].map(each => each.textContent)")
    pdf = tmp_path / "page.pdf"
    pdf.write_bytes(chrome.printed())
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    assert set(uses) <= {line.strip() for line in text.replace("\f", "\n").splitlines()}
    assert "What this says, and what it cannot say" in text
    subprocess.run(["pdftoppm", "-r", "40", "-png", pdf, tmp_path / "sheet"], check=True)
    sheets = sorted(tmp_path.glob("sheet*.png"))
    assert len(sheets) == text.count("\f")
    assert all(sheet.stat().st_size > 2_000 for sheet in sheets)
