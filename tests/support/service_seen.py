"""The service as tests of what people meet look at it: a stage that each user can reach, and what its log says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from camguard.core.events import Kind
from camguard.journal.entry import Entry
from camguard.journal.queries import Reader
from tests.support.commands import Running
from tests.support.service_stage import ServiceStage, until


@contextmanager
def reachable_stage(config: str = "") -> Iterator[ServiceStage]:
    """A stage that other users can reach, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="camguard-") as folder:
        stage = ServiceStage(Path(folder), config=config)
        try:
            yield stage
        finally:
            stage.close()


@contextmanager
def seen_by(watch: Running) -> Iterator[None]:
    """What happens from here on is seen by a watch that was just started."""
    watch.object_with(event="status")
    yield


def entries(stage: ServiceStage, *kinds: Kind) -> list[Entry]:
    with Reader(stage.journal) as reader:
        return reader.entries(0, kinds or None)


def until_named(stage: ServiceStage, times: int = 1) -> None:
    """Wait until so many verdicts say whom they are about: one that could not wait for that may be there before."""
    until("a use is judged", lambda: sum(bool(entry.data["app"]) for entry in entries(stage, Kind.JUDGED)) >= times)


def extras(stage: ServiceStage, kind: Kind) -> list[dict[str, Any]]:
    return [entry.data["extra"] for entry in entries(stage, kind)]


def is_off(stage: ServiceStage) -> bool:
    return not stage.node.exists() and stage.node.with_suffix(".off").exists()
