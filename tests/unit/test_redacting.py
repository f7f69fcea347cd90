"""What is left out of an export is left out everywhere, and the same way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.handover.extract import names_in
from camguard.handover.redacting import LEFT_OUT, Pseudonyms

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
