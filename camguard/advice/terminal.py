"""The advice as lines for a terminal. Pure; `loud` makes a line stand out where the terminal can."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from camguard.advice.advising import Advice
from camguard.advice.places import Place, Route
from camguard.advice.texts import CASES, Kind, Part, Topic

WIDEST = 76
"""Longer lines are hard to read."""

NARROWEST = 30

_COMMAND = "camguard advice"


def lines(given: Advice, topic: Topic, width: int | None, loud: Callable[[str], str]) -> Iterator[str]:
    """One page, in lines of at most `width` columns."""
    columns = max(NARROWEST, min(width or WIDEST, WIDEST))
    page = given.pages[topic]
    yield from map(loud, _wrapped(page.title, columns))
    for part in page.parts:
        yield ""
        yield from _part(part, columns, loud)
    if topic is Topic.START:
        yield from _cases(given, columns, loud)
    for part in page.after:
        yield ""
        yield from _part(part, columns, loud)
    if topic is Topic.START:
        yield from _others(given, columns, tuple(other for other in Topic if other not in {Topic.START, *CASES}))
    if page.places:
        yield from _places(given, topic, columns, loud)
    if topic in CASES:
        yield from _others(given, columns, (Topic.PREVENT, Topic.SAFE))


def _part(part: Part, columns: int, loud: Callable[[str], str]) -> Iterator[str]:
    if part.heading:
        yield from map(loud, _wrapped(part.heading, columns))
    for number, said in enumerate(part.said, 1):
        match part.kind:
            case Kind.STEPS:
                yield from _wrapped(said, columns, f"{number}. ")
            case Kind.POINTS:
                yield from _wrapped(said, columns, "- ")
            case Kind.COMMANDS:
                yield f"    {said}"
            case Kind.TEXT | Kind.YOUNG:
                yield from _wrapped(said, columns)


def _cases(given: Advice, columns: int, loud: Callable[[str], str]) -> Iterator[str]:
    """The two cases, each with the command that shows its page."""
    for number, topic in enumerate(CASES, 1):
        yield ""
        yield from map(loud, _wrapped(given.pages[topic].offer, columns, f"{number}  "))
        yield f"   {_COMMAND} {topic}"


def _others(given: Advice, columns: int, topics: tuple[Topic, ...]) -> Iterator[str]:
    """What else there is to read, each with its command."""
    yield ""
    yield from _wrapped(given.labels.more, columns)
    for topic in topics:
        yield from _wrapped(given.pages[topic].offer, columns, "- ")
        yield f"   {_COMMAND} {topic}"


def _places(given: Advice, topic: Topic, columns: int, loud: Callable[[str], str]) -> Iterator[str]:
    yield ""
    if topic is not Topic.REPORT:
        yield from map(loud, _wrapped(given.pages[Topic.REPORT].title, columns))
    if given.unlisted:
        yield from (*_wrapped(given.unlisted, columns), "")
    if given.country is not None:
        yield loud(given.say(given.country.name))
        yield from (*_place(given, given.country, columns), "")
    yield from map(loud, _wrapped(given.labels.everywhere, columns))
    yield from _place(given, given.places.anywhere, columns)
    yield ""
    said = (given.labels.another.format(codes=given.codes), given.labels.unlinked, given.checked, given.sources)
    for sentence in said:
        yield from _wrapped(sentence, columns)


def _place(given: Advice, place: Place, columns: int) -> Iterator[str]:
    if place.secondary:
        yield from _wrapped(given.labels.secondary, columns)
    for what, routes in place.groups:
        yield from _wrapped(f"{given.say(what)}:", columns, "- ")
        for route in routes:
            yield from _wrapped(_how(route), columns, "    ")
            if route.note:
                yield from _wrapped(given.say(route.note), columns, "    ")


def _how(route: Route) -> str:
    """Who it is and how to get there; a name that is a number or an address is said once."""
    return ", ".join(dict.fromkeys(each for each in (route.name, route.phone, route.url, route.mail) if each))


def _wrapped(text: str, columns: int, begin: str = "") -> Iterator[str]:
    """A text in lines, the later ones set in as far as the first; a number or an address is never broken."""
    yield from textwrap.wrap(
        text,
        columns,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )
