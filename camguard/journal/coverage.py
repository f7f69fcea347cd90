"""When the guard was watching, asked of the log's file."""

from __future__ import annotations

from pathlib import Path

from camguard.core.coverage import KINDS, Stretch, sign_of, stretches
from camguard.journal.queries import Reader


def coverage(database: Path, begin_utc_ns: int, end_utc_ns: int) -> tuple[Stretch, ...]:
    """What there is between two times of the wall clock. Raises what `Reader` does."""
    with Reader(database) as reader:
        signs = [sign for entry in reader.entries(kinds=KINDS) if (sign := sign_of(entry.line)) is not None]
    return stretches(signs, begin_utc_ns, end_utc_ns)
