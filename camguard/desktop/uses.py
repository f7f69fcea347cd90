"""Uses and alerts as the tray keeps them: taken out of the service's records, frozen, with only what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from camguard.core.model import Judgement
from camguard.core.power import Power

if TYPE_CHECKING:
    from camguard.journal.fold import ActivationRecord

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CameraNow:
    """A camera; `left_s` is how long it stays on yet, where it is on for a time."""

    id: str
    name: str
    power: Power
    left_s: int | None = None


@dataclass(frozen=True, slots=True)
class UseNow:
    """One app's use of a camera that goes on.

    `number` is that of its activation. `begun_s` is when it began, on the clock of `time.monotonic`; None where that
    is not known. `told` is the record it was taken from, for words. `capturing` where pictures are taken, as far as
    that is known, and not only a node held open for a look.
    """

    number: int
    camera_id: str
    told: Told
    begun_s: float | None
    capturing: bool

    @property
    def expected(self) -> bool:
        """Whether a rule expects it."""
        return self.told.get("verdict") == Judgement.EXPECTED


@dataclass(frozen=True, slots=True)
class Alerted:
    """A use that a person was alerted to and has not answered yet; `over` where it has ended by now."""

    number: int
    told: Told
    since: datetime
    over: bool = False

    @property
    def key(self) -> str:
        """What names its alert among all that is shown."""
        return f"a{self.number}"


def cameras_of(status: Told) -> tuple[CameraNow, ...]:
    """The cameras in what the service says of how things stand."""
    return tuple(
        CameraNow(str(view["id"]), str(view["name"]), Power(view["power"]), (view.get("wanted") or {}).get("left_s"))
        for view in status["cameras"]
    )


def uses_of(status: Told, now_s: float) -> tuple[UseNow, ...]:
    """The uses that go on, each once however many processes it has; `now_s` is the monotonic clock."""
    found: dict[int, UseNow] = {}
    for view in status["uses"]:
        number = number_of(view)
        if number is None or number in found:
            continue
        for_s = view.get("for_s")
        found[number] = UseNow(
            number,
            str((view.get("camera") or {}).get("id")),
            view,
            None if for_s is None else now_s - float(for_s),
            capturing=view.get("capture") is not None or view.get("capturing_at") is not None,
        )
    return tuple(found.values())


def number_of(told: Told) -> int | None:
    """17 for a record of activation ``a17``; None where it is of none."""
    name = told.get("activation")
    return int(name[1:]) if isinstance(name, str) and name[1:].isdecimal() else None


def alerted_of(told: Told) -> Alerted | None:
    """An alert from its record; None where it is of no activation."""
    number = number_of(told)
    if number is None:
        return None
    began = told.get("capturing_at") or told.get("opened_at") or told["at"]
    return Alerted(number, told, datetime.fromisoformat(str(began)), over=told.get("ended_at") is not None)


def alerted_of_log(record: ActivationRecord) -> Alerted:
    """An alert from the log."""
    told = {
        "activation": record.id,
        "camera": record.camera,
        "app": record.app,
        "process": record.process,
        "verdict": record.verdict,
        "reasons": record.reasons,
    }
    over = record.over or record.interrupted
    return Alerted(record.number, told, record.capturing_at or record.opened_at, over=over)
