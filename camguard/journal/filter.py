"""Which activations of the log are asked for: for whoever asks, and whoever reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from camguard.journal.fold import ActivationRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which activations: those that lasted into [since, until] (UTC nanoseconds), and match what else is given.

    `app` is part of the app's name, identity or path, `camera` of the camera's name or id, in any case;
    `unexpected` leaves out what was expected or not judged, `unanswered` all but alerts that nobody answered. `uid` is
    the user whose process it was. `before` leaves out the activation of that number and the newer ones. `limit` keeps
    the newest.
    """

    since: int | None = None
    until: int | None = None
    app: str | None = None
    camera: str | None = None
    unexpected: bool = False
    limit: int | None = None
    uid: int | None = None
    before: int | None = None
    unanswered: bool = False

    def matches(self, record: ActivationRecord) -> bool:
        """Whether what a record says of app, camera, user and verdict is asked for; times are the reader's to know."""
        if self.uid is not None and (record.process or {}).get("uid") != self.uid:
            return False
        if self.unexpected and record.verdict in {None, "expected"}:
            return False
        if self.unanswered and not (record.alerted and record.decision is None):
            return False
        if self.app is None and self.camera is None:
            return True
        app, camera = record.app or {}, record.camera or {}
        return _contains(self.app, record.app_name, app.get("id"), app.get("path")) and _contains(
            self.camera, camera.get("name"), camera.get("id")
        )


ALL = Filter()
"""All of them."""


def to_utc_ns(at: datetime) -> int:
    """An aware time in UTC nanoseconds."""
    return (at - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND


def _contains(needle: str | None, *texts: Any) -> bool:
    return needle is None or any(needle.casefold() in str(text).casefold() for text in texts if text)
