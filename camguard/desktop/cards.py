"""What is shown as a notification: titles of our own, plain text, and buttons by the answer they give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from camguard.core.decisions import Decision
from camguard.core.model import Judgement
from camguard.desktop import words
from camguard.desktop.uses import Alerted

APP_NAME = "camguard"

USUAL_ICON = "camera-web"
"""Of the Icon Naming Specification."""

RESULT_S = 20
"""How long the result of an answer stays on the screen, in seconds."""

_CHOICES = (Decision.OFF, Decision.KEEP, Decision.ALLOW)


@dataclass(frozen=True, slots=True)
class Card:
    """One notification. `body` is plain text, whatever names are in it: whoever shows it escapes for the place.

    `critical`: it stays until it is answered. `expires_s`: it goes by itself after so many seconds; None for as long as
    the desktop thinks right. `buttons` are (word that comes back, label). `icon` is a name in the icon theme, or a
    file's path.
    """

    title: str
    body: str
    critical: bool = False
    expires_s: int | None = None
    buttons: tuple[tuple[str, str], ...] = ()
    icon: str = USUAL_ICON


def usual_icon(_: words.Told) -> str:
    """The icon of whoever has none of his own."""
    return USUAL_ICON


def alert_card(alert: Alerted, now: datetime, icon: str = USUAL_ICON) -> Card:
    """The alert about a use: who, since when and why, with the answers there can be; a block only needs to be known."""
    blocked = alert.told.get("verdict") == Judgement.BLOCKED
    answers: tuple[Decision, ...] = (Decision.SEEN,) if blocked or alert.told.get("reduced") else _CHOICES
    if not words.allowable(alert.told):
        answers = tuple(answer for answer in answers if answer is not Decision.ALLOW)
    said = words.alert(alert.told, words.clock(alert.since, now))
    warning = "" if blocked else words.warning(alert.told)
    return Card(
        title=words.alert_title(alert.told),
        body=f"{said} {warning}" if warning else said,
        critical=not blocked,
        buttons=tuple((answer.value, words.LABELS[answer]) for answer in answers),
        icon=icon,
    )


def result_card(told: words.Told, said: str) -> Card:
    """What became of an answer, in the place of the alert; `told` is the use that it was about."""
    return Card(title="Your camera", body=f"{words.who(told)}: {said}", expires_s=RESULT_S)


def number_of_key(key: str) -> int | None:
    """Which use the card under a key is about, the alert to it or a reminder of it; None where it is about none."""
    number = key.removeprefix("reminder-").removeprefix("a")
    return int(number) if key.endswith(f"a{number}") and number.isdecimal() and number.isascii() else None


def without_buttons(card: Card, number: int | None) -> Card:
    """The same where the desktop shows no buttons: with where else to answer, where it is about the use `number`."""
    if not card.buttons:
        return card
    body = card.body
    if number is not None:
        first, _ = card.buttons[0]
        body += f"\nAnswer in the menu of camguard's icon, or: camguard alerts answer a{number} {first}"
    return replace(card, body=body, buttons=())
