"""A storm over a service that is killed again and again: who asks it, who listens, and what it answered and told."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from camguard.core.events import Kind
from camguard.core.model import Effect
from camguard.core.power import Power
from camguard.errors import Busy, NothingMatched, ServiceError
from camguard.ipc import calls
from camguard.ipc.client import Client
from camguard.ipc.protocol import Event
from camguard.journal.queries import Reader

PASS_S = 1.0
"""How long a camera is turned on for, where it is for a time: the shortest there is."""

_AGAIN_S = 0.01

Record = dict[str, Any]


@dataclass(slots=True)
class Ledger:
    """What the service promised: the entries that it told of, and those that its answers rest on, by their number.

    `word` is the number of the entry of the last word that was answered; `said` are words after it that were not.
    """

    told: dict[int, Record] = field(default_factory=dict)
    answered: dict[int, Record] = field(default_factory=dict)
    calls: int = 0
    unanswered: int = 0
    word: int = 0
    said: list[Record] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Storm:
    """Two clients in threads of their own, one that asks and one that listens, across all the service's lives.

    Whoever asks is let go on by `blow`, and waits after `lull` and once the service has gone.
    """

    def __init__(
        self, connect: Callable[[], Client | None], journal: Path, dice: random.Random, camera: str | None = None
    ) -> None:
        """`camera` is the one that is switched, by its name; all where none is named."""
        self.ledger = Ledger()
        self._camera = camera
        self._connect = connect
        self._journal = journal
        self._dice = dice
        self._rules: list[str] = []
        self._blowing = threading.Event()
        self._still = threading.Event()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._ask, self._listen)]

    def start(self) -> None:
        """Begin, with whoever listens."""
        for thread in self._threads:
            thread.start()

    def blow(self) -> None:
        """Ask, one thing after the other."""
        self._still.clear()
        self._blowing.set()

    def lull(self) -> None:
        """Ask no more, and wait until what was asked last is answered, or never will be."""
        self._blowing.clear()
        assert self._still.wait(60), "a call is neither answered nor ended"

    def end(self) -> None:
        """Both go, once the service has gone."""
        self._over.set()
        self._blowing.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client does not hear that the service has gone"

    # Who listens

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                client = self._connect()
                if client is None:
                    self._over.wait(_AGAIN_S)
                    continue
                with client:
                    client.call(calls.Subscribe())
                    for happened in client.events():
                        if isinstance(happened, Event):
                            self._note(happened.event)
            except ServiceError:  # it was killed, or was not up yet
                continue

    def _note(self, event: Record) -> None:
        seq = event["seq"]
        if seq is None:
            self.ledger.wrong.append(f"an event that is not in the log was told: {event}")
        elif self.ledger.told.setdefault(seq, event) != event:
            self.ledger.wrong.append(f"two events were told as entry {seq}")

    # Who asks

    def _ask(self) -> None:
        with Reader(self._journal) as log:
            while not self._over.is_set():
                if not self._blowing.is_set():
                    self._still.set()
                    self._blowing.wait()
                    continue
                client = self._reached()
                if client is not None:
                    with client:
                        self._ask_on(client, log)

    def _reached(self) -> Client | None:
        try:
            client = self._connect()
        except (ServiceError, Busy):
            client = None
        if client is None:
            self._over.wait(_AGAIN_S)
        return client

    def _ask_on(self, client: Client, log: Reader) -> None:
        while self._blowing.is_set() and not self._over.is_set():
            call, kind, wanted = self._choose()
            self.ledger.calls += 1
            try:
                result = client.call(call, timeout_s=60)
            except ServiceError:
                self._unanswered(kind, wanted)
                self._blowing.clear()
                return
            except NothingMatched:  # it has begun a moment ago, and not found the camera yet: nothing was said
                continue
            if kind is not None:
                self._answered(log, kind, self._with_result(kind, wanted, result))
            self._over.wait(self._dice.random() * 0.03)

    def _choose(self) -> tuple[calls.Call, Kind | None, Record]:
        """A call, and what has to be in the log once it is answered."""
        match self._dice.choices(("off", "on", "pass", "add", "remove", "look"), (25, 20, 15, 20, 15, 5))[0]:
            case "off":
                return calls.Switch(Power.OFF, self._camera), Kind.POWER_SAID, {"power": "off", "for_s": None}
            case "on":
                return calls.Switch(Power.ON, self._camera), Kind.POWER_SAID, {"power": "on", "for_s": None}
            case "pass":
                return calls.Switch(Power.ON, self._camera, PASS_S), Kind.POWER_SAID, {"power": "on", "for_s": PASS_S}
            case "remove" if self._rules:
                rule = self._dice.choice(self._rules)
                self._rules.remove(rule)
                return calls.RemoveRule(rule), Kind.RULE_REMOVED, {"rule": rule}
            case "look":
                return calls.Log(limit=5), None, {}
            case _:
                note = f"made by the storm, {self.ledger.calls}"
                made = calls.NewRule(effect=Effect.ALLOW, app=f"package:p{self.ledger.calls}", note=note)
                return calls.AddRule(made), Kind.RULE_ADDED, {"note": note}

    def _with_result(self, kind: Kind, wanted: Record, result: Record) -> Record:
        if kind is Kind.RULE_ADDED:
            self._rules.append(result["rule"]["rule"])
            return {**wanted, "rule": result["rule"]["rule"]}
        return wanted

    def _answered(self, log: Reader, kind: Kind, wanted: Record) -> None:
        """The newest entry of the kind on a person's word must be the one that the answer rests on."""
        entry = _newest(log, kind)
        if entry is None or any(entry["extra"].get(key) != value for key, value in wanted.items()):
            self.ledger.wrong.append(f"{kind} {wanted} was answered, and the log says {entry}")
            return
        self.ledger.answered[entry["seq"]] = entry
        if kind is Kind.POWER_SAID:
            self.ledger.word, self.ledger.said = entry["seq"], []

    def _unanswered(self, kind: Kind | None, wanted: Record) -> None:
        self.ledger.unanswered += 1
        if kind is Kind.POWER_SAID:
            self.ledger.said.append(wanted)


def _newest(log: Reader, kind: Kind) -> Record | None:
    for entry in log.newest(500):
        if entry.kind == kind and not str((entry.data.get("extra") or {}).get("by", "")).startswith("rule "):
            return entry.line
    return None


def lasting(words: Iterable[Record]) -> set[Power]:
    """How the camera may stand, passes over, by any of these words."""
    return {Power.ON if word["power"] == "on" and word["for_s"] is None else Power.OFF for word in words}


def word_kept(standing: Path) -> Power:
    """How the camera has to stand, passes over, by what the service itself wrote down."""
    words = msgspec.json.decode(standing.read_bytes())["standing"]["words"] if standing.exists() else {}
    said = {camera: word["power"] for camera, word in words.items()}
    of_every = said.pop("", "on")
    return Power(next(iter(said.values()), of_every))  # of the only camera, on the word of a rule
