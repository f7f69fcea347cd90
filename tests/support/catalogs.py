"""The advice in other languages: what there is to translate, and the catalogues that gettext reads.

``python -m tests.support.catalogs`` brings each ``.po`` up to date with the texts, and writes its ``.mo``.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from camguard.advice.language import DOMAIN, ENGLISH, LANGUAGES
from camguard.advice.places import places

ADVICE = Path(__file__).parents[2] / "camguard" / "advice"
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
WIDTH = 120
EPOCH = datetime(2026, 11, 25, tzinfo=UTC)
"""Stands for every date that Babel would put into a catalogue: the same texts make the same file."""


def texts() -> Iterator[tuple[str, str]]:
    """Each text that is to be translated, with the file it is in."""
    for _, text, _, _ in extract_from_file("python", ADVICE / "texts.py", keywords={"_": None}):
        assert isinstance(text, str)
        yield "texts.py", text
    known = places()
    for source in known.sources:
        yield "places.toml", source
    for place in known.place:
        yield "places.toml", place.name
        for route in place.route:
            yield from (("places.toml", text) for text in (route.what, route.note) if text)


def template() -> Catalog:
    """All of them as a catalogue without translations."""
    made = Catalog(project="camguard", version=DOMAIN, creation_date=EPOCH, fuzzy=False)
    for file, text in texts():
        made.add(text, locations=[(file, 0)])
    return made


def po(language: str) -> Path:
    """The catalogue that people edit."""
    return ADVICE / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """What is in it."""
    with po(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN, charset="utf-8")


def written(catalog: Catalog) -> bytes:
    """A catalogue as its ``.po`` is to be."""
    target = io.BytesIO()
    write_po(
        target, catalog, width=WIDTH, sort_output=False, omit_header=False, include_lineno=False, ignore_obsolete=True
    )
    return target.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    target = io.BytesIO()
    write_mo(target, catalog)
    return target.getvalue()


def updated(language: str) -> Catalog:
    """The catalogue of a language with the texts as they are now; new ones are without a translation."""
    catalog = read(language)
    catalog.update(template(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.creation_date = catalog.revision_date = EPOCH
    catalog.project, catalog.version = "camguard", DOMAIN
    catalog.last_translator, catalog.language_team = "the authors of camguard", language
    catalog.msgid_bugs_address = "see CONTRIBUTING.md"
    return catalog


def main() -> None:
    """Bring all of them up to date."""
    for language in OTHERS:
        catalog = updated(language)
        po(language).write_bytes(written(catalog))
        po(language).with_suffix(".mo").write_bytes(compiled(catalog))


if __name__ == "__main__":
    main()
