"""What the tray knows: how things stand, which alerts wait for an answer, and what is to be shown of it.

Pure: records in, a look, cards and menu rows out. An event of the service is a hint to ask again how things stand
(`stale`); only an alert is shown from the event itself, since it must not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from camguard.core.events import Kind
from camguard.core.model import Judgement
from camguard.core.power import Power
from camguard.desktop.cards import Card, alert_card, usual_icon
from camguard.desktop.look import Look
from camguard.desktop.uses import Alerted, CameraNow, UseNow, alerted_of, cameras_of, number_of, uses_of

Told = Mapping[str, Any]

KEPT = 200
"""So many alerts are kept in mind; the log has all of them."""

_OVER = frozenset({Kind.ENDED, Kind.PROBE, Kind.FED})
_RULES = "rules"
"""A file of rules that is broken is told as what cannot be seen is; but the cameras are seen."""
_UNHEEDED = frozenset({Kind.CALL_REFUSED})


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand. `blind` says in a sentence why the guard, or a part of it, does not see; None where it does.

    `found` says whether a guard answers at all, `trouble` what is wrong with its configuration or rules, of which those
    before stay in force, `log_trouble` how the log was found changed. `source` says who guards, `service` whether that
    is the service, which goes on without the tray, and `can_switch` whether it has the rights to switch cameras.
    """

    cameras: tuple[CameraNow, ...] = ()
    uses: tuple[UseNow, ...] = ()
    blind: str | None = "The guard has not been found yet."
    source: str = ""
    service: bool = False
    can_switch: bool = False
    found: bool = False
    trouble: str | None = None
    log_trouble: str | None = None
    method: str = ""


class Board:
    """Everything that the tray shows. Not for use from two threads."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.stale = False
        """Whether something happened since `asking` that may have changed how things stand."""
        self._newer: set[int] = set()
        self._ended: set[int] = set()
        """Of which uses it was heard since `asking` that there is an alert or an answer, and that they ended."""
        self._alerts: dict[int, Alerted] = {}
        self._dismissed: set[int] = set()

    def asking(self) -> None:
        """How things stand is asked now: what is heard from here on is newer than the answer may be."""
        self.stale = False
        self._newer.clear()
        self._ended.clear()

    def stand(self, status: Told, now_s: float, source: str, *, service: bool, first: bool) -> None:
        """Take in how things stood after `asking`; `now_s` is the monotonic clock.

        `first` after a time in which no events came: an alert whose use does not go on is over then. Later the event
        says so, since a camera that is closed and opened again at once is one use.
        """
        uses = uses_of(status, now_s)
        blind = {str(each["what"]): str(each["why"]) for each in status.get("blind", ())}
        trouble = status.get("trouble") or blind.pop(_RULES, None)
        self.standing = Standing(
            cameras_of(status),
            uses,
            next(iter(blind.values()), None),
            source,
            service,
            can_switch=bool(status.get("switches")),
            found=True,
            method=str(status.get("method") or ""),
            trouble=trouble,
            log_trouble=status.get("log_trouble"),
        )
        if first:
            live = {use.number for use in uses} - self._ended
            for number in self._alerts.keys() - self._newer:
                self._alerts[number] = replace(self._alerts[number], over=number not in live)

    def lose(self, why: str) -> None:
        """The guard cannot be asked any more: nothing is known but that."""
        self.standing = Standing(blind=why)

    def recall(self, unanswered: Iterable[Alerted]) -> None:
        """Take in which alerts the log said after `asking` that nobody answered.

        Of another user's, which it does not tell, nothing is learned. One that is new here and over goes to those that
        were missed, and not on the screen.
        """
        logged = {
            alert.number: replace(alert, over=alert.over or alert.number in self._ended)
            for alert in unanswered
            if alert.number not in self._newer
        }
        kept = {
            number: alert
            for number, alert in self._alerts.items()
            if number in self._newer or alert.told.get("reduced")
        }
        self._dismissed |= {number for number, alert in logged.items() if alert.over and number not in self._alerts}
        self._alerts = dict(sorted({**kept, **logged}.items()))
        self._dismissed &= self._alerts.keys()
        self._trim()

    def take(self, told: Told) -> None:
        """Take in something that happened."""
        kind, number = told.get("event"), number_of(told)
        if kind in _UNHEEDED:
            return
        self.stale = True
        if kind == Kind.ALERT:
            self._alert(told)
        elif number is not None:
            self._follow(number, told)

    def answered(self, number: int) -> None:
        """An alert was answered: it is shown no longer."""
        self._newer.add(number)
        self._alerts.pop(number, None)
        self._dismissed.discard(number)

    def dismissed(self, number: int) -> None:
        """A person closed an alert without answering: it stays in the menu, and is not shown again."""
        if number in self._alerts:
            self._dismissed.add(number)

    def expired(self, number: int) -> None:
        """An alert went from the screen by itself: one that was only to be known, a block's, is not shown again."""
        alert = self._alerts.get(number)
        if alert is not None and _blocked(alert):
            self._dismissed.add(number)

    def asked_again(self, number: int) -> None:
        """An alert's answer could not be carried out: it is shown again."""
        self._dismissed.discard(number)

    @property
    def look(self) -> Look:
        """The icon that shows how things stand."""
        standing = self.standing
        if not standing.found:
            return Look.BLIND
        if self.going_on:  # also where a part of the guard does not see: this it saw
            return Look.UNEXPECTED
        if standing.blind is not None:
            return Look.BLIND
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

    def cards(self, now: datetime, most: int, icon_of: Callable[[Told], str] = usual_icon) -> dict[str, Card]:
        """The alerts to be on the screen, the newest `most` of them; `icon_of` knows the app's icon.

        Those of uses that are over were withdrawn; of a block, which ends its use, the alert stays.
        """
        shown = [
            alert
            for alert in self._alerts.values()
            if alert.number not in self._dismissed and (not alert.over or _blocked(alert))
        ]
        return {alert.key: alert_card(alert, now, icon_of(alert.told)) for alert in shown[-most:]}

    def _alert(self, told: Told) -> None:
        alert = alerted_of(told)
        if alert is not None:
            self._newer.add(alert.number)
            self._alerts[alert.number] = alert
            self._trim()

    def _trim(self) -> None:
        """Keep no more than `KEPT`: the oldest go first, and before all that go on those that are over."""
        surplus = max(0, len(self._alerts) - KEPT)
        for number in sorted(self._alerts, key=lambda number: (not self._alerts[number].over, number))[:surplus]:
            del self._alerts[number]
            self._dismissed.discard(number)

    def _follow(self, number: int, told: Told) -> None:
        kind, alert = told.get("event"), self._alerts.get(number)
        if kind == Kind.DECIDED:
            self.answered(number)
        elif kind in _OVER:
            self._ended.add(number)
            if alert is not None:
                self._alerts[number] = replace(alert, over=True)
        elif told.get("verdict") == Judgement.EXPECTED:
            self.answered(number)  # a rule allows it by now
        elif alert is not None and told.get("verdict") is not None:
            self._alerts[number] = replace(alert, told={**alert.told, **told})


def _blocked(alert: Alerted) -> bool:
    return alert.told.get("verdict") == Judgement.BLOCKED
