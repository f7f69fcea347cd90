"""In which language the advice is given. English is in the code itself, each other language is a catalogue of gettext.

The catalogues lie beside this file, as ``.po`` to be edited and as ``.mo`` to be read; CONTRIBUTING.md says how the one
is made of the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from gettext import GNUTranslations
from importlib.resources import files

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}
"""The languages there are, by code, as each calls itself."""

DOMAIN = "advice"

Translate = Callable[[str], str]
"""Gives a text in the language that was chosen."""


def preferred(environ: Mapping[str, str] = os.environ) -> str:
    """The language of this person, as gettext reads it from the environment; English where there is no other.

    LC_ALL, LC_MESSAGES and LANG name one, the first that is set; LANGUAGE may list several that go before it, but not
    where the one is C (see "The LANGUAGE variable" in the manual of GNU gettext).
    """
    named = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environ.get(name))), "C")
    if _base(named) in {"c", "posix"}:
        return ENGLISH
    wanted = [*environ.get("LANGUAGE", "").split(":"), named]
    return next((base for each in wanted if (base := _base(each)) in LANGUAGES), ENGLISH)


def translation(language: str) -> Translate:
    """How to say things in one of `LANGUAGES`; what a catalogue lacks is said in English."""
    if language == ENGLISH:
        return _as_it_is
    with (files("camguard.advice") / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        return GNUTranslations(file).gettext


def _base(locale: str) -> str:
    """The language of a locale's name: ``de_AT.UTF-8`` is ``de``."""
    return locale.partition(".")[0].partition("@")[0].partition("_")[0].lower()


def _as_it_is(text: str) -> str:
    return text
