"""The advice: its words, its places, and whom it takes the reader for."""

from __future__ import annotations

import string
from datetime import date
from gettext import GNUTranslations

import msgspec
import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from camguard.advice.advising import Advice, advice, record
from camguard.advice.country import code_of, guessed
from camguard.advice.language import ENGLISH, LANGUAGES, preferred
from camguard.advice.places import decode, places
from camguard.advice.terminal import NARROWEST, WIDEST, lines
from camguard.advice.texts import CASES, Kind, Topic
from tests.support import catalogs
from tests.support.readability import flesch_kincaid_grade, lix, wiener_sachtextformel

TWELVE_YEARS = 6.0
"""The school year at the end of which people are twelve."""

EASY = 30.0
"""What LIX gives to books for children."""

HARD = {
    "en": "Notwithstanding the aforementioned considerations, individuals experiencing intimidation are encouraged to "
    "communicate immediately with the organisations responsible for investigating such unauthorised distribution.",
    "de": "Unbeschadet der vorgenannten Bestimmungen empfiehlt sich eine unverzügliche Kontaktaufnahme mit den für die "
    "Strafverfolgung derartiger Veröffentlichungen zuständigen Ermittlungsbehörden.",
}
NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "XK", "ZZ"}
"""Two letters that Babel has a name for, and ISO 3166-1 no country."""

FACTS = {
    "": {"https://StopNCII.org", "https://takeitdown.ncmec.org"},
    "GB": {
        "999", "101", "Report Fraud", "https://reportfraud.police.uk", "0300 123 2040", "report@phishing.gov.uk",
        "CEOP", "Report Remove, by Childline and the IWF", "Revenge Porn Helpline", "0345 6000 459",
    },
    "US": {
        "911", "https://tips.fbi.gov", "1-800-CALL-FBI", "https://ic3.gov", "https://report.cybertip.org",
        "1-800-843-5678", "988",
    },
    "CA": {"911", "Your local police", "https://Cybertip.ca", "1-866-658-9022", "https://NeedHelpNow.ca"},
    "AU": {"000", "ACCCE", "eSafety", "ReportCyber"},
    "NZ": {"Police", "Netsafe", "0508 638723"},
    "IE": {"Gardaí", "https://Hotline.ie"},
    "IN": {"1930", "https://cybercrime.gov.in"},
    "SG": {"999", "1800-255-0000"},
}  # fmt: skip
"""What was found, by country: each of these has to be offered there."""

SECONDARY = {"US", "NZ", "IN"}
"""The countries of which only other pages told."""


def said(given_advice: Advice, topic: Topic) -> list[str]:
    """The sentences of a page, without its commands."""
    page = given_advice.pages[topic]
    parts = [part for part in (*page.parts, *page.after) if part.kind is not Kind.COMMANDS]
    found = [page.title, *(text for part in parts for text in (part.heading, *part.said) if text)]
    if topic is Topic.REPORT:
        words = given_advice.labels
        found += [words.choose, words.everywhere, words.unlisted, words.unlinked, words.secondary]
    return found


def plain(given_advice: Advice, topic: Topic, width: int | None = None) -> list[str]:
    return list(lines(given_advice, topic, width, lambda line: line))


@pytest.mark.parametrize("topic", Topic)
def test_somebody_of_twelve_can_read_it_in_english(topic: Topic) -> None:
    assert flesch_kincaid_grade(said(advice("en", None), topic)) <= TWELVE_YEARS


@pytest.mark.parametrize("topic", Topic)
def test_somebody_of_twelve_can_read_it_in_german(topic: Topic) -> None:
    text = said(advice("de", None), topic)
    assert wiener_sachtextformel(text) <= TWELVE_YEARS
    assert lix(text) <= EASY


def test_what_is_hard_to_read_is_found_to_be() -> None:
    assert flesch_kincaid_grade([HARD["en"]]) > 2 * TWELVE_YEARS
    assert wiener_sachtextformel([HARD["de"]]) > 2 * TWELVE_YEARS
    assert lix([HARD["de"]]) > 2 * EASY
    assert flesch_kincaid_grade(["The cat sat on the mat."]) < 1


