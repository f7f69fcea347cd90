"""The advice as a page for a browser: one file with everything in it, which asks nothing of anybody.

Its policy lets the browser run this one script and use this one style sheet, known by their hashes, and fetch nothing.
What it links to are the pages, numbers and addresses of `places`, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files

from camguard.advice.advising import Advice
from camguard.advice.texts import CASES, Topic

TITLE = "camguard"
"""What a browser's list of pages shows of it: no more than that."""


def render(given: Advice) -> Iterator[str]:
    """The page, part by part."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("camguard.advice"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = _resource("advice.css"), _resource("advice.js")
    start = given.pages[Topic.START]
    yield from environment.get_template("advice.html").generate(
        given=given,
        say=given.say,
        labels=given.labels,
        start=start,
        cases=[given.pages[topic] for topic in CASES],
        others=[page for topic, page in given.pages.items() if topic not in {Topic.START, *CASES}],
        title=TITLE,
        style=_Markup(style),
        script=_Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


class _Markup(str):
    """Text that is HTML already: our own style and script."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _resource(name: str) -> str:
    return (files("camguard.advice") / "templates" / name).read_text(encoding="utf-8").strip()
