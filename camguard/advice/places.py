"""Who takes reports and helps, country by country, from the one file in which that stands: ``places.toml``.

The file is a part of camguard and decoded strictly; it says itself what each key means.
"""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import groupby

import msgspec

from camguard.shapes import Shape

ANYWHERE = ""
"""The code of the place that is for everybody."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all entries share: each key is known, and nothing changes."""


class Route(_Entry, frozen=True):
    """One way to report or to get help; `what` and `note` are translated, `name` is not."""

    what: str
    name: str
    phone: str = ""
    dial: str = ""
    url: str = ""
    mail: str = ""
    note: str = ""

    @property
    def host(self) -> str:
        """The page's address as people write it; empty where there is none."""
        return self.url.removeprefix("https://")

    @property
    def digits(self) -> str:
        """The number as a telephone dials it; empty where there is none."""
        return self.dial or "".join(mark for mark in self.phone if mark.isdecimal())


class Place(_Entry, frozen=True):
    """A country, by its code in ISO 3166-1, or with the code `ANYWHERE` all of them."""

    code: str
    name: str
    route: tuple[Route, ...]
    also: tuple[str, ...] = ()
    secondary: bool = False

    @property
    def groups(self) -> tuple[tuple[str, tuple[Route, ...]], ...]:
        """The routes in their order, those that follow one another for the same thing together, with what it is."""
        return tuple((what, tuple(routes)) for what, routes in groupby(self.route, lambda route: route.what))


class Places(_Entry, frozen=True):
    """All of them; `checked` is when they were last compared with what the `sources` say."""

    checked: date
    sources: tuple[str, ...]
    place: tuple[Place, ...]

    @property
    def anywhere(self) -> Place:
        """What is there for everybody."""
        return next(place for place in self.place if place.code == ANYWHERE)

    @property
    def countries(self) -> tuple[Place, ...]:
        """The countries."""
        return tuple(place for place in self.place if place.code != ANYWHERE)

    def country(self, code: str) -> Place | None:
        """The country that is called so, in capitals; None where the file has none."""
        return next((place for place in self.countries if code == place.code or code in place.also), None)


_PLACES = Shape(Places)


@cache
def places() -> Places:
    """What the file says, read once. Raises msgspec.ValidationError where it is not of this form."""
    return decode((files("camguard.advice") / "places.toml").read_text(encoding="utf-8"))


def decode(text: str) -> Places:
    """What a text of that form says. Raises msgspec.ValidationError, or tomllib.TOMLDecodeError where it is no TOML."""
    return _PLACES.of(tomllib.loads(text))
