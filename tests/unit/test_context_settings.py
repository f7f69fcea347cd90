"""The section [context] of the configuration, and the tables of the README that tell of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from camguard import config
from camguard.contextconfig import ContextSection
from camguard.core.circumstance import Circumstance
from camguard.core.context import AS_USUAL, USUAL, ContextPolicy, supposed
from camguard.core.model import NANOSECONDS
from camguard.errors import ConfigError

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_without_the_section_all_is_as_usual(written: Path) -> None:
    written.write_text("")
    assert config.read(written).context == AS_USUAL
    assert config.read(written).shipped_rules
    assert ContextSection().policy(AS_USUAL.idle_after_ns) == AS_USUAL


@pytest.mark.parametrize("circumstance", Circumstance)
def test_each_circumstance_is_switched_by_its_key(written: Path, circumstance: Circumstance) -> None:
    for wanted in (True, False):
        written.write_text(f"[context]\n{circumstance.key} = {str(wanted).lower()}\n")
        found = config.read(written).context.wanted
        assert found == (USUAL | {circumstance} if wanted else USUAL - {circumstance})


def test_the_other_keys_are_read(written: Path) -> None:
    written.write_text('[context]\nidle_after = "10m"\n[rules]\nshipped = false\n')
    assert config.read(written).context.idle_after_ns == 600 * NANOSECONDS
    assert not config.read(written).shipped_rules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lockd = true", 'did you mean "locked"'),
        ('locked = "yes"', '"locked" must be true or false'),
        ('idle_after = "2d"', '"idle_after" must be between 0s and 1d'),
        ("no-session = true", 'did you mean "no_session"'),
    ],
)
def test_a_mistake_is_told(written: Path, text: str, said: str) -> None:
    written.write_text(f"[context]\n{text}\n")
    with pytest.raises(ConfigError, match=re.escape(said)):
        config.read(written)


def test_the_table_in_the_readme_is_what_the_code_does() -> None:
    section = README.read_text(encoding="utf-8").split("### In which circumstances\n")[1].split("\n#")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    told = {key.strip("`"): (sentence, usual) for key, sentence, _, usual in rows[2:]}
    assert told == {
        each.key: (reason.sentence, "on" if each in USUAL else "off")
        for each in Circumstance
        for reason in supposed([each], ContextPolicy(frozenset(Circumstance)))
    }


def test_the_settings_in_the_readme_are_those_without_any(tmp_path: Path, written: Path) -> None:
    settings = README.read_text(encoding="utf-8").split("### Settings\n")[1].split("```toml\n")[1].split("```")[0]
    written.write_text(settings)
    assert config.read(written).context == AS_USUAL
    keys = re.findall(r"^(\w+) =", settings.split("[context]")[1].split("\n[")[0], re.MULTILINE)
    assert keys == list(ContextSection.__struct_fields__)
