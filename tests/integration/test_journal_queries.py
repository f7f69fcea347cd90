"""What the journal answers, against lives made at random and a plain model of the answer."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camguard.core.events import Kind, Report
from camguard.core.model import App, AppIdentity, AppKind, CameraId, Judgement
from camguard.journal import queries
from camguard.journal.entry import GENESIS, Draft, seal_all
from camguard.journal.export import COLUMNS, as_object, write_csv
from camguard.journal.filter import Filter
from camguard.journal.fold import decode, fold
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.journal_data import (
    APPS,
    CAMERA,
    CHEESE,
    FIREFOX,
    SCRIPT,
    ZOOM,
    FixedClock,
    fill,
    life,
    moment,
    simple,
)

OTHER = replace(CAMERA, id=CameraId("usb-1bcf:2c99-X"), name="Dock Cam")
PATIENCE_S = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with closing(Journal.open(path, FixedClock())) as opened:
        yield opened


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    with Reader(path) as opened:
        yield opened


def at(second: float) -> int:
    return moment(second).utc_ns


def numbers(reader: Reader, wanted: Filter) -> list[int]:
    found = [record.number for record in reader.activations(wanted)]
    if wanted.limit is None:
        assert [record.number for record in reader.each(wanted)] == found
    return found


def test_where_there_is_no_journal_yet_it_is_empty(reader: Reader, path: Path) -> None:
    assert reader.activations() == []
    assert reader.entries() == []
    assert reader.next_number() == 1
    assert reader.times_seen(FIREFOX.identity) == (0, None)
    assert reader.last_run() is None
    assert reader.last_seq() == 0
    path.touch()
    assert reader.next_number() == 1
    assert path.stat().st_size == 0


def test_newest_last_and_the_newest_where_limited(journal: Journal, reader: Reader) -> None:
    journal.append([report for number in range(1, 201) for report in life(number, number * 100)])
    assert numbers(reader, Filter()) == list(range(1, 201))
    assert numbers(reader, Filter(limit=3)) == [198, 199, 200]
    assert numbers(reader, Filter(limit=150)) == list(range(51, 201))
    assert reader.next_number() == 201


def test_filters_of_app_camera_and_verdict(journal: Journal, reader: Reader) -> None:
    journal.append(life(1, 0, FIREFOX, Judgement.EXPECTED))
    journal.append(life(2, 100, ZOOM, Judgement.EXPECTED, camera=OTHER))
    journal.append(life(3, 200, SCRIPT))
    assert numbers(reader, Filter(app="fox")) == [1]
    assert numbers(reader, Filter(app="SNAP")) == [3]
    assert numbers(reader, Filter(camera="dock")) == [2]
    assert numbers(reader, Filter(camera="USB-046d")) == [1, 3]
    assert numbers(reader, Filter(unexpected=True)) == [3]
    assert numbers(reader, Filter(app="zoom", camera="dock", unexpected=True)) == []
    assert numbers(reader, Filter(app="oo", limit=1)) == [2]


def test_times_ask_for_what_lasted_into_them(journal: Journal, reader: Reader) -> None:
    long = life(1, 0, lasting_s=1000)
    journal.append(long[:3])
    journal.append(life(2, 100))
    journal.append(life(3, 300))
    journal.append(long[3:])
    assert numbers(reader, Filter(since=at(170))) == [1, 3]
    assert numbers(reader, Filter(since=at(130), until=at(200))) == [1, 2]
    assert numbers(reader, Filter(until=at(50))) == [1]
    assert numbers(reader, Filter(since=at(1001))) == []
    assert numbers(reader, Filter(since=at(400), until=at(500))) == [1]
    assert numbers(reader, Filter(until=at(-1))) == []


def test_what_has_not_ended_lasts(journal: Journal, reader: Reader) -> None:
    journal.append([simple(Kind.GUARD_STARTED)])
    journal.append(life(1, 0)[:3])
    journal.append(life(2, 100))
    (first, _) = reader.activations()
    assert (first.state, first.interrupted) == ("capturing", False)
    assert numbers(reader, Filter(since=at(5000))) == [1]


@pytest.mark.parametrize("stop", [Kind.GUARD_STARTED, Kind.GUARD_STOPPED])
def test_what_the_guard_did_not_see_end_is_interrupted(journal: Journal, reader: Reader, stop: Kind) -> None:
    journal.append([simple(Kind.GUARD_STARTED)])
    journal.append(life(1, 0)[:3])
    journal.append([simple(stop, 500)])
    journal.append(life(2, 600)[:2])
    first, second = reader.activations()
    assert (first.interrupted, first.ended_at, first.duration_ms) == (True, None, None)
    assert not second.interrupted
    assert numbers(reader, Filter(since=at(400))) == [1, 2]
    assert numbers(reader, Filter(since=at(501))) == [2]


LIVES = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(1, 40), st.sampled_from(APPS), st.sampled_from(list(Judgement)), st.booleans()
    ),
    max_size=8,
)
BOUND = st.none() | st.integers(-5, 90)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    LIVES, BOUND, BOUND, st.sampled_from([None, "fox", "ZOOM", "/usr"]), st.booleans(), st.none() | st.integers(1, 4)
)
def test_answers_are_those_of_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory,
    lives: list[tuple[int, int, App, Judgement, bool]],
    since: int | None,
    until: int | None,
    app: str | None,
    unexpected: bool,
    limit: int | None,
) -> None:
    path = tmp_path_factory.mktemp("model") / "journal.db"
    reports: list[Report] = []
    expected = []
    for number, (start, lasting, used, judgement, ends) in enumerate(sorted(lives, key=lambda one: one[0]), 1):
        reports += life(number, start, used, judgement, lasting)[: 4 if ends else 3]
        text = f"{used.name} {used.identity.id} {used.identity.path}".lower()
        if (
            (since is None or not ends or start + lasting >= since)
            and (until is None or start <= until)
            and (app is None or app.lower() in text)
            and not (unexpected and judgement is Judgement.EXPECTED)
        ):
            expected.append(number)
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append(sorted(reports, key=lambda report: report.at.utc_ns))
    wanted = Filter(
        None if since is None else at(since), None if until is None else at(until), app, None, unexpected, limit
    )
    with Reader(path) as reader:
        assert numbers(reader, wanted) == (expected if limit is None else expected[-limit:])


def test_one_activation_by_its_number(journal: Journal, reader: Reader) -> None:
    journal.append(life(7, 0))
    found = reader.activation(7)
    assert found is not None
    assert found.id == "a7"
    assert reader.activation(8) is None


def test_how_often_an_app_was_seen(journal: Journal, reader: Reader) -> None:
    for number, app in enumerate((FIREFOX, ZOOM, FIREFOX, FIREFOX), 1):
        journal.append(life(number, number * 100, app))
    journal.append(life(5, 500)[:3])  # goes on still
    journal.append(life(6, 600)[:2])  # no more than a look so far
    assert reader.times_seen(FIREFOX.identity) == (4, life(5, 500)[2].at.utc_ns)
    assert reader.times_seen(replace(FIREFOX.identity, sha256="00" * 32))[0] == 4
    assert reader.times_seen(replace(FIREFOX.identity, path="/tmp/firefox")) == (0, None)
    assert reader.times_seen(CHEESE.identity) == (0, None)


def test_apps_with_odd_names_are_counted(journal: Journal, reader: Reader) -> None:
    odd = App(AppIdentity(AppKind.SCRIPT, "/tmp/\udcff\n'\"", "/tmp/\udcff\n'\""), "\x1b]0;x\x07")
    journal.append(life(1, 0, odd))
    assert reader.times_seen(odd.identity)[0] == 1
    assert reader.activations()[0].app_name == "\x1b]0;x\x07"


def test_whether_the_last_run_ended_cleanly(journal: Journal, reader: Reader) -> None:
    journal.append([simple(Kind.GUARD_STARTED, 1)])
    run = reader.last_run()
    assert run is not None
    assert (run.started, run.stopped) == (moment(1), None)
    journal.append([simple(Kind.GUARD_STOPPED, 2)])
    run = reader.last_run()
    assert run is not None
    assert run.stopped == moment(2)
    journal.append([simple(Kind.GUARD_STARTED, 3)])
    run = reader.last_run()
    assert run is not None
    assert (run.started, run.stopped, run.started_seq) == (moment(3), None, 3)


def test_entries_behind_a_number_and_of_some_kinds(journal: Journal, reader: Reader) -> None:
    journal.append([*life(1, 0), *life(2, 100)])
    assert [entry.seq for entry in reader.entries(5)] == [6, 7, 8]
    assert [entry.seq for entry in reader.entries(0, [Kind.ENDED, Kind.JUDGED])] == [2, 4, 6, 8]
    assert [entry.seq for entry in reader.entries(1, ["ended"], 1)] == [4]


def test_following_gives_what_comes_also_after_a_new_file_was_begun(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_POLL_S", 0.01)
    journal.append(life(1, 0))
    got: list[tuple[int, str]] = []
    enough = [threading.Event(), threading.Event(), threading.Event()]
    stream = reader.follow(2)

    def listen() -> None:
        for entry in stream:
            got.append((entry.seq, entry.kind))
            if len(got) in {2, 6, 11}:
                enough[[2, 6, 11].index(len(got))].set()
            if len(got) == 11:
                return

    listener = threading.Thread(target=listen)
    listener.start()
    assert enough[0].wait(PATIENCE_S)
    journal.append(life(2, 100))
    assert enough[1].wait(PATIENCE_S)
    journal.begin_anew("for the test")
    journal.append(life(3, 200))
    assert enough[2].wait(PATIENCE_S)
    listener.join()
    life_of = ["opened", "judged", "capturing", "ended"]
    assert [kind for _, kind in got] == [*life_of[2:], *life_of, "journal.set-aside", *life_of]
    assert [seq for seq, _ in got] == [3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5]


def test_following_from_now_on_leaves_out_what_was(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(life(1, 0))
    with monkeypatch.context() as patch:
        patch.setattr(
            "camguard.journal.queries.time.sleep", lambda _: journal.append(life(2, 100))
        )  # while it waits, and not before
        assert next(reader.follow()).seq == 5


def test_an_entry_that_was_tampered_with_hides_no_other(
    journal: Journal, reader: Reader, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal.append([*life(1, 0), *life(2, 100)])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("UPDATE entries SET body = CAST(x'ff7b' AS TEXT) WHERE seq IN (2, 5, 6, 7, 8)")
    assert numbers(reader, Filter()) == [1]
    assert [entry.seq for entry in reader.entries()] == [1, 3, 4]
    assert "log verify" in caplog.text


def test_the_last_of_many_do_not_read_them_all(path: Path, reader: Reader) -> None:
    fill(path, 1500)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    reader.next_number()
    assert reader._connection is not None
    reader._connection.set_progress_handler(count, 100)
    assert numbers(reader, Filter(limit=50)) == list(range(1451, 1501))
    for_fifty, steps = steps, 0
    list(reader.each())
    assert for_fifty * 8 < steps


def test_objects_are_json_and_say_it_all(journal: Journal, reader: Reader) -> None:
    journal.append([simple(Kind.GUARD_STARTED)])
    journal.append(life(1, 0))
    journal.append(life(2, 100)[:1])
    first, second = [json.loads(msgspec.json.encode(as_object(record))) for record in reader.activations()]
    assert first["activation"] == "a1"
    assert first["opened_at"] == "2023-11-15T00:13:20.000000+02:00"
    assert first["process"]["command"][0] == "/usr/lib/firefox/firefox"
    assert first["reasons"][0]["code"] == "first-use"
    assert second["ended_at"] is None
    assert second["duration_ms"] is None
    assert set(first) == set(second)


def test_csv_has_a_row_for_each_and_no_formulas(journal: Journal, reader: Reader) -> None:
    hostile = App(AppIdentity(AppKind.EXECUTABLE, "@SUM(A1)", '+1,"x"\n'), "=HYPERLINK(1)")
    journal.append(life(1, 0, hostile))
    journal.append(life(2, 100)[:1])
    out = io.StringIO(newline="")
    write_csv(reader.each(), out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["app"], rows[0]["app_id"], rows[0]["path"]) == ("'=HYPERLINK(1)", "'@SUM(A1)", '\'+1,"x"\n')
    assert (rows[0]["activation"], rows[0]["duration_s"], rows[0]["user"]) == ("a1", "60.0", "anna")
    assert (rows[1]["ended_at"], rows[1]["duration_s"], rows[1]["verdict"]) == ("", "", "")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_text_begins_a_formula_and_none_is_changed_otherwise(text: str) -> None:
    rows = seal_all([Draft.of(report) for report in life(1, 0)], 0, GENESIS)
    record = replace(fold(1, [decode(row[5]) for row in rows]), app={"name": text})
    out = io.StringIO(newline="")
    write_csv([record], out)
    cell = next(csv.DictReader(io.StringIO(out.getvalue(), newline="")))["app"]
    if not text:
        return
    assert cell in {text, f"'{text}"}
    assert cell[0] not in "=+-@\t\r\n"
