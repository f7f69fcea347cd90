"""What of the events the systemd journal is told: ``[system_journal]`` of the configuration."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Share(StrEnum):
    """How much. Who may read the systemd journal is not for camguard to say: often the group ``adm`` may."""

    ALL = "all"
    REDUCED = "reduced"  # what anybody on the machine may see: no app, no process, no user
    NONE = "none"


class SystemJournalTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The table as it is written."""

    events: Share = Share.ALL
