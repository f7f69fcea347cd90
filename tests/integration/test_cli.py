"""The frame of the command line: help, exit codes, errors, and readers that go away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from camguard import __version__
from camguard.cli import command
from tests.support.commands import ENVIRONMENT, Stage

HEAVY = {
    "asyncio", "sqlite3", "msgspec", "psutil", "watchdog", "pyudev", "tomllib", "platformdirs",
    "camguard.compose", "camguard.guard", "camguard.config", "camguard.core.model",
}  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def every_command(group: click.Group = command, *names: str) -> Iterator[tuple[str, ...]]:
    yield names
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from every_command(found, *names, name)
        else:
            yield (*names, name)


def test_help_imports_nothing_that_only_work_needs() -> None:
    program = f"""
import sys
from camguard.cli import main
try:
    main(["--help"])
except SystemExit as end:
    print(end.code, sorted({HEAVY!r} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=ENVIRONMENT)
    assert ran.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("names", [pytest.param(names, id=" ".join(names)) for names in every_command()])
def test_every_command_explains_itself(names: tuple[str, ...]) -> None:
    ran = CliRunner().invoke(command, [*names, "--help"])
    assert ran.exit_code == 0
    assert f"Usage: command {' '.join(names)}".rstrip() in ran.output
    assert max(map(len, ran.output.splitlines())) <= 120


def test_help_says_what_exit_codes_mean_and_gives_examples() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    for part in (
        "Exit codes:",
        "nothing matched, refused",
        "wrong usage or configuration",
        "camguard demo",
        "/etc/camguard",
    ):
        assert part in shown


@pytest.mark.parametrize("name", sorted(command.commands))
def test_the_help_of_every_command_has_examples(name: str) -> None:
    assert f"Examples:\n    camguard {name}" in CliRunner().invoke(command, [name, "--help"]).output.replace(
        "sudo ", ""
    )


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(command, ["--version"]).output == f"camguard {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("statu", "Did you mean 'status'?"),
        ("", "Usage: "),
        ("log --limit -1", "is not in the range"),
        ("log --since soon", '"soon" is no time that is understood; write for example'),
        ("rules allow /bin/sh --once --always", "only one can hold"),
        ("rules allow /bin/sh --hours 9-5", "are no hours"),
        ("rules allow /bin/sh --until yesterday", "is over already"),
        ("end", "Missing argument 'TARGET'"),
        ("demo --seconds 0", "is not in the range"),
        ("completion tcsh", "'tcsh' is not one of"),
    ],
)
def test_wrong_usage_is_2_and_told_on_stderr(stage: Stage, arguments: str, said: str) -> None:
    ran = stage.run(*arguments.split())
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert ran.stdout == ""
    assert not stage.rules.exists()


@pytest.mark.parametrize("arguments", ["watch", "status", "log", "log verify", "rules list", "doctor", "end 1 --yes"])
def test_a_broken_configuration_is_2_with_file_line_and_key(stage: Stage, arguments: str) -> None:
    stage.config.write_text('[detection]\ndwel = "1s"\n')
    ran = stage.run(*arguments.split())
    assert ran.exit_code == 2
    assert ran.stderr == (f'camguard: {stage.config}:2: unknown key "dwel" in [detection]; did you mean "dwell"?\n')


def test_a_configuration_from_the_environment(stage: Stage) -> None:
    ran = CliRunner(env={"CAMGUARD_CONFIG": str(stage.folder / "no\x1b[31m.toml")}).invoke(command, ["rules", "list"])
    assert ran.exit_code == 2
    assert r"no\x1b[31m.toml (named by CAMGUARD_CONFIG): there is no such file" in ran.stderr
    assert all(line.isprintable() for line in ran.stderr.splitlines())


def test_a_reader_that_is_gone_is_no_traceback(stage: Stage) -> None:
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(stage.command("--help"), stdout=write, stderr=subprocess.PIPE, env=ENVIRONMENT)
    gone = subprocess.run(stage.command("doctor"), stdout=write, stderr=subprocess.PIPE, env=ENVIRONMENT)
    os.close(write)
    assert ran.stderr == b""
    assert (gone.returncode, gone.stderr) == (141, b"")


def test_a_terminal_that_lacks_a_letter_is_no_failure(stage: Stage) -> None:
    stage.rules.write_text('[[rule]]\nid = "r1"\neffect = "ask"\nnote = "für Ärger 📷"\n')
    ran = subprocess.run(
        stage.command("rules", "list"), capture_output=True, env={**ENVIRONMENT, "PYTHONIOENCODING": "latin-1"}
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert "für Ärger \\U0001f4f7".encode("latin-1") in ran.stdout


@pytest.mark.parametrize(
    ("shell", "begins"), [("bash", "complete -o"), ("zsh", "#compdef camguard"), ("fish", "complete ")]
)
def test_completion_is_a_script_for_the_shell(shell: str, begins: str) -> None:
    ran = CliRunner().invoke(command, ["completion", shell])
    assert ran.exit_code == 0
    assert "_CAMGUARD_COMPLETE" in ran.output
    assert begins in ran.output
    if shell == "bash":
        subprocess.run([shell, "-n"], input=ran.output, text=True, check=True)


def test_completion_completes(stage: Stage) -> None:
    asked = {"_CAMGUARD_COMPLETE": "bash_complete", "COMP_WORDS": "camguard rules al", "COMP_CWORD": "2"}
    ran = subprocess.run(
        [sys.executable, "-m", "camguard"], capture_output=True, text=True, env={**ENVIRONMENT, **asked}
    )
    assert ran.stdout.split() == ["plain,allow"]


@pytest.mark.parametrize(
    "arguments",
    ["log", "log verify", "log export out.zip", "log key create --keep", "was-on today", "alerts", "status", "doctor"],
)
def test_a_log_that_cannot_even_be_looked_for_is_told_without_a_traceback(tmp_path: Path, arguments: str) -> None:
    stage = Stage(tmp_path)
    stage.config.write_text(stage.config.read_text().replace("journal.db", "x" * 300 + "/journal.db"))
    ran = stage.run(*arguments.split())
    assert ran.exit_code == 1
    assert "File name too long" in ran.output
