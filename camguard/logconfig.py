"""``[log]`` of the configuration: who may read in the activation log."""

from __future__ import annotations

import msgspec


class LogSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """As it is written. `private`: of a user's uses nobody reads in the log but that user and root."""

    private: bool = False
