"""The configuration: what is read, and how each way of getting it wrong is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard import config
from camguard.config import Backend
from camguard.core.model import NANOSECONDS
from camguard.durations import parse_duration, spell_duration
from camguard.errors import ConfigError
from camguard.toml_source import lines_of


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def complaint(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    return said.removeprefix(str(path))


def test_every_key_is_read(written: Path) -> None:
    written.write_text("""
[detection]
dwell = "300ms"
linger = 2
[journal]
path = "/srv/log.db"
[rules]
file = "my/rules.toml"
[ending]
patience = 1.5
[platform]
backend = "simulated"
folder = "~/cameras"
""")
    read = config.read(written)
    assert read.dwell_ns == 300_000_000
    assert read.linger_ns == 2 * NANOSECONDS
    assert read.patience_ns == 1_500_000_000
    assert read.journal_path == Path("/srv/log.db")
    assert read.rules_path == written.parent / "my/rules.toml"
    assert read.backend is Backend.SIMULATED
    assert read.folder == Path("~/cameras").expanduser()
    assert read.source == written


def test_an_empty_file_means_the_defaults(written: Path) -> None:
    written.write_text("# nothing chosen\n")
    usual = config.defaults()
    read = config.read(written)
    assert read.source == written
    assert (read.journal_path, read.rules_path, read.dwell_ns) == (
        usual.journal_path,
        usual.rules_path,
        2_500_000_000,
    )


@pytest.mark.parametrize(
    ("said", "days", "keep"),
    [("1y", 365, "1y"), ("26w", 182, "182d"), ("90d", 90, "90d"), ("730d", 730, "2y"), ("forever", None, "forever")],
)
def test_how_long_the_log_is_kept(written: Path, said: str, days: int | None, keep: str) -> None:
    written.write_text(f'[log]\nkeep = "{said}"\n')
    log = config.read(written).log
    assert (log.keep_ns, log.keep) == (None if days is None else days * 86_400 * NANOSECONDS, keep)


def test_the_log_is_kept_for_a_year_where_nothing_is_said(written: Path) -> None:
    written.write_text("")
    log = config.read(written).log
    assert (log.keep_ns, log.keep) == (365 * 86_400 * NANOSECONDS, "1y")


@pytest.mark.parametrize("said", ["1h", "0", "101y", "ever"])
def test_a_log_is_not_kept_for_less_than_a_day_nor_for_centuries(written: Path, said: str) -> None:
    assert '"keep"' in complaint(written, f'[log]\nkeep = "{said}"\n')


def test_a_missing_default_file_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "default_path", lambda: tmp_path / "none.toml")
    assert config.load(environ={}) == config.defaults()


def test_a_missing_named_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: there is no such file"):
        config.load(tmp_path / "absent.toml", environ={})
    with pytest.raises(ConfigError, match=r"absent\.toml \(named by CAMGUARD_CONFIG\): there is no such file"):
        config.load(environ={"CAMGUARD_CONFIG": str(tmp_path / "absent.toml")})


def test_a_named_file_goes_before_the_environment(written: Path) -> None:
    written.write_text('[detection]\ndwell = "1s"\n')
    assert config.load(written, environ={"CAMGUARD_CONFIG": "/nowhere"}).dwell_ns == NANOSECONDS
    assert config.load(environ={"CAMGUARD_CONFIG": str(written)}).dwell_ns == NANOSECONDS


@pytest.mark.skipif(os.geteuid() != 0, reason="the system's own places are root's; run as root")
def test_root_uses_the_systems_places() -> None:
    assert config.default_path() == Path("/etc/camguard/config.toml")
    assert config.defaults().journal_path == Path("/var/lib/camguard/journal.db")
    assert config.defaults().rules_path == Path("/etc/camguard/rules.toml")


def test_a_user_uses_the_xdg_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert config.default_path() == tmp_path / "c/camguard/config.toml"
    assert config.defaults().journal_path == tmp_path / "s/camguard/journal.db"
    assert config.defaults().rules_path == tmp_path / "c/camguard/rules.toml"


def test_a_user_without_a_home_has_the_systems_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the user that systemd makes for a unit has none, where its NSS module is not installed."""
    unknown = 4_000_000_000
    monkeypatch.setattr(os, "geteuid", lambda: unknown)
    monkeypatch.setattr(os, "getuid", lambda: unknown)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert config.default_path() == Path("/etc/camguard/config.toml")
    assert config.defaults().journal_path == Path("/var/lib/camguard/journal.db")
    assert config.defaults().rules_path == Path("/etc/camguard/rules.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '# a comment\n\n[detection]\nlinger = "1s"\ndwel = "2s"\n',
            ':5: unknown key "dwel" in [detection]; did you mean "dwell"?',
        ),
        ("[detectoin]\n", ':1: unknown table or key "detectoin"; did you mean "detection"?'),
        ('\ndwell = "2s"\n', ':2: unknown table or key "dwell"; did you mean "dwell" in [detection]?'),
        ("[journal]\npatience = 2\n", ':2: unknown key "patience" in [journal]; did you mean "patience" in [ending]?'),
        ("[journal]\nxyz = 2\n", ':2: unknown key "xyz" in [journal]; it can be path'),
        ("[journal]\npath = 7\n", ':2: "path" must be text in quotes, not a whole number'),
        ("journal = 3\n", ':1: "journal" must be a table, not a whole number'),
        (
            "[detection]\ndwell = true\n",
            ':2: "dwell" must be a whole number or a number or text in quotes, not true or false',
        ),
        (
            '[detection]\ndwell = "soon"\n',
            ':2: "dwell": "soon" is no duration; write for example "2.5s", "300ms", "30m" or "1h"',
        ),
        ('[detection]\ndwell = "2h"\n', ':2: "dwell" must be between 0s and 1m, not 2h'),
        ("[ending]\npatience = 0\n", ':2: "patience" must be between 100ms and 1m, not 0'),
        ("ending.patience = nan\n", ':1: "patience": nan is no duration'),
        (
            '[platform]\nbackend = "linus"\n',
            ':2: "backend" cannot be "linus"; did you mean "linux"?',
        ),
        (
            '[platform]\nbackend = "qnx"\n',
            ':2: "backend" cannot be "qnx"; it can be linux, simulated',
        ),
        ('[hooks.a]\non = ["ended", "alrt"]\nrun = ["/bin/a"]\n', ':2: "on" cannot hold "alrt"; did you mean "alert"?'),
        ('[platform]\nbackend = "simulated"\n', ':2: the simulated backend needs "folder" in [platform]'),
        ('[journal]\npath = ""\n', ':2: "path" is not a path'),
        ('[journal]\npath = "~nobodyatall/x"\n', ':2: "path": there is no such home folder: ~nobodyatall/x'),
        ("[detection\ndwell = 1\n", ":1: not valid TOML: "),
        ("[journal]\npath = 'a'\npath = 'b'\n", ":3: not valid TOML: "),
        ('[journal]\npath = "unfinished', ":2: not valid TOML: "),
        (b"[journal]\npath = '\xff'\n", ":2: this is not UTF-8 text"),
        (b"#" * ((1 << 20) + 1), ": larger than"),
    ],
)
def test_a_complaint_names_file_line_and_remedy(written: Path, text: str | bytes, said: str) -> None:
    assert complaint(written, text).startswith(said)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder, not a file"):
        config.read(tmp_path)


