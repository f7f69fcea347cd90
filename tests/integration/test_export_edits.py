"""Whatever is changed in an export, its own program finds it."""

from __future__ import annotations

import runpy
import shutil
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camguard.core.events import Kind
from camguard.journal.store import Journal
from tests.support.commands import Stage
from tests.support.exported import Export
from tests.support.journal_data import FixedClock, life, simple

FILES = ("README.txt", "SHA256SUMS", "coverage.json", "entries.jsonl", "hashes.txt", "manifest.json", "report.html")
PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """An export of a small log, of which copies are made."""
    folder = tmp_path_factory.mktemp("sealed")
    stage = Stage(folder)
    journal = Journal.open(stage.journal, FixedClock())
    journal.append([simple(Kind.GUARD_STARTED), *life(1, 10), *life(2, 100), simple(Kind.GUARD_STOPPED, 900)])
    journal.close()
    assert stage.run("log", "export", folder / "out.zip").exit_code == 0
    return Export(folder / "out.zip", folder / "out")


def said_of(folder: Path) -> str | None:
    """What is wrong, in the words of the export's own program, run as it was when it was sealed; None for nothing."""
    program = Path(folder.parent / "verify.py")
    here = Path.cwd()
    try:
        with mock.patch.object(sys, "argv", ["verify.py", str(folder)]), redirect_stdout(StringIO()):
            runpy.run_path(str(program))
    except SystemExit as end:
        return str(end.code)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:  # by hand it ends with 1 and says so
        return repr(error)
    finally:
        import os

        os.chdir(here)
    return None


@pytest.fixture
def copied(sealed: Export, tmp_path: Path) -> Export:
    """A copy to be changed, beside the program that is to check it."""
    return copy_of(sealed, tmp_path)


def copy_of(sealed: Export, folder: Path) -> Export:
    target = folder / "copy"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(sealed.folder, target)
    shutil.copy(sealed.folder / "verify.py", folder / "verify.py")
    copy = object.__new__(Export)
    copy.folder, copy.names = target, list(sealed.names)
    return copy


def test_what_was_not_changed_is_whole(copied: Export) -> None:
    assert said_of(copied.folder) is None
    copied.reseal()
    assert said_of(copied.folder) is None


@PROPERTY
@given(data=st.data())
def test_any_edit_of_any_file_is_found(sealed: Export, tmp_path: Path, data: st.DataObject) -> None:
    copy = copy_of(sealed, tmp_path)
    path = copy.folder / data.draw(st.sampled_from(sealed.names), label="file")
    before = path.read_bytes()
    at = data.draw(st.integers(0, len(before)), label="at")
    length = data.draw(st.integers(0, 40), label="length")
    put = data.draw(st.binary(max_size=40), label="put")
    after = before[:at] + put + before[at + length :]
    path.write_bytes(after)
    assert (said_of(copy.folder) is None) == (after == before)


@pytest.mark.parametrize("name", [*FILES, "uses.csv", "uses.jsonl", "verify.py"])
def test_a_file_that_is_taken_away_or_put_in_is_found(sealed: Export, tmp_path: Path, name: str) -> None:
    copy = copy_of(sealed, tmp_path)
    (copy.folder / name).rename(copy.folder / f"{name}.old")
    assert said_of(copy.folder) is not None
    shutil.copy(copy.folder / f"{name}.old", copy.folder / name)
    assert "is missing, or is no part of the export" in str(said_of(copy.folder))


@PROPERTY
@given(data=st.data())
def test_entries_changed_with_all_lists_brought_in_line_are_found(
    sealed: Export, tmp_path: Path, data: st.DataObject
) -> None:
    """An edit, deletion, insertion, reordering or truncation that also mends every hash of the files."""
    copy = copy_of(sealed, tmp_path)
    bodies = (copy.folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    hashes = (copy.folder / "hashes.txt").read_bytes().splitlines(keepends=True)
    one, other = data.draw(st.tuples(*[st.integers(0, len(bodies) - 1)] * 2), label="which")
    with_hashes = data.draw(st.booleans(), label="hashes too")
    changed = [list(bodies), list(hashes)]
    match data.draw(st.sampled_from(["edit", "delete", "insert", "swap", "truncate"]), label="how"):
        case "edit":
            changed[0][one] = bodies[one].replace(b'"v":1', b'"x":1,"v":1')
        case "delete":
            del changed[0][one]
            del changed[1][one]
        case "insert":
            changed[0].insert(one, bodies[other])
            changed[1].insert(one, hashes[other])
        case "swap":
            for lines in changed:
                lines[one], lines[other] = lines[other], lines[one]
        case "truncate":
            changed = [lines[:one] for lines in changed]
    (copy.folder / "entries.jsonl").write_bytes(b"".join(changed[0]))
    (copy.folder / "hashes.txt").write_bytes(b"".join(changed[1] if with_hashes else hashes))
    copy.reseal()
    same = changed[0] == bodies and (not with_hashes or changed[1] == hashes)
    assert (said_of(copy.folder) is None) == same
