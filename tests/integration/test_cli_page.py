"""``camguard log --html``: a page that is whole, private, and shows hostile names as the text that they are."""

from __future__ import annotations

import os
import pty
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from camguard.activity.files import write_new
from camguard.activity.page import PLAIN_ROWS
from camguard.errors import PageError, Refused
from camguard.wording import visible
from tests.support.commands import ENVIRONMENT, Stage
from tests.support.htmlpage import Page, hash_of
from tests.support.journal_data import fill
from tests.support.lifelike import HOSTILE, hostile, household

LAST = datetime.fromisoformat("2026-10-25T20:00")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A stage with some weeks of a household in its log."""
    stage = Stage(tmp_path_factory.mktemp("home"))
    household(stage.journal, LAST)
    return stage


def page(stage: Stage, *arguments: str) -> Page:
    ran = stage.run("log", "--html", "-", *arguments)
    assert ran.exit_code == 0, ran.stderr
    return Page(ran.stdout)


def test_the_page_has_every_use_the_newest_first(home: Stage) -> None:
    found = page(home)
    logged = [line.split(",")[0] for line in home.run("log", "--limit", "0", "--csv").stdout.splitlines()[1:]]
    assert len(logged) > 50
    assert [row["id"] for row in found.rows if row] == logged[::-1]
    assert [row[0] for row in found.embedded] == logged[::-1]
    first = next(row for row in found.rows if row and "unexpected" in row["verdict"])
    assert "first use of a camera by this app" in first["verdict"]
    assert "/home/anna/bin/snap.py" in first["app"]
    for text in ("Integrated Camera", "HD Pro Webcam C920", "not watched", "unexpected or blocked", "By app"):
        assert text in found.text


def test_the_page_fetches_nothing_and_runs_nothing_but_its_own(home: Stage) -> None:
    found = page(home)
    [style], [data, script] = found.raw["style"], found.raw["script"]
    own = f"style-src {hash_of(style)}; script-src {hash_of(script)}"
    assert found.policy == f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    assert not {"img", "iframe", "object", "embed", "base", "link"} & set(found.elements)
    assert all(value is not None and value.startswith("#") for _, key, value in found.attributes if key == "href")
    assert not [key for _, key, _ in found.attributes if key.startswith("on") or key in {"src", "style", "action"}]
    assert data.isascii()


def test_what_is_asked_for_is_on_the_page_and_is_said(home: Stage) -> None:
    found = page(home, "--app", "zoom")
    assert {row["app"].split(" | ")[0] for row in found.rows if row} == {"Zoom"}
    assert 'only apps with "zoom" in their name' in found.text
    assert len(page(home, "--limit", "3").embedded) == 3
    some = page(home, "--unexpected", "--camera", "integrated")
    assert {row[8] for row in some.embedded} == {"unexpected", "blocked"}
    nothing = page(home, "--since", "2026-10-04", "--until", "2026-10-04", "--app", "<nobody>")
    assert nothing.embedded == []
    assert "No use of a camera is in this time." in nothing.text
    assert "<nobody>" in nothing.text


def test_times_not_watched_come_from_the_log(tmp_path: Path, home: Stage) -> None:
    assert "not watched" in page(home, "--since", "2026-10-06", "--until", "2026-10-06").text
    empty = page(Stage(tmp_path))
    assert empty.embedded == []
    assert "No use of a camera is in this time." in empty.text


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_is_text_and_nothing_else(tmp_path: Path, home: Stage, name: str) -> None:
    stage = Stage(tmp_path)
    hostile(stage.journal, LAST)
    found, harmless = page(stage), page(home)
    number = list(HOSTILE.values()).index(name)
    row = next(row for row in found.rows if row.get("id") == f"a{number + 1}")
    embedded = next(row for row in found.embedded if row[0] == f"a{number + 1}")
    shown = visible(name)
    for told in (row["app"].split(" | ")[0], embedded[4], embedded[6]):
        assert told.isprintable()
        assert told == shown if len(shown) <= 160 else len(told) == 160
    assert set(found.elements) <= set(harmless.elements)
    assert not {"<", ">", "&"} & set(found.raw["script"][0])  # what browsers make of a half tag differs
    assert (found.elements["script"], found.elements["b"]) == (2, harmless.elements["b"])
    assert all(mark.isprintable() or mark in "\n\N{NO-BREAK SPACE}" for mark in found.text)


def test_a_browser_without_a_script_is_told_what_it_does_not_show(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    fill(stage.journal, PLAIN_ROWS + 1)
    found = page(stage)
    assert len([row for row in found.rows if row]) == PLAIN_ROWS
    assert len(found.embedded) == PLAIN_ROWS + 1
    assert "The newest 1,000 of 1,001" in found.text


def test_the_file_is_the_owners_and_takes_no_others_place_unasked(tmp_path: Path, home: Stage) -> None:
    path = tmp_path / "week.html"
    ran = home.run("log", "--html", path)
    assert (ran.exit_code, ran.stdout) == (0, f"64 uses are on the page {path}.\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.read_text()
    again = home.run("log", "--html", path, "--limit", "1")
    assert (again.exit_code, "replace it with --force" in again.stderr) == (1, True)
    assert path.read_text() == written
    assert home.run("log", "--html", path, "--limit", "1", "--force").exit_code == 0
    assert len(Page(path.read_text()).embedded) == 1
    assert os.listdir(tmp_path) == ["week.html"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--html page.html --json", "--json, --csv and --html exclude one another"),
        ("--html page.html --follow", "cannot follow"),
        ("--force", "--force is about the file of --html"),
    ],
)
def test_what_does_not_go_together_is_told(home: Stage, arguments: str, said: str) -> None:
    ran = home.run("log", *arguments.split())
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not Path("page.html").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, home: Stage) -> None:
    ran = home.run("log", "--html", tmp_path / "none" / "page.html")
    assert ran.exit_code == 1
    assert "page.html cannot be written: No such file or directory; choose another place" in ran.stderr
    os.mkfifo(tmp_path / "pipe")
    ran = home.run("log", "--html", tmp_path / "pipe", "--force")
    assert (ran.exit_code, "is no ordinary file" in ran.stderr) == (1, True)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert home.run("log", "--html", tmp_path / "link", "--force").exit_code == 1
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_a_page_that_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(PageError, match="cannot be written: File too large"):
            write_new(tmp_path / "page.html", ["x" * 3000] * 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (tmp_path / "old.html").write_text("old")
    with pytest.raises(ValueError, match="in the middle"):
        write_new(tmp_path / "old.html", _breaking(), force=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old.html": "old"}


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def parts() -> Iterator[str]:
        yield "mine"
        (tmp_path / "page.html").write_text("another's")

    with pytest.raises(Refused, match="is there already"):
        write_new(tmp_path / "page.html", parts())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"page.html": "another's"}


def test_a_terminal_is_no_place_for_a_page(home: Stage) -> None:
    code, shown = at_terminal(home, "log", "--html", "-")
    assert (code, "a page is for a browser" in shown) == (2, True)


def test_templates_are_loaded_for_a_page_alone(home: Stage) -> None:
    program = (
        "import sys\nfrom camguard.cli import main\ntry: main(sys.argv[1:])\nfinally: print('jinja2' in sys.modules)"
    )
    for arguments, loaded in ((["log"], "False"), (["log", "--html", "-"], "True")):
        command = [sys.executable, "-c", program, "--config", str(home.config), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
        assert ran.stdout.splitlines()[-1] == loaded


def test_the_log_goes_day_by_day_in_80_columns(home: Stage) -> None:
    lines = home.run("log", "--limit", "0", COLUMNS="80").stdout.splitlines()
    assert lines[0].split() == ["ID", "BEGAN", "LASTED", "APP", "CAMERA", "USER", "VERDICT"]
    assert lines[1:3] == ["", "Thursday 1 October 2026"]
    apps = {line[lines[0].index("APP") :].split()[0] for line in lines if line.startswith("a")}
    assert apps == {"Zoom", "Firefox", "cheese", "snap.py", "update"}
    days = [line for line in lines if line.endswith(" October 2026")]
    assert len(days) == len(set(days)) > 15
    assert max(map(len, lines)) <= 80


def test_what_is_longer_than_the_terminal_is_shown_through_a_pager(home: Stage) -> None:
    pager = f'{sys.executable} -c \'import sys; [print("paged", line, end="") for line in sys.stdin]\''
    code, shown = at_terminal(home, "log", PAGER=pager)
    assert code == 0
    assert len([line for line in shown.splitlines() if line.startswith("paged")]) > 50
    assert "paged" not in at_terminal(home, "log", "--no-pager", PAGER=pager)[1]
    assert "paged" not in at_terminal(home, "log", "--limit", "3", PAGER=pager)[1]
    assert "paged" not in at_terminal(home, "log", "--csv", PAGER=pager)[1]


def at_terminal(stage: Stage, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command at a terminal of 24 lines; its exit code, and what the terminal showed."""
    person, program = pty.openpty()
    with subprocess.Popen(
        stage.command(*arguments),
        stdin=program,
        stdout=program,
        stderr=program,
        env={**ENVIRONMENT, "LINES": "24", "COLUMNS": "100", "TERM": "dumb", **environment},
        start_new_session=True,
    ) as running:
        os.close(program)
        shown = b""
        try:
            while part := os.read(person, 65536):
                shown += part
        except OSError:  # the last end at the program's side is closed: EIO, see pty(7)
            pass
        os.close(person)
    return running.returncode, shown.decode()


def _breaking() -> Iterator[str]:
    yield "half"
    raise ValueError("in the middle")
