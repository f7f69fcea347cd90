"""What the tray knows: how things stand, which alerts wait for an answer, and what is to be shown of it.

Pure: records in, a look, cards and menu rows out. An event of the service is a hint to ask again how things stand
(`stale`); only an alert is shown from the event itself, since it must not wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from camguard.core.events import Kind
from camguard.core.model import Judgement
from camguard.core.power import Power
from camguard.desktop.cards import Card, alert_card
from camguard.desktop.look import Look
from camguard.desktop.uses import Alerted, CameraNow, UseNow, alerted_of, cameras_of, number_of, uses_of

Told = Mapping[str, Any]

KEPT = 200
"""So many alerts are kept in mind; the log has all of them."""

_OVER = frozenset({Kind.ENDED, Kind.PROBE})
_UNHEEDED = frozenset({Kind.CALL_REFUSED})


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand. `blind` says in a sentence why the guard, or a part of it, does not see; None where it does.

    `source` says who guards, `service` whether that is the service, which goes on without the tray, and `can_switch`
    whether it has the rights to switch cameras.
    """

    cameras: tuple[CameraNow, ...] = ()
    uses: tuple[UseNow, ...] = ()
    blind: str | None = "The guard has not been found yet."
    source: str = ""
    service: bool = False
    can_switch: bool = False


class Board:
    """Everything that the tray shows. Not for use from two threads."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.stale = False
        """Whether something happened since `stand` that may have changed how things stand."""
        self._alerts: dict[int, Alerted] = {}
        self._dismissed: set[int] = set()
        self._blind: dict[str, str] = {}

    def stand(self, status: Told, now_s: float, source: str, *, service: bool, first: bool) -> None:
        """Take in how things stand; `now_s` is the monotonic clock.

        `first` after a time in which no events came: an alert whose use does not go on is over then. Later the event
        says so, since a camera that is closed and opened again at once is one use.
        """
        uses = uses_of(status, now_s)
        blind = status.get("trouble") or next(iter(self._blind.values()), None)
        can_switch = bool(status.get("switches"))
        self.standing = Standing(cameras_of(status), uses, blind, source, service, can_switch)
        self.stale = False
        if first:
            live = {use.number for use in uses}
            self._alerts = {number: replace(alert, over=number not in live) for number, alert in self._alerts.items()}

    def lose(self, why: str) -> None:
        """The guard cannot be asked any more: nothing is known but that."""
        self.standing = replace(self.standing, uses=(), blind=why, service=False, can_switch=False)
        self._blind.clear()

    def recall(self, unanswered: Iterable[Alerted]) -> None:
        """Take in which alerts the log says nobody answered; of another user's, which it does not tell, nothing."""
        foreign = {number: alert for number, alert in self._alerts.items() if alert.told.get("reduced")}
        self._alerts = dict(sorted({**foreign, **{alert.number: alert for alert in unanswered}}.items()))
        self._dismissed &= self._alerts.keys()

    def take(self, told: Told) -> None:
        """Take in something that happened."""
        kind, number = told.get("event"), number_of(told)
        if kind in _UNHEEDED:
            return
        self.stale = True
        if kind == Kind.GUARD_BLIND:
            extra = told.get("extra") or {}
            self._blind[str(extra.get("what"))] = str(extra.get("why"))
        elif kind == Kind.GUARD_SIGHTED:
            self._blind.pop(str((told.get("extra") or {}).get("what")), None)
        elif kind == Kind.ALERT:
            self._alert(told)
        elif number in self._alerts:
            self._follow(self._alerts[number], told)

    def answered(self, number: int) -> None:
        """An alert was answered: it is shown no longer."""
        self._alerts.pop(number, None)
        self._dismissed.discard(number)

    def dismissed(self, number: int) -> None:
        """A person closed an alert without answering: it stays in the menu, and is not shown again."""
        if number in self._alerts:
            self._dismissed.add(number)

    def asked_again(self, number: int) -> None:
        """An alert's answer could not be carried out: it is shown again."""
        self._dismissed.discard(number)

    @property
    def look(self) -> Look:
        """The icon that shows how things stand."""
        standing = self.standing
        if standing.blind is not None:
            return Look.BLIND
        if any(not alert.over for alert in self._alerts.values()):
            return Look.UNEXPECTED
        if any(use.capturing for use in standing.uses):
            return Look.EXPECTED
        cameras = standing.cameras
        return Look.OFF if cameras and all(camera.power is Power.OFF for camera in cameras) else Look.IDLE

    @property
    def going_on(self) -> tuple[Alerted, ...]:
        """The alerts about uses that go on, oldest first."""
        return tuple(alert for alert in self._alerts.values() if not alert.over)

    @property
    def missed(self) -> tuple[Alerted, ...]:
        """The alerts about uses that are over, and that nobody answered, oldest first."""
        return tuple(alert for alert in self._alerts.values() if alert.over)

    def waiting(self, number: int) -> bool:
        """Whether there is an alert about this use that nobody has answered."""
        return number in self._alerts

    def cards(self, now: datetime, most: int) -> dict[str, Card]:
        """The alerts to be on the screen, the newest `most` of them.

        Those of uses that are over were withdrawn; of a block, which ends its use, the alert stays.
        """
        shown = [
            alert
            for alert in self._alerts.values()
            if alert.number not in self._dismissed and (not alert.over or _blocked(alert))
        ]
        return {alert.key: alert_card(alert, now) for alert in shown[-most:]}

    def _alert(self, told: Told) -> None:
        alert = alerted_of(told)
        if alert is not None:
            self._alerts[alert.number] = alert
            for oldest in list(self._alerts)[:-KEPT]:
                del self._alerts[oldest]

    def _follow(self, alert: Alerted, told: Told) -> None:
        kind = told.get("event")
        if kind == Kind.DECIDED:
            self.answered(alert.number)
        elif kind in _OVER:
            self._alerts[alert.number] = replace(alert, over=True)
        elif told.get("verdict") == Judgement.EXPECTED:
            self.answered(alert.number)  # a rule allows it by now
        elif told.get("verdict") is not None:
            self._alerts[alert.number] = replace(alert, told={**alert.told, **told})


def _blocked(alert: Alerted) -> bool:
    return alert.told.get("verdict") == Judgement.BLOCKED
