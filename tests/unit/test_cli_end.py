"""What a person is told and asked before a use is ended."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from camguard.access import Found
from camguard.cli.end import _agreed
from camguard.core.events import Kind
from camguard.core.records import Record
from camguard.wording import CUT_ONLY, ending_closes
from tests.support.tray_data import told


def use(warning: str | None, through: Record | None = None) -> Found:
    record: Record = told(7, Kind.CAPTURING)
    assert isinstance(record["process"], dict)
    return Found({**record, "process": {**record["process"], "warning": warning, "through": through}}, None)


def asked(*uses: Found, answer: str = "n\n") -> str:
    @click.command()
    def ask() -> None:
        click.echo(f"agreed: {_agreed(uses)}")

    ran = CliRunner().invoke(ask, input=answer)
    assert ran.exit_code == 0, ran.output
    return ran.output


@pytest.mark.parametrize("answer", ["y", "n"])
def test_that_ending_closes_a_browser_is_said_once_before_the_question(answer: str) -> None:
    said = asked(use(ending_closes("Firefox")), use(ending_closes("Firefox")), answer=f"{answer}\n")
    assert said.count("camguard off") == 1
    assert said.index(ending_closes("Firefox")) < said.index("End these 2 uses?")
    assert f"agreed: {answer == 'y'}" in said


def test_without_a_warning_it_is_only_asked() -> None:
    assert "camguard off" not in asked(use(None))


def test_a_warning_is_no_way_to_a_terminal() -> None:
    assert "\x1b" not in asked(use("closes \x1b[31mFirefox"))


def test_of_a_use_through_a_broker_it_is_said_that_the_program_goes_on() -> None:
    through: Record = {"broker": "/usr/bin/pipewire", "app": None}
    assert CUT_ONLY in asked(use(None, through))
    assert "What the process has not saved is lost." not in asked(use(None, through), use(None, through))
    assert "What the process has not saved is lost." in asked(use(None, through), use(None))
