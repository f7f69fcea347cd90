"""What the log knows of a time, as it is told to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

from camguard.core.coverage import Stretch
from camguard.journal.fold import ActivationRecord


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at the chain has shown: `count` entries, the newest, are good; `whole`: so are all it looked at.

    `all` says whether they are all that there are; `sentence` what is wrong with the first that is not good.
    """

    count: int
    whole: bool
    all: bool
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class TimedUse:
    """A use, or a look, that may lie in a time.

    `until_utc_ns` is until when it is known to have gone on: its end, or where the guard stopped watching before that,
    the last moment at which it was seen. `whole` is False where only that there was one is told.
    """

    record: ActivationRecord
    until_utc_ns: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """All that the log knows of a time; `uses` are the newest `MOST_USES`, and `more` says whether there are others."""

    stretches: tuple[Stretch, ...]
    uses: tuple[TimedUse, ...]
    more: bool
    checked: Checked
