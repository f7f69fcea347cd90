"""Uses through the service, the oldest first: none twice and none missing, whatever comes meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from camguard.access.remote import Remote
from camguard.ipc import calls
from camguard.ipc.client import Client
from camguard.journal.filter import Filter
from camguard.journal.fold import ActivationRecord
from camguard.journal.queries import Reader
from tests.support.journal_data import fill


class Pages:
    """A service on uses that become one more with each question; keeps how many each answer had."""

    version = "1"

    def __init__(self, records: list[ActivationRecord]) -> None:
        self.records = records
        self.told: list[int] = []

    def call(self, call: calls.Log) -> dict[str, Any]:
        found = [record for record in self.records[::-1] if call.before is None or record.number < call.before]
        page = found[: call.limit]
        self.told.append(len(page))
        self.records.append(replace(self.records[-1], number=self.records[-1].number + 1))
        return {"activations": msgspec.to_builtins(page), "more": len(page) < len(found)}


@pytest.mark.parametrize("number", [1, calls.MAX_LIMIT, 3 * calls.MAX_LIMIT - 7])
def test_each_use_comes_once_in_its_order_though_there_are_more_and_more(tmp_path: Path, number: int) -> None:
    fill(tmp_path / "journal.db", number)
    with Reader(tmp_path / "journal.db") as reader:
        records = list(reader.activations(Filter(limit=None)))
    assert len(records) == number
    pages = Pages(sorted(records, key=lambda record: record.number))
    remote = Remote(cast("Client", pages))
    found = [record.number for record in remote.oldest_first(Filter(limit=None))]
    assert found == list(range(1, number + 1))
    assert max(pages.told) <= calls.MAX_LIMIT
