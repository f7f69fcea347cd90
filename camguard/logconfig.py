"""What the configuration says of the activation log beside where it is: section ``[log]``."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

FOREVER = "forever"
YEAR = "1y"


class LogSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The section as it is written. `private`: of a user's uses nobody reads in the log but that user and root."""

    keep: str | int | float = YEAR
    private: bool = False


@dataclass(frozen=True, slots=True)
class LogChoices:
    """The section as it holds. `keep_ns` is how old an entry may get, None for as old as it likes; `keep` in words."""

    keep_ns: int | None = 365 * 86_400 * 1_000_000_000
    keep: str = YEAR
    private: bool = False
