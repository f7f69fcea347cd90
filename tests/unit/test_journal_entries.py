"""What the systemd journal is told of each event: fixed ids, documented fields, one harmless sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.events import Kind, Report
from camguard.core.records import Record, line
from camguard.journald import encode
from camguard.journalentry.fields import FIELDS, entry, left_out, table
from camguard.journalentry.kinds import KINDS, LEFT_OUT, catalog
from camguard.journalentry.sentences import sentence
from tests.support.journal_data import life, moment

PROJECT = Path(__file__).parents[2]
CATALOG = PROJECT / "service/catalog/camguard.catalog"


def test_the_readme_has_the_table_of_the_fields() -> None:
    assert table() in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_each_kind_has_an_id_of_its_own() -> None:
    assert set(KINDS) == set(Kind)
    ids = [about.message_id for about in (*KINDS.values(), LEFT_OUT)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", each) for each in ids)


def test_the_ids_that_people_look_for_never_change() -> None:
    assert KINDS[Kind.ALERT].message_id == "13e6e8f57ad94c238393b91a72d4464d"
    assert KINDS[Kind.CAPTURING].message_id == "64b0f4664a4c4f8db8a959a3f0527129"


def test_the_catalog_is_the_one_that_is_installed() -> None:
    assert CATALOG.read_text(encoding="utf-8") == catalog()
    named = set(re.findall(r"@([A-Z_]+)@", catalog())) - {"_PID"}
    assert named <= set(FIELDS)


def test_all_that_is_known_of_a_use_has_a_field() -> None:
    told = [entry(line(report)) for report in life(17, 0)]
    ended = told[-1]
    assert ended["MESSAGE"] == "Firefox (user anna) has stopped using Integrated Camera after 1 min."
    assert ended["MESSAGE_ID"] == KINDS[Kind.ENDED].message_id
    assert (ended["PRIORITY"], ended["SYSLOG_IDENTIFIER"]) == ("6", "camguard")
    assert (ended["CAMGUARD_EVENT"], ended["CAMGUARD_STATE"]) == ("ended", "ended")
    assert (ended["CAMGUARD_APP"], ended["CAMGUARD_CAMERA"]) == ("Firefox", "Integrated Camera")
    assert ended["CAMGUARD_ACTIVATION"] == "a17"
    assert (ended["CAMGUARD_VERDICT"], ended["CAMGUARD_REASONS"]) == ("unexpected", "first-use")
    assert (ended["CAMGUARD_PID"], ended["CAMGUARD_USER"]) == ("3017", "anna")
    assert (ended["CAMGUARD_FRAMES"], ended["CAMGUARD_DURATION_MS"]) == ("1800", "60000")
    assert all(set(each) <= set(FIELDS) for each in told)


@pytest.mark.parametrize("kind", Kind)
def test_of_each_kind_there_is_a_sentence_even_where_hardly_anything_is_known(kind: Kind) -> None:
    said = sentence(line(Report(kind, moment(0))))
    assert said.endswith(".")
    assert "None" not in said
    assert not said.startswith("camguard: ")


def test_a_kind_without_words_of_its_own_is_told_nevertheless() -> None:
    fields = entry({"event": "something.new", "at": "2030-01-01T00:00:00+00:00"})
    assert fields["MESSAGE"] == "camguard: something.new"
    assert fields["CAMGUARD_EVENT"] == "something.new"
    assert "MESSAGE_ID" not in fields


HOSTILE = st.one_of(st.text(), st.sampled_from(["\n\nPRIORITY=0", "\x1b[31m", "\u202e", "x" * 10_000, "a\0b"]))


@given(HOSTILE, HOSTILE, st.sampled_from([Kind.ALERT, Kind.DECIDED, Kind.ENDED, Kind.ACTION_COMPLETED]))
def test_hostile_names_stay_data(app: str, camera: str, kind: Kind) -> None:
    record: Any = {**line(life(17, 0)[-1]), "event": kind.value, "extra": {"by": app, "why": camera, "action": "end"}}
    record["app"]["name"], record["camera"]["name"] = app, camera
    fields = entry(record)
    assert set(fields) <= set(FIELDS)
    assert fields["MESSAGE"].isprintable()
    assert len(fields["MESSAGE"]) < 2_000
    assert fields["CAMGUARD_EVENT"] == kind
    assert len(encode(fields)) < 64 * 1024


def test_what_is_missing_has_no_field_and_nothing_is_sent_of_a_command_line() -> None:
    record: Record = {**line(life(17, 0)[-1])}
    assert "command" in str(record["process"])
    fields = entry(record)
    assert "" not in fields.values()
    assert "CAMGUARD_BY" not in fields
    assert not any("COMMAND" in name for name in fields)


def test_how_many_were_left_out_is_an_entry_too() -> None:
    fields = left_out(3)
    assert fields["MESSAGE"].startswith("3 events were not told")
    assert fields["CAMGUARD_LEFT_OUT"] == "3"
    assert set(fields) <= set(FIELDS)
