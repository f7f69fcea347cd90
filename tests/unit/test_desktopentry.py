"""What desktop entries say: the app's name in the person's language, its icon, and which program it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard import desktopentry
from camguard.desktopentry import entries, folders, locales, parse, values

CHEESE = """\
#!/usr/bin/env xdg-open
[Desktop Entry]
Type=Application
Name=Cheese
Name[de]=Käse
Name[de_AT]=Kas
Exec="/usr/bin/cheese" %U
Icon=org.gnome.Cheese
[Desktop Action new]
Name=Another
"""


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LANG": "de_AT.UTF-8@euro"}, ("de_AT@euro", "de_AT", "de@euro", "de")),
        ({"LANG": "de_AT.UTF-8"}, ("de_AT", "de")),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "de"}, ("de",)),
        ({"LANG": "de_DE", "LC_ALL": "C.UTF-8"}, ()),
        ({"LC_ALL": "", "LANG": "sr@latin"}, ("sr@latin", "sr")),
        ({}, ()),
    ],
)
def test_the_persons_language(environ: dict[str, str], expected: tuple[str, ...]) -> None:
    assert locales(environ) == expected


@pytest.mark.parametrize(
    ("language", "name"), [("de_AT", "Kas"), ("de_DE", "Käse"), ("fr_FR", "Cheese"), ("C", "Cheese")]
)
def test_an_app_is_named_in_the_persons_language(language: str, name: str) -> None:
    entry = parse(
        CHEESE, "/usr/share/applications/org.gnome.Cheese.desktop", locales({"LANG": language}), lambda _: None
    )
    assert entry is not None
    assert (entry.id, entry.name, entry.icon) == ("org.gnome.Cheese", name, "org.gnome.Cheese")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Name=x\nExec=x\n",
        "[Desktop Entry]\nName=x\n",
        '[Desktop Entry]\nName=x\nExec="x\n',
        "[Desktop Entry]\nType=Link\nName=x\nExec=x\n",
        "[Desktop Entry]\nName=x\u202ey\nExec=x\n",
    ],
)
def test_what_is_no_entry_of_an_app(text: str) -> None:
    assert parse(text, "x.desktop") is None


@pytest.mark.parametrize("word", [*sorted(desktopentry.LAUNCHERS), "/usr/bin/env"])
def test_a_launcher_is_not_the_program_that_an_entry_is_about(word: str) -> None:
    entry = parse(f"[Desktop Entry]\nName=Bank\nExec={word} x\n", "bank.desktop", (), lambda program: program)
    assert entry is not None
    assert entry.program is None


def test_folders_are_the_systems_as_the_person_has_them() -> None:
    named = folders({"XDG_DATA_DIRS": "/opt/share/:relative:/usr/share", "XDG_DATA_HOME": "/home/a/share"})
    assert named[:2] == ("/opt/share/applications", "/usr/share/applications")
    assert not any(folder.startswith("/home") for folder in named)
    assert folders({})[:2] == ("/usr/local/share/applications", "/usr/share/applications")


def test_of_two_entries_of_one_name_the_first_counts(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.desktop").write_text(f"[Desktop Entry]\nName={folder}\nExec=/bin/true\n")
    found = list(entries([str(tmp_path / each) for each in ("none", "a", "b")], ()))
    assert [(entry.name, entry.program) for entry in found] == [("a", os.path.realpath("/bin/true"))]


@given(st.text())
def test_whatever_a_file_holds_it_is_read(text: str) -> None:
    entry = parse(f"[Desktop Entry]\n{text}", "x.desktop", ("de",), lambda _: None)
    assert entry is None or (entry.name.isprintable() and entry.icon.isprintable())


@given(st.dictionaries(st.from_regex(r"\A[A-Za-z-]+\Z"), st.from_regex(r"\A[a-z]*\Z")))
def test_only_the_keys_of_the_group_are_read(keys: dict[str, str]) -> None:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    assert values(f"a=1\n[Other]\nb=2\n[Mine]\n# c=3\n{lines}[Other]\nd=4\n", "Mine") == keys
