"""In which country a person probably is: a guess, to have one chosen first. It is shown as one, and can be changed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

_LOCALE = re.compile(r"[a-z]{2,3}_([A-Z]{2})(?:[.@].*)?")
_CODE = re.compile(r"[A-Z]{2,3}")

_TELLING = ("LC_ALL", "LC_TELEPHONE", "LC_ADDRESS", "LC_MESSAGES", "LANG")
"""Where the locale may name a country, the most telling first: how telephone numbers look says more than a language."""


def guessed(environ: Mapping[str, str] = os.environ) -> str | None:
    """The code of the country that the locale names; None where it names none."""
    for name in _TELLING:
        found = _LOCALE.fullmatch(environ.get(name, ""))
        if found is not None:
            return found[1]
    return None


def code_of(text: str) -> str:
    """A country's code as a person wrote it, in capitals. Raises ValueError where it cannot be one."""
    code = text.strip().upper()
    if not _CODE.fullmatch(code):
        raise ValueError(f'"{text}" is no country code; write two letters, for example --country GB')
    return code
