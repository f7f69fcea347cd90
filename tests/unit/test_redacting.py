"""What is left out of an export is left out everywhere, and the same way."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.handover.extract import names_in
from camguard.handover.redacting import LEFT_OUT, Pseudonyms
from camguard.journal.export import as_object
from camguard.journal.fold import ActionRecord, ActivationAt, ActivationData, ActivationEntry, ActivationRecord, fold

NAME = st.from_regex(r"[a-z]{3}[0-9]{3,5}", fullmatch=True)


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("user", "anna", "user-1"),
        ("user", "root", "root"),
        ("uid", 1000, None),
        ("uid", 0, 0),
        ("by", "user anna", "user user-1"),
        ("by", "rule r3", "rule r3"),
        ("exe", "/home/anna/bin/snap.py", "folder-1/snap.py"),
        ("exe", "/usr/bin/cheese", "/usr/bin/cheese"),
        ("exe", "/media/anna/a disk/x y", "folder-1/x y"),
        ("script", "bin/snap.py", "folder-1/snap.py"),
        ("command", ["python3", "/home/anna/x"], [LEFT_OUT]),
        ("unit", "user@1000.service", "user@….service"),
        (
            "why",
            "Process 7 (x) belongs to anna: /home/anna/y is gone",
            "Process 7 (x) belongs to user-1: folder-1/y is gone",
        ),
        ("name", "hannah.py", "hannah.py"),
        ("name", "anna-cam.py", "user-1-cam.py"),
        ("verdict", "unexpected", "unexpected"),
        ("nodes", ["/dev/video0"], ["/dev/video0"]),
        ("sha256", "ab" * 32, "ab" * 32),
    ],
)
def test_each_thing_is_left_out_as_it_should(key: str, before: Any, after: Any) -> None:
    assert Pseudonyms(["anna", "root"]).value({key: before}) == {key: after}


def test_pseudonyms_are_the_same_throughout_and_go_by_the_order_of_the_names() -> None:
    hidden = Pseudonyms(["bob", "anna", "bob", ""])
    assert hidden.users == {"bob": "user-1", "anna": "user-2"}
    assert hidden.value({"exe": "/home/bob/a", "path": "/srv/x/b", "cwd": "/home/bob/c"}) == {
        "exe": "folder-1/a",
        "path": "folder-2/b",
        "cwd": "folder-1/c",
    }


def test_no_part_of_a_use_is_forgotten() -> None:
    told = {"user": "anna", "folder": "/home/anna/public", "parent": "anna-drop.sh"}
    plain = fold(1, [ActivationEntry(1, "opened", ActivationAt(datetime.now(UTC)), ActivationData())])
    record = replace(
        plain, camera=told, app=told, process=told, decision=told, context=told, reasons=[told], preserved=(told,)
    )
    assert "anna" in str(record)
    hidden = Pseudonyms(["anna"]).use(record)
    assert "anna" not in str(hidden)
    assert hidden.context == {"user": "user-1", "folder": "folder-1/public", "parent": "user-1-drop.sh"}


def test_names_are_found_in_entries() -> None:
    extra = b'{"by":"user eve","on_word_of":"user mallory"}'
    body = b'{"data":{"extra":%b,"process":{"exe":"/home/bob/x","user":"anna"}}}' % extra
    assert list(names_in(body)) == ["eve", "mallory", "bob", "anna"]


@given(st.lists(NAME, min_size=1, max_size=3, unique=True), st.data())
def test_no_name_is_left_wherever_it_stands(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    text = data.draw(
        st.sampled_from(
            ["by user {}", "/home/{}/x", "/tmp/{}", "{}", "it's {}'s", "{}@host", "a/{}/b c", "file:///home/{}/y"]
        )
    ).format(name)
    key = data.draw(st.sampled_from(["why", "sentence", "exe", "script", "name", "user", "by", "cwd", "unit", "hints"]))
    told = json.dumps(Pseudonyms(names).value({"deep": [{key: text}, {key: [text]}]}))
    assert name not in told


def test_nothing_of_a_use_is_forgotten() -> None:
    """Whatever a use has that may hold a name: each field of the record is filled with one."""
    named: dict[str, Any] = {"by": "user anna", "exe": "/home/anna/x", "user": "anna", "name": "anna"}
    told: dict[str, Any] = {
        field.name: {"tuple": (named,), "list": [named]}.get(str(field.type).split("[")[0], named)
        for field in fields(ActivationRecord)
        if str(field.type).startswith(("dict[", "list[dict", "tuple[dict"))
    }
    action = ActionRecord(1, None, None, named, named)
    times: dict[str, Any] = dict.fromkeys(field.name for field in fields(ActivationRecord))
    empty = ActivationRecord(**{**times, "number": 1, "opened_at": datetime(2026, 1, 1, tzinfo=UTC)})
    record = replace(empty, **told, actions=(action,))
    assert {"camera", "app", "process", "reasons", "decision", "preserved", "context"} <= told.keys()
    before, after = as_object(record), as_object(Pseudonyms(["anna"]).use(record))
    assert before.keys() == after.keys()
    assert json.dumps(before, default=str).count("anna") > 30
    assert "anna" not in json.dumps(after, default=str)