def test_an_unreadable_file_is_told_as_such(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ConfigError, match="cannot be read: Too many levels of symbolic links"):
        config.read(loop)


def test_a_file_that_everybody_may_change_is_refused(written: Path) -> None:
    written.write_text("")
    written.chmod(0o646)
    with pytest.raises(ConfigError, match="everybody on this machine may change this file"):
        config.read(written)


def test_lines_are_found_past_strings_and_lists_of_tables() -> None:
    text = '''top = """
[false]
also = "false"
""" # [comment]
[a.b]   # a "table"
"quoted key" = 'x'
c . d = 1
[[rule]]
id = 1
[rule.sub]
id = "in the first"
[[rule]]
note = \'\'\'one line\'\'\'
id = 2
'''
    lines = lines_of(text)
    assert ("false",) not in lines
    assert ("also",) not in lines
    assert lines[("top",)] == 1
    assert lines[("a", "b")] == 5
    assert lines[("a", "b", "quoted key")] == 6
    assert lines[("a", "b", "c", "d")] == 7
    assert lines[("rule", 0, "id")] == 9
    assert lines[("rule", 0, "sub", "id")] == 11
    assert lines[("rule", 1, "id")] == 14


@pytest.mark.parametrize(
    ("said", "ns"),
    [
        ("2.5s", 2_500_000_000),
        ("300ms", 300_000_000),
        ("30m", 1800 * NANOSECONDS),
        ("5 min", 300 * NANOSECONDS),
        ("1h", 3600 * NANOSECONDS),
        ("2d", 172_800 * NANOSECONDS),
        ("3w", 21 * 86_400 * NANOSECONDS),
        ("1y", 365 * 86_400 * NANOSECONDS),
        (3, 3 * NANOSECONDS),
        (0.1, 100_000_000),
    ],
)
def test_durations(said: str | float, ns: int) -> None:
    assert parse_duration(said) == ns


@pytest.mark.parametrize("said", ["", "s", "-1s", "1", "1 week", "1e3s", "٣s", "1s 2s", -1, 1e30, float("inf")])
def test_what_is_no_duration(said: str | float) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(said)


@given(st.integers(0, 10**9))
def test_a_spelt_duration_reads_as_the_same(milliseconds: int) -> None:
    ns = milliseconds * 1_000_000
    assert parse_duration(spell_duration(ns)) == ns
