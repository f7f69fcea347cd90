"""What every test starts from."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A shared machine stalls now and then: how long one example took says nothing.
settings.register_profile("camguard", deadline=None, print_blob=True)
settings.load_profile("camguard")


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is read: no configuration that their environment names."""
    monkeypatch.delenv("CAMGUARD_CONFIG", raising=False)
