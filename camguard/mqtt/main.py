"""The process that tells the broker: it follows the guard as any other client does."""

from __future__ import annotations

import signal
from pathlib import Path

from camguard.beside import Part, run
from camguard.config import Config
from camguard.core.records import Record
from camguard.follow import Follower, find_guard
from camguard.mqtt.onair import OnAir
from camguard.mqtt.publisher import Publisher
from camguard.mqtt.settings import Broker, read_secret
from camguard.mqtt.topics import messages

_STOP = {signal.SIGTERM, signal.SIGINT}


class _Ear:
    """Makes of what a guard tells what the broker is to hold; on the follower's thread alone."""

    def __init__(self, broker: Broker, publisher: Publisher) -> None:
        self._broker = broker
        self._publisher = publisher
        self._on_air = OnAir()
        self._guarded = False

    def begun(self, status: Record) -> None:
        """See `camguard.follow.Hearer`."""
        self._on_air.begin(status)
        self._guarded = True
        self._pass_on()

    def told(self, record: Record) -> None:
        """See `camguard.follow.Hearer`."""
        self._on_air.tell(record)
        self._pass_on()

    def gone(self) -> None:
        """Nobody watches: what was said of the cameras is not known to hold any more."""
        self._guarded = False
        self._pass_on()

    def _pass_on(self) -> None:
        self._publisher.want(messages(self._broker, self._on_air.cameras(), guarded=self._guarded))


def serve(broker: Broker, socket: Path | None) -> None:
    """Tell the broker until SIGTERM or SIGINT. Raises ConfigError and AccessDenied as `read_secret` does."""
    publisher = Publisher(broker, read_secret(broker))
    follower = Follower(lambda: find_guard(socket), _Ear(broker, publisher))
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # before there are threads, which inherit it
    publisher.start()
    follower.start()
    signal.sigwait(_STOP)
    follower.stop()
    publisher.close()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)


def _serve(config: Config, socket: Path | None) -> None:
    if config.mqtt is not None:
        serve(config.mqtt, socket)


PART = Part(
    name="mqtt",
    does="Tells an MQTT broker whether a camera is on air, as [mqtt] says.",
    without="MQTT broker",
    wanted=lambda config: config.mqtt is not None,
    serve=_serve,
)


def main(arguments: list[str] | None = None) -> int:
    """Tell the broker until told to stop; returns the exit code."""
    return run(PART, arguments)
