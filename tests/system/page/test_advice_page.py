"""The advice in a real browser: read, left at once, printed; by eye, ear and keyboard, and with nothing fetched."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from camguard.advice.language import LANGUAGES
from camguard.advice.texts import Topic
from tests.support import chromium
from tests.support.chromium import Browser
from tests.support.commands import Stage

pytestmark = pytest.mark.system

TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
WITHIN_S = 30
MANY = 40
"""More presses of Tab than the page has places to stop at."""

QUESTION = {"en": "Which of these two is it?", "de": "Was davon trifft zu?"}
UNITED_KINGDOM = {"en": "United Kingdom", "de": "Vereinigtes Königreich"}
IN_SIGHT = """
const found = [...document.querySelectorAll(arguments[0])];
return found.length > 0 && found.every(each => {
  const box = each.getBoundingClientRect();
  return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
});
"""


@pytest.fixture
def window(chrome: Browser) -> Iterator[Browser]:
    """The browser as people have it at first; afterwards the page must have caused no complaint."""
    chrome.look()
    chrome.scripts(run=True)
    chrome.driver.get("about:blank")
    chrome.complaints()
    yield chrome
    assert chrome.complaints() == []


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page in each language, for somebody in the United Kingdom."""
    folder = tmp_path_factory.mktemp("pages")
    stage = Stage(tmp_path_factory.mktemp("stage"))
    found = {language: folder / f"{language}.html" for language in LANGUAGES}
    for language, path in found.items():
        ran = stage.run("advice", "--html", path, "--language", language, "--country", "GB")
        assert ran.exit_code == 0, ran.stderr
    return found


def wait_there(window: Browser, topic: Topic) -> None:
    """Wait until the browser says that the page was read on from there, which it hears after the page."""
    WebDriverWait(window.driver, WITHIN_S).until(lambda driver: driver.current_url.endswith(f"#{topic}"))


def wait_gone(window: Browser) -> None:
    WebDriverWait(window.driver, WITHIN_S).until(lambda driver: driver.current_url == "about:blank")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_keeps_people_out(
    window: Browser, pages: dict[str, Path], language: str, width: int, scheme: str
) -> None:
    window.look(width=width, scheme=scheme)
    window.open(pages[language])
    window.ask("for (const each of document.querySelectorAll('details')) each.open = true")
    window.command("Runtime.evaluate", expression=chromium.axe())
    told: dict[str, Any] = window.driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(done)"
    )
    assert [(each["id"], each["nodes"][0]["html"]) for each in told["violations"]] == []
    assert len(told["passes"]) > 20
    assert window.ask("return document.documentElement.scrollWidth") <= width
    assert window.ask("return parseFloat(getComputedStyle(document.body).fontSize)") >= 18


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_question_and_the_way_out_are_seen_at_once(
    window: Browser, pages: dict[str, Path], width: int, language: str
) -> None:
    window.look(width=width, height=844)
    window.open(pages[language])
    assert window.ask("return document.querySelector('main h2').textContent") == QUESTION[language]
    assert window.ask(IN_SIGHT, "h1, main > section:first-of-type > h2, .cases a, #exit")
    window.ask("scrollTo(0, document.documentElement.scrollHeight)")
    assert window.ask(IN_SIGHT, "#exit")


def test_nothing_is_fetched(window: Browser, pages: dict[str, Path]) -> None:
    window.open(pages["en"])
    assert window.ask("return performance.getEntriesByType('resource').map(each => each.name)") == []
    assert window.ask("return [localStorage.length, document.cookie]") == [0, ""]


@pytest.mark.parametrize("by", ["key", "button", "button by key"])
def test_the_page_is_gone_at_once_and_back_does_not_lead_to_it(
    window: Browser, pages: dict[str, Path], by: str
) -> None:
    window.command("Page.resetNavigationHistory")
    before = window.ask("return history.length")
    window.open(pages["en"])
    for topic in (Topic.CONTACT, Topic.REPORT):
        window.ask("document.querySelector(`a[href='#${arguments[0]}']`).click()", topic)
        wait_there(window, topic)
    assert window.ask("return history.length") == before + 1
    if by == "key":
        window.press(ESCAPE)
    elif by == "button":
        window.ask("document.getElementById('exit').click()")
    else:
        window.ask("document.getElementById('exit').focus()")
        window.press(ENTER)
    wait_gone(window)
    assert window.ask("return document.body.textContent") == ""
    entries = window.command("Page.getNavigationHistory")["entries"]
    assert not [entry["url"] for entry in entries if pages["en"].name in entry["url"]]
    window.driver.back()
    assert pages["en"].name not in window.driver.current_url


def test_without_a_script_there_is_a_way_out_too(window: Browser, pages: dict[str, Path]) -> None:
    window.scripts(run=False)
    window.open(pages["en"])
    window.driver.find_element("id", "exit").click()
    wait_gone(window)


def test_it_can_be_used_by_keyboard(window: Browser, pages: dict[str, Path]) -> None:
    window.open(pages["en"])
    reached: list[str] = []
    while "https://StopNCII.org" not in reached:
        assert len(reached) < MANY
        window.press(TAB)
        reached.append(
            window.ask("const e = document.activeElement; return e.getAttribute('href') || e.tagName.toLowerCase()")
        )
        assert window.ask("return getComputedStyle(document.activeElement).outlineStyle") != "none", reached
    assert reached[:3] == ["about:blank", "#email", "#contact"]
    assert "summary" in reached
    assert "tel:999" in reached


def test_a_case_is_chosen_by_keyboard_and_read_on_from_there(window: Browser, pages: dict[str, Path]) -> None:
    window.open(pages["en"])
    for _ in range(3):
        window.press(TAB)
    window.press(ENTER)
    assert window.ask("return document.activeElement.id") == "contact"
    assert window.ask(IN_SIGHT, "#contact")
    window.press(TAB)
    assert window.ask("return document.activeElement.getAttribute('href')") == "#report"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guessed_country_is_open_and_another_can_be_chosen(
    window: Browser, pages: dict[str, Path], language: str
) -> None:
    window.open(pages[language])
    opened = "return [...document.querySelectorAll('details[open] summary')].map(each => each.textContent)"
    assert window.ask(opened) == [UNITED_KINGDOM[language]]
    window.ask("document.querySelectorAll('summary')[4].click()")
    assert len(window.ask(opened)) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_can_be_printed(window: Browser, pages: dict[str, Path], tmp_path: Path, language: str) -> None:
    window.look(scheme="dark")
    window.open(pages[language])
    (tmp_path / "page.pdf").write_bytes(window.printed())
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    for shown in (
        QUESTION[language],
        UNITED_KINGDOM[language],
        "reportfraud.police.uk",
        "report@phishing.gov.uk",
        "takeitdown.ncmec.org",
    ):
        assert shown in text
    assert "Netsafe" not in text
    assert {"en": "Leave this page", "de": "Weg von hier"}[language] not in text