@pytest.mark.parametrize("language", catalogs.OTHERS)
def test_every_text_is_translated(language: str) -> None:
    catalog = catalogs.read(language)
    wanted = {text for _, text in catalogs.texts()}
    assert len(wanted) > 100
    have = {str(message.id): message for message in catalog if message.id}
    assert sorted(wanted ^ set(have)) == [], "run: python -m tests.support.catalogs"
    assert [text for text, message in have.items() if not message.string or message.fuzzy] == []
    assert [text for text, message in have.items() if _fields(text) != _fields(str(message.string))] == []


@pytest.mark.parametrize("language", catalogs.OTHERS)
def test_gettext_reads_what_people_edit(language: str) -> None:
    with catalogs.po(language).with_suffix(".mo").open("rb") as file:
        read = GNUTranslations(file)
    catalog = catalogs.read(language)
    assert {text: read.gettext(text) for text in (str(each.id) for each in catalog if each.id)} == {
        str(each.id): each.string for each in catalog if each.id
    }, "run: python -m tests.support.catalogs"


@pytest.mark.parametrize("topic", Topic)
def test_nothing_of_one_language_is_in_another(topic: Topic) -> None:
    english, german = advice("en", "US"), advice("de", "US")
    assert set(said(english, topic)) & set(said(german, topic)) == set()


def test_every_place_that_was_found_is_offered() -> None:
    known = places()
    assert {place.code for place in known.place} == set(FACTS)
    for place in known.place:
        there = {each for route in place.route for each in (route.name, route.phone, route.url, route.mail) if each}
        assert FACTS[place.code] <= there, place.code
        assert place.secondary is (place.code in SECONDARY)
    assert known.checked <= date(2026, 11, 25)
    assert known.sources


def test_countries_are_called_as_in_iso_3166() -> None:
    iso = {code: name for code, name in Locale.parse("en").territories.items() if len(code) == 2 and code.isalpha()}
    for place in places().countries:
        assert place.code not in NO_COUNTRIES
        assert iso[place.code] == place.name
        assert Locale.parse("de").territories[place.code] == advice("de", None).say(place.name)


def test_a_number_in_letters_is_dialled_as_the_keys_have_them() -> None:
    keys = dict(zip(string.ascii_uppercase, "22233344455566677778889999", strict=True))
    for place in places().place:
        for route in place.route:
            assert route.digits == "".join(keys.get(mark, mark) for mark in route.phone if mark.isalnum())


def test_no_place_is_known_by_a_key_that_nobody_reads() -> None:
    with pytest.raises(msgspec.ValidationError, match="fee"):
        decode('checked = 2026-01-01\nsources = []\n[[place]]\ncode = "GB"\nname = "x"\nroute = []\nfee = 5\n')


def test_under_18_comes_first_where_it_matters() -> None:
    given_advice = advice("en", "GB")
    for topic in (Topic.START, Topic.CONTACT):
        page = given_advice.pages[topic]
        kinds = [part.kind for part in (*page.parts, *page.after)]
        assert Kind.YOUNG in kinds
        if Kind.STEPS in kinds:
            assert kinds.index(Kind.YOUNG) < kinds.index(Kind.STEPS)
    for place in places().place:
        young = [index for index, route in enumerate(place.route) if "under 18" in route.what]
        emergency = sum(route.what == "In an emergency" for route in place.route)
        assert young == list(range(emergency, emergency + len(young))), place.code


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_page_asks_which_case_it_is(language: str) -> None:
    shown = "\n".join(plain(advice(language, None), Topic.START))
    for topic in Topic:
        assert (f"camguard advice {topic}\n" in f"{shown}\n") is (topic is not Topic.START)
    assert shown.index(f"advice {CASES[0]}") < shown.index(f"advice {CASES[1]}") < shown.index("advice report")


