"""The advice as it is given to one person: in a language, and for a country."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from camguard.advice.language import Translate, translation
from camguard.advice.places import Place, Places, Route, places
from camguard.advice.texts import Labels, Page, Topic, labels, pages


@dataclass(frozen=True, slots=True)
class Advice:
    """All that can be shown. `wanted` is the code of the country that was asked for or guessed, None for neither."""

    language: str
    say: Translate
    pages: dict[Topic, Page]
    labels: Labels
    places: Places
    wanted: str | None

    @property
    def country(self) -> Place | None:
        """The country that is wanted; None where it has no list, or none is wanted."""
        return None if self.wanted is None else self.places.country(self.wanted)

    @property
    def unlisted(self) -> str:
        """What to say where the country that is wanted has no list; empty where it has, or none is wanted."""
        if self.wanted is None or self.country is not None:
            return ""
        return self.labels.unlisted.format(code=self.wanted)

    @property
    def codes(self) -> str:
        """The countries there are, each by the code that chooses it."""
        return ", ".join(f"{place.code} ({self.say(place.name)})" for place in self.places.countries)

    @property
    def checked(self) -> str:
        """When the places were last compared with their sources."""
        return self.labels.checked.format(date=self.places.checked.isoformat())

    @property
    def sources(self) -> str:
        """Whose pages the places and the words come from."""
        return self.labels.sources.format(sources=", ".join(map(self.say, self.places.sources)))


def advice(language: str, wanted: str | None) -> Advice:
    """The advice in one of `LANGUAGES`, for the country of this code; None for no country."""
    say = translation(language)
    return Advice(language, say, pages(say), labels(say), places(), wanted)


def record(given: Advice, topic: Topic) -> dict[str, Any]:
    """One page, as other programs read it."""
    page = given.pages[topic]
    shown = [place for place in (given.country, given.places.anywhere) if place is not None] if page.places else []
    return {
        "language": given.language,
        "topic": topic.value,
        "title": page.title,
        "parts": [
            {"kind": part.kind.value, "heading": part.heading, "said": part.said} for part in (*page.parts, *page.after)
        ],
        "country": given.country.code if given.country is not None else None,
        "places": [_place(given, place) for place in shown],
        "checked": given.places.checked.isoformat(),
        "sources": [given.say(source) for source in given.places.sources],
        "topics": [each.value for each in Topic],
        "countries": [place.code for place in given.places.countries],
    }


def _place(given: Advice, place: Place) -> dict[str, Any]:
    routes = [_route(given, route) for route in place.route]
    return {"code": place.code, "name": given.say(place.name), "secondary": place.secondary, "routes": routes}


def _route(given: Advice, route: Route) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(route)
    return {**told, "what": given.say(route.what), "note": given.say(route.note) if route.note else ""}
