"""The activity page in a real browser: opened, searched, filtered, turned over, printed; by eye, ear and keyboard."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from camguard.activity.page import PLAIN_ROWS
from tests.support import chromium
from tests.support.chromium import Browser
from tests.support.commands import Stage
from tests.support.journal_data import fill
from tests.support.lifelike import HOSTILE, hostile, household

pytestmark = pytest.mark.system

LAST = datetime.fromisoformat("2026-10-25T20:00")
SIZES = (1_000, 50_000)
TITLE = "Camera activity"
TAB = "\ue004"
MANY = 40
"""More presses of Tab than the page has places to stop at."""

SET = """
const field = document.getElementById(arguments[0]);
field.value = arguments[1];
field.dispatchEvent(new Event("input", {bubbles: true}));
"""


@pytest.fixture
def window(chrome: Browser) -> Iterator[Browser]:
    """The browser as people have it at first; afterwards the page must have caused no complaint."""
    chrome.look()
    chrome.scripts(run=True)
    chrome.complaints()
    yield chrome
    assert chrome.complaints() == []


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str | int, Path]:
    """Pages that camguard wrote, by what is on them."""
    folder = tmp_path_factory.mktemp("pages")
    found: dict[str | int, Path] = {}
    for name in ("home", "hostile", *SIZES):
        stage = Stage(tmp_path_factory.mktemp("stage"))
        if name == "home":
            household(stage.journal, LAST)
        elif name == "hostile":
            hostile(stage.journal, LAST)
        elif isinstance(name, int):
            fill(stage.journal, name)
        found[name] = folder / f"{name}.html"
        ran = stage.run("log", "--html", found[name])
        assert ran.exit_code == 0, ran.stderr
    return found


def extent(window: Browser) -> str:
    text: str = window.ask("return document.getElementById('extent').textContent")
    return text


def cells(window: Browser, style: str) -> list[str]:
    found: list[str] = window.ask(
        "return [...document.querySelectorAll('#rows .' + arguments[0])].map(cell => cell.textContent.trim())", style
    )
    return found


def choose(window: Browser, field: str, label: str) -> None:
    """Choose what is called so in a list."""
    value = window.ask(
        "return [...document.getElementById(arguments[0]).options].find(each => each.text === arguments[1]).value",
        field,
        label,
    )
    window.ask(SET, field, value)


@pytest.mark.parametrize("size", SIZES)
def test_however_many_they_are_all_can_be_reached(window: Browser, pages: dict[str | int, Path], size: int) -> None:
    window.open(pages[size])
    assert extent(window) == f"1 to 100 of {size:,}, the newest first."
    assert cells(window, "id") == [f"a{number}" for number in range(size, size - 100, -1)]
    window.ask("document.getElementById('older').click()")
    assert extent(window) == f"101 to 200 of {size:,}, the newest first."
    assert cells(window, "id")[0] == f"a{size - 100}"
    window.ask(SET, "size", "2000")
    assert extent(window) == f"1 to {min(size, 2000):,} of {size:,}, the newest first."
    window.ask(SET, "words", "a1")
    assert cells(window, "id") == ["a1"]


@pytest.mark.parametrize("size", SIZES)
def test_without_a_script_the_newest_are_shown_and_the_rest_is_told(
    window: Browser, pages: dict[str | int, Path], size: int
) -> None:
    window.scripts(run=False)
    window.open(pages[size])
    window.scripts(run=True)  # for this test's own questions: what stands there came without
    assert cells(window, "id") == [f"a{number}" for number in range(size, size - PLAIN_ROWS, -1)]
    assert ("A browser that runs JavaScript" in extent(window)) is (size > PLAIN_ROWS)
    assert window.ask("return document.getElementById('filters').hidden") is True


def test_searching(window: Browser, pages: dict[str | int, Path]) -> None:
    window.open(pages["home"])
    everything = extent(window)
    window.ask(SET, "words", "SNAP first use")
    assert {name.split("/")[0] for name in cells(window, "app")} == {"snap.py"}
    assert extent(window) == "1 to 3 of 3 that match, of 64, the newest first."
    window.ask(SET, "words", "nobody of that name")
    assert extent(window) == "None of 64 matches."
    assert cells(window, "id") == []
    window.ask("document.querySelector('#filters button').click()")
    window.driver.execute_async_script("setTimeout(arguments[0])")
    assert extent(window) == everything


def test_filtering(window: Browser, pages: dict[str | int, Path]) -> None:
    window.open(pages["home"])
    choose(window, "sort", "unexpected or blocked")
    assert {text.split("first")[0] for text in cells(window, "verdict")} == {"unexpected", "blocked"}
    choose(window, "sort", "looked only")
    choose(window, "camera", "HD Pro Webcam C920")
    assert set(cells(window, "verdict")) == {"looked only"}
    assert set(cells(window, "camera")) == {"HD Pro Webcam C920"}
    choose(window, "sort", "all")
    choose(window, "app", "cheese")
    assert {name.split("/")[0] for name in cells(window, "app")} == {"cheese"}
    window.ask(SET, "from", "2026-10-10")
    window.ask(SET, "to", "2026-10-20")
    days = {text[:10] for text in cells(window, "when")}
    assert days
    assert all("2026-10-10" <= day <= "2026-10-20" for day in days)


def test_hostile_names_are_text(window: Browser, pages: dict[str | int, Path]) -> None:
    window.open(pages["hostile"])
    assert window.driver.title == TITLE
    assert len(cells(window, "id")) == len(HOSTILE)
    assert window.ask("return document.querySelectorAll('main a, #rows b, main script').length") == 0
    shown = " ".join(cells(window, "app"))
    for text in ("--help", "<b>bold</b>", "</script><script>", "\\u202egnp.exe", "\\x1b[31m", "{{ 7 * 7 }}"):
        assert text in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["home", "hostile"])
def test_nothing_keeps_people_out(
    window: Browser, pages: dict[str | int, Path], name: str, width: int, scheme: str
) -> None:
    window.look(width=width, scheme=scheme)
    window.open(pages[name])
    window.ask("for (const each of document.querySelectorAll('details')) each.open = true")
    window.command("Runtime.evaluate", expression=chromium.axe())
    told: dict[str, Any] = window.driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(done)"
    )
    assert [(each["id"], each["nodes"][0]["html"]) for each in told["violations"]] == []
    assert len(told["passes"]) > 20
    assert window.ask("return document.documentElement.scrollWidth") <= width


def test_it_can_be_used_by_keyboard(window: Browser, pages: dict[str | int, Path]) -> None:
    window.open(pages["home"])
    reached: list[str] = []
    while "size" not in reached:
        assert len(reached) < MANY
        window.press(TAB)
        reached.append(
            window.ask("const e = document.activeElement; return e.id || e.className || e.tagName.toLowerCase()")
        )
        assert window.ask("return getComputedStyle(document.activeElement).outlineStyle") != "none", reached
    assert reached[0] == "skip"
    fields = [name for name in dict.fromkeys(reached) if name in {"words", "sort", "app", "camera", "from", "to"}]
    assert fields == ["words", "sort", "app", "camera", "from", "to"]


def test_it_can_be_printed(window: Browser, pages: dict[str | int, Path], tmp_path: Path) -> None:
    window.look(scheme="dark")
    window.open(pages["home"])
    (tmp_path / "page.pdf").write_bytes(window.printed())
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    for said in (TITLE, "Integrated Camera", "not watched", "unexpected", "By app", "snap.py", "camguard log verify"):
        assert said in text
    assert "Show all again" not in text
    assert text.count("first use") == 5
