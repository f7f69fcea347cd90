"""``camguard was-on`` over real logs."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from camguard.core.coverage import LEAPT, Watch
from camguard.core.events import Kind, Report
from camguard.core.model import Judgement, State
from camguard.core.records import moment as told
from camguard.journal.coverage import MOST_USES, checked, coverage
from camguard.journal.lock import GuardLock
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.commands import ENVIRONMENT, Stage
from tests.support.fouranswers import QUESTIONS, ZONE, captures, week
from tests.support.journal_data import CAMERA, CHEESE, SCRIPT, START_NS, FixedClock, fill, life, moment, simple
from tests.support.lifelike import second_of

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def write(stage: Stage, *reports: Report) -> None:
    journal = Journal.open(stage.journal, FixedClock())
    journal.append(reports)
    journal.close()


def when(second: float) -> str:
    """A time so many seconds after the log's beginning, as it may be written."""
    return datetime.fromtimestamp(START_NS / 10**9 + second).astimezone().isoformat()


def ask(stage: Stage, second: float, *options: str, within: str = "2m") -> tuple[int, dict[str, Any]]:
    ran = stage.run("was-on", when(second), "--within", within, "--json", *options)
    assert ran.stderr == ""
    found: dict[str, Any] = json.loads(ran.stdout)
    return ran.exit_code, found


