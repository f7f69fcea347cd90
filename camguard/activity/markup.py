"""What pages about the log have in common: Jinja as we use it, what is HTML already, and words in a page."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from camguard.wording import spoken, visible

if TYPE_CHECKING:
    from jinja2 import Environment

_TEXT = 160


class Markup(str):
    """Text that is HTML already: a style and a script of our own, and JSON that was made harmless."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def environment(package: str) -> Environment:
    """Jinja for the templates of a package: all text is escaped, and nothing that is missing passes for empty."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(day=day, spoken=unbroken, count=count, instant=instant, visible=short)
    return made


def short(text: str, most: int = _TEXT) -> str:
    """A text of others' choosing, without anything unseen, and without its middle where it is long."""
    half = most // 2
    shown = visible(text if len(text) <= 8 * most else text[: 4 * most] + text[-4 * most :])
    return shown if len(shown) <= most else f"{shown[:half]}…{shown[1 - half :]}"


def day(at: date) -> str:
    """A day as a heading has it."""
    return f"{at:%A}, {at.day} {at:%B %Y}"


def unbroken(length: timedelta | int) -> str:
    """A duration that is not broken at the end of a line."""
    ns = length if isinstance(length, int) else length // timedelta(seconds=1) * 1_000_000_000
    return spoken(ns).replace(" ", "\N{NO-BREAK SPACE}")


def instant(at: datetime) -> str:
    """A time to the minute."""
    return f"{at.day} {at:%B %Y, %H:%M}"


def count(number: int, thing: str, things: str | None = None) -> str:
    """A number of things: ``1 use``, ``2,041 uses``."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def policy_hash(text: str) -> str:
    """What a content security policy knows a style or a script in the page by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def resource(package: str, name: str) -> str:
    """A file of a package's templates, as text."""
    return (files(package) / "templates" / name).read_text(encoding="utf-8").strip()
