"""What the tests of pages start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import chromium
from tests.support.chromium import Browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """A browser for the tests of one file."""
    with chromium.browser() as found:
        yield found
