"""How hard a text is to read, by formulas that have been tried on many readers.

Written here since the packages that count syllables fetch a dictionary when they run. Syllables are counted by groups
of vowels, which is near enough for plain words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LONG = 6
"""Words of more letters than this are long: so in Björnsson's LIX and in the Wiener Sachtextformel."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the formulas start from."""

    sentences: int
    words: tuple[str, ...]
    syllables: tuple[int, ...]

    @property
    def per_sentence(self) -> float:
        return len(self.words) / self.sentences

    @property
    def long_share(self) -> float:
        return 100 * sum(len(word) > LONG for word in self.words) / len(self.words)


def flesch_kincaid_grade(said: Sequence[str]) -> float:
    """The school year in the United States in which an English text is understood; 6 is about twelve years.

    Kincaid, Fishburne, Rogers and Chissom, "Derivation of new readability formulas", 1975.
    """
    found = _measured(said, _ENGLISH)
    return 0.39 * found.per_sentence + 11.8 * sum(found.syllables) / len(found.words) - 15.59


def wiener_sachtextformel(said: Sequence[str]) -> float:
    """The school year in which a German text is understood; 6 is about twelve years.

    The first formula of Bamberger and Vanecek, "Lesen, Verstehen, Lernen, Schreiben", 1984.
    """
    found = _measured(said, _GERMAN)
    number = len(found.words)
    three = 100 * sum(count >= 3 for count in found.syllables) / number
    one = 100 * sum(count == 1 for count in found.syllables) / number
    return 0.1935 * three + 0.1672 * found.per_sentence + 0.1297 * found.long_share - 0.0327 * one - 0.875


def lix(said: Sequence[str]) -> float:
    """Björnsson's measure for any language, 1968: below 40 is easy, below 30 for children."""
    found = _measured(said, _GERMAN)
    return found.per_sentence + found.long_share


def _measured(said: Sequence[str], syllables: re.Pattern[str]) -> Measured:
    sentences = [each for text in said for each in re.split(r"[.!?:](?:\s|$)", text) if re.search(r"\w", each)]
    words = tuple(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", " ".join(sentences)))
    counts = tuple(max(1, len(syllables.findall(word.lower()))) for word in words)
    return Measured(len(sentences), words, counts)


_ENGLISH = re.compile(r"(?!e(?:s|d)?$)[aeiouy]+|(?<=[^aeiouy]l)e$|(?<=[td])ed$|(?<=[sxz])es$")
"""One for each syllable of an English word: a last e is silent, and so mostly are -ed and -es, but not in "-le"."""

_GERMAN = re.compile(r"ei|ai|au|eu|äu|ie|aa|ee|oo|[aeiouyäöü]")
"""One for each syllable of a German word: two vowels that are not one sound are two."""