def test_the_readme_shows_the_four_answers_as_they_are(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    shown = captures(tmp_path)
    assert [capture.splitlines()[3].split(".")[0].split(":")[0] for capture in shown] == [
        "No",
        "Yes",
        "In part",
        "Not known",
    ]
    for capture in shown:
        assert capture in text


def test_programs_can_tell_the_four(stage: Stage) -> None:
    week(stage.journal)
    ran = [stage.run("was-on", question, "--json") for question in QUESTIONS]
    assert [each.exit_code for each in ran] == [0, 3, 4, 5]
    objects = [json.loads(each.stdout) for each in ran]
    assert [each["answer"] for each in objects] == ["no", "yes", "in part", "not known"]
    assert [use["activation"] for use in objects[1]["uses"]] == ["a2"]
    assert objects[1]["uses"][0]["app"]["name"] == "snap.py"
    assert [stretch["watch"] for stretch in objects[2]["coverage"]] == ["watched", "not watched", "watched"]
    assert objects[3]["coverage"][0]["why"] == ["the guard was stopped"]
    for each in objects:
        assert "could have changed it" in each["caveat"]
        assert each["asked"]["begin"] == each["coverage"][0]["begin"]


def test_a_look_is_no_use_but_is_told(stage: Stage) -> None:
    opened, *_, ended = life(1, 100, CHEESE, lasting_s=0.5)
    assert ended.activation is not None
    probe = replace(ended, kind=Kind.PROBE, activation=replace(ended.activation, state=State.PROBE, capturing_at=None))
    write(stage, simple(Kind.GUARD_STARTED), opened, probe, simple(Kind.GUARD_STOPPED, 900))
    code, found = ask(stage, 100)
    assert (code, found["answer"], len(found["uses"]), len(found["looks"])) == (0, "no", 0, 1)
    ran = stage.run("was-on", when(100))
    assert "looked at Integrated Camera, and took no pictures" in ran.stdout


def test_a_use_that_nobody_saw_the_end_of_may_have_gone_on_and_that_is_all_that_is_said(stage: Stage) -> None:
    gap = {"how": "died", "from": told(moment(200)), "to": told(moment(2_000))}
    opened, judged, capturing, _ = life(1, 100, SCRIPT)
    again = [simple(Kind.GUARD_GAP, 2_000, **gap), simple(Kind.GUARD_STARTED, 2_000), simple(Kind.GUARD_STOPPED, 9_000)]
    write(stage, simple(Kind.GUARD_STARTED), opened, judged, capturing, *again)
    code, found = ask(stage, 150)
    assert (code, found["uses"][0]["interrupted"]) == (3, True)
    assert found["uses"][0]["known_until"] == datetime.fromisoformat(when(200)).isoformat(timespec="microseconds")
    assert "at least" in found["sentence"]
    code, found = ask(stage, 1_000)
    assert (code, found["answer"], found["uses"]) == (5, "not known", [])
    assert [use["activation"] for use in found["possible"]] == ["a1"]
    assert ask(stage, 5_000)[0] == 0


def test_a_use_that_was_there_before_the_guard_may_have_begun_any_time_before(stage: Stage) -> None:
    _, _, capturing, ended = life(1, 100)
    reports = [
        replace(each, activation=replace(each.activation, present=True))
        for each in (capturing, ended)
        if each.activation
    ]
    write(stage, simple(Kind.GUARD_STARTED, 100), *reports, simple(Kind.GUARD_STOPPED, 900))
    code, _ = ask(stage, 120)
    assert code == 3
    assert "it had begun before the guard" in stage.run("was-on", when(120)).stdout


def test_before_the_log_and_after_it_nothing_is_known(stage: Stage) -> None:
    write(stage, simple(Kind.GUARD_STARTED), simple(Kind.GUARD_STOPPED, 900))
    code, found = ask(stage, -3_600)
    assert (code, found["coverage"][0]["why"]) == (5, ["the log begins later"])
    assert "not watching" in found["sentence"]
    assert ask(stage, 3_600)[0] == 5
    assert ask(stage, 900, within="10m")[1]["answer"] == "in part"


def test_what_could_not_be_seen_leaves_a_part(stage: Stage) -> None:
    blind = simple(Kind.GUARD_BLIND, 300, what="/dev/video0", why="/dev/video0 cannot be watched: no permission")
    sighted = simple(Kind.GUARD_SIGHTED, 400, what="/dev/video0")
    write(stage, simple(Kind.GUARD_STARTED), blind, sighted, simple(Kind.GUARD_STOPPED, 900))
    code, found = ask(stage, 350, within="10m")
    assert (code, found["answer"]) == (4, "in part")
    assert [stretch["watch"] for stretch in found["coverage"]] == ["watched", "watched in part", "watched"]
    assert "could not see all from" in found["sentence"]
    assert "no permission" in found["sentence"]


def test_when_the_clocks_are_put_back_each_time_says_which_of_the_two_it_is(stage: Stage) -> None:
    ends = second_of(datetime.fromisoformat("2026-10-25T02:30"))  # the first of the two, which is summer's
    write(stage, simple(Kind.GUARD_STARTED, ends - 90_000), simple(Kind.GUARD_STOPPED, ends))
    ran = stage.run("was-on", "2026-10-25 Europe/Berlin")
    assert ran.exit_code == 4
    assert "not watching from 02:30 (UTC+0200) to 24:00" in ran.stdout


def test_without_a_log_nothing_is_known(stage: Stage) -> None:
    assert ask(stage, 100)[1]["answer"] == "not known"


def test_a_guard_that_runs_watches_up_to_now_and_a_dead_one_until_its_last_sign(stage: Stage) -> None:
    write(stage, simple(Kind.GUARD_STARTED))
    assert ask(stage, 100)[0] == 5
    with GuardLock(stage.journal) as lock:
        assert ask(stage, 100)[0] == 0
        lock.beat(moment(500))
    assert ask(stage, 100)[0] == 0
    code, found = ask(stage, 500, within="4m")
    assert (code, found["answer"]) == (4, "in part")


def test_one_camera_can_be_asked_about_if_the_log_knows_it(stage: Stage) -> None:
    added = replace(simple(Kind.CAMERA_ADDED, 1), camera=CAMERA)
    write(stage, simple(Kind.GUARD_STARTED), added, *life(1, 100), simple(Kind.GUARD_STOPPED, 900))
    assert ask(stage, 100, "--camera", "integrated")[0] == 3
    ran = stage.run("was-on", when(100), "--camera", "logitech")
    assert ran.exit_code == 1
    assert 'the log knows no camera called "logitech"; it knows: Integrated Camera' in ran.stderr


def test_a_clock_that_was_set_is_told_and_not_guessed_at(stage: Stage) -> None:
    forward = {"from": told(moment(500)), "to": told(moment(5_000))}
    write(
        stage,
        simple(Kind.GUARD_STARTED),
        simple(Kind.CLOCK_CHANGED, 5_000, **forward),
        simple(Kind.GUARD_STOPPED, 9_000),
    )
    code, found = ask(stage, 2_000)
    assert (code, found["coverage"][0]["why"]) == (5, [LEAPT])
    code, found = ask(stage, 200)
    assert code == 0
    assert "But mind the clock" in found["sentence"]
    assert "told by a clock that was put forward by 1 h 15 min later" in found["sentence"]


def test_where_the_log_was_changed_its_silence_says_nothing(stage: Stage) -> None:
    write(stage, simple(Kind.GUARD_STARTED), *life(1, 100), simple(Kind.GUARD_STOPPED, 9_000))
    assert ask(stage, 5_000)[0] == 0
    with closing(sqlite3.connect(stage.journal)) as connection:
        connection.execute("DROP TRIGGER entries_no_delete")
        connection.execute("DELETE FROM entries WHERE seq = 3")
        connection.commit()
    code, found = ask(stage, 5_000)
    assert (code, found["answer"], found["checked"]["whole"]) == (5, "not known", False)
    assert "Not known: the log was changed" in found["sentence"]
    assert ask(stage, 100)[0] == 3


def test_names_are_harmless_at_a_terminal(stage: Stage) -> None:
    evil = replace(SCRIPT, name="\x1b[2Jevil\u202e")
    write(stage, simple(Kind.GUARD_STARTED), *life(1, 100, evil), simple(Kind.GUARD_STOPPED, 900))
    shown = stage.run("was-on", when(100)).stdout
    assert "\\x1b[2Jevil\\u202e" in shown
    assert all(mark.isprintable() or mark == "\n" for mark in shown)


def test_many_uses_are_told_of_and_that_there_were_more(stage: Stage) -> None:
    entries = fill(stage.journal, MOST_USES * 2)
    code, found = ask(stage, 9_000, within="5h")
    assert (code, len(found["uses"]), found["more"]) == (3, MOST_USES, True)
    assert "there were more" in found["sentence"]
    assert found["checked"]["count"] == entries


def test_of_a_long_log_the_newest_entries_are_checked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camguard.journal.coverage.CHECKED_AT_ONCE", 100)
    fill(stage.journal, 100)
    with Reader(stage.journal) as reader:
        found = checked(reader)
    assert (found.count, found.whole, found.all) == (100, True, False)
    assert "The newest 100 entries" in stage.run("was-on", when(100)).stdout


def test_coverage_may_be_asked_of_the_path(tmp_path: Path) -> None:
    week(tmp_path / "journal.db")
    night = second_of(datetime.fromisoformat("2026-10-18T20:00"))
    begin = START_NS + int(night * 10**9)
    [found] = coverage(tmp_path / "journal.db", begin, begin + 10**9)
    assert (found.watch, found.end_utc_ns) == (Watch.NOT, begin + 10**9)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["some day"], "is no day and no time of one"),
        (["2999-01-01"], "is still to come"),
        (["yesterday", "--within", "1h"], "--within is for a moment"),
        (["2026-10-16 21:30", "--within", "long"], "is no length"),
    ],
)
def test_what_cannot_be_understood_is_told(stage: Stage, arguments: list[str], said: str) -> None:
    ran = stage.run("was-on", *arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr


def test_the_date_parser_is_loaded_where_it_is_needed_and_nowhere_else(stage: Stage) -> None:
    run = "try: main(sys.argv[1:])\nfinally: print('dateparser' in sys.modules)"
    program = f"import sys\nfrom camguard.cli import main\n{run}"
    for text, loaded in ((f"2026-10-16 21:30 {ZONE}", "False"), ("last Friday 9pm", "True")):
        command = [sys.executable, "-c", program, "--config", str(stage.config), "was-on", text]
        ran = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
        assert ran.stdout.splitlines()[-1] == loaded


def test_an_expected_use_is_a_use(stage: Stage) -> None:
    write(
        stage, simple(Kind.GUARD_STARTED), *life(1, 100, judgement=Judgement.EXPECTED), simple(Kind.GUARD_STOPPED, 900)
    )
    assert ask(stage, 120)[1]["answer"] == "yes"
