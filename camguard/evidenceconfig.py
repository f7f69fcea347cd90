"""``[evidence]`` of the configuration: what is kept of a program that was ended."""

from __future__ import annotations

import msgspec


class EvidenceSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """As it is written. `keep_executable`: a program that was ended unexpectedly is copied, up to 50 MiB."""

    keep_executable: bool = False