@pytest.mark.parametrize("topic", [*CASES, Topic.REPORT])
def test_where_to_report_is_said_for_the_country(topic: Topic) -> None:
    shown = " ".join(plain(advice("en", "GB"), topic))
    for each in FACTS["GB"] | FACTS[""]:
        assert each in shown
    assert "Netsafe" not in shown
    assert "Last checked: 2026-11-25." in shown
    assert "Check it before you rely on it" not in shown
    assert "Check it before you rely on it" in " ".join(plain(advice("en", "US"), topic))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_country_that_has_no_list_is_told_what_to_do(language: str) -> None:
    shown = " ".join(plain(advice(language, "BR"), Topic.REPORT, 1000))
    assert "(BR)" in shown
    assert {"en": "the police where you live", "de": "Polizei bei dir"}[language] in shown
    assert all(each in shown for each in FACTS[""])
    nowhere = " ".join(plain(advice(language, None), Topic.REPORT, 1000))
    assert "(BR)" not in nowhere
    assert all(each in nowhere for each in FACTS[""])


def test_what_people_call_a_country_is_understood() -> None:
    assert places().country(code_of(" uk ")) is places().country("GB")
    assert places().country(code_of("usa")) is places().country("US")
    for wrong in ("", "G", "Great Britain", "12", "G\x1b"):
        with pytest.raises(ValueError, match="two letters"):
            code_of(wrong)


@settings(max_examples=30)
@given(width=st.integers(0, 200), topic=st.sampled_from(Topic), language=st.sampled_from(sorted(LANGUAGES)))
def test_lines_fit_and_say_all(width: int, topic: Topic, language: str) -> None:
    given_advice = advice(language, "US")
    shown = plain(given_advice, topic, width)
    fits = max(NARROWEST, min(width or WIDEST, WIDEST))
    assert all(len(line) <= fits or "camguard " in line or len(line.split()) == 1 for line in shown)
    words = " ".join(shown).split()
    page = given_advice.pages[topic]
    for part in (*page.parts, *page.after):
        assert set(" ".join(part.said).split()) <= set(words)


@pytest.mark.parametrize("topic", Topic)
def test_programs_are_told_the_same(topic: Topic) -> None:
    told = record(advice("de", "UK"), topic)
    assert told["title"] == advice("de", None).pages[topic].title
    assert told["country"] == "GB"
    assert [place["code"] for place in told["places"]] == (["GB", ""] if topic in {*CASES, Topic.REPORT} else [])
    assert record(advice("de", "BR"), topic)["country"] is None


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "de_AT.UTF-8"}, "de"),
        ({"LANG": "de"}, "de"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "de_DE@euro"}, "de"),
        ({"LANG": "de_DE", "LC_ALL": "en_US"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8", "LANGUAGE": "fr:de:en"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "en:de"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": ""}, "de"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "de"}, "en"),
        ({"LC_ALL": "", "LANG": "de_CH"}, "de"),
        ({"LANG": "../../de"}, "en"),
    ],
)
def test_the_language_is_the_persons_own(environ: dict[str, str], language: str) -> None:
    assert preferred(environ) == language
    assert language in {ENGLISH, *catalogs.OTHERS}


@pytest.mark.parametrize(
    ("environ", "country"),
    [
        ({}, None),
        ({"LANG": "C.UTF-8"}, None),
        ({"LANG": "en_IE.UTF-8"}, "IE"),
        ({"LANG": "en_US.UTF-8", "LC_TELEPHONE": "en_GB.UTF-8"}, "GB"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "en_NZ"}, "NZ"),
        ({"LANG": "de_DE@euro"}, "DE"),
        ({"LANG": "de"}, None),
        ({"LANG": "en_GB\x1b[31m"}, None),
    ],
)
def test_the_country_is_guessed_from_the_locale(environ: dict[str, str], country: str | None) -> None:
    assert guessed(environ) == country


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
