"""Sees to it that the broker holds what it is to hold: at once, again after each loss, and never a word twice.

There is no queue of events: for each topic there is what it is to hold, and what the broker has acknowledged. What
changes meanwhile takes the place of what was to be sent, so a broker that is slow or away costs no memory and misses
nothing that still holds.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from camguard.mqtt.client import KEEPALIVE_S, in_words, new_client
from camguard.mqtt.settings import Broker, Secret
from camguard.mqtt.topics import OFFLINE, availability, base
from camguard.wording import visible

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 60
"""How long it waits before it connects again; twice as long each time."""

UNSENT = 256
"""So many messages the library keeps for a broker that takes none; with more nothing is handed to it."""

_PARTING_S = 2.0
_LIBRARY_FULL = 15  # MQTT_ERR_QUEUE_SIZE


class Publisher:
    """A connection to the broker that is made anew for ever, from `start` to `close`.

    The library is asked to send by one thread of our own, and by it alone, without our lock: the library's thread calls
    back while it holds locks of the library's.
    """

    def __init__(self, broker: Broker, secret: Secret | None) -> None:
        """Raises ConfigError as `new_client` does."""
        self._broker = broker
        self._changed = threading.Condition()
        self._wanted: dict[str, str] = {}
        self._held: dict[str, str] = {}  # what this connection's broker has acknowledged
        self._under_way: dict[int, tuple[str, str]] = {}
        self._of_before: dict[int, str] = {}  # sent on a connection that is gone: the library may send it once more
        self._unasked: set[int] = set()  # acknowledged before it was noted that it was sent
        self._connection = 0  # which one this is; 0 while there is none
        self._connections = 0
        self._full = self._closing = False
        self._trouble: str | None = None
        self._sender = threading.Thread(target=self._send, name="camguard-publisher", daemon=True)
        self._client: Client = new_client(broker, secret, base(broker).replace("/", "-"))
        self._client.will_set(availability(broker), OFFLINE, qos=1, retain=True)
        self._client.reconnect_delay_set(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._client.max_queued_messages_set(UNSENT)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    def start(self) -> None:
        """Begin to connect."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        self._client.loop_start()
        self._sender.start()

    @property
    def connected(self) -> bool:
        """Whether the broker has let us in."""
        return self._connection != 0

    @property
    def unacknowledged(self) -> int:
        """How many messages the broker has not acknowledged; of each topic one at most on one connection."""
        return len(self._under_way) + len(self._of_before)

    def want(self, messages: Mapping[str, str]) -> None:
        """Have the broker hold these, by topic; never waits."""
        with self._changed:
            self._wanted = dict(messages)
            self._changed.notify()

    def close(self) -> None:
        """Say that nobody watches any more, where the broker listens, and leave."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._sender.join()
        if self.connected:
            parting = self._client.publish(availability(self._broker), OFFLINE, qos=1, retain=True)
            if parting.rc == 0:
                parting.wait_for_publish(_PARTING_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _send(self) -> None:
        """Send what the broker does not hold yet, each topic once at a time."""
        while (chosen := self._next()) is not None:
            connection, topic, payload = chosen
            sent = self._client.publish(topic, payload, qos=1, retain=True)
            with self._changed:
                self._note(connection, sent.rc, sent.mid, topic, payload)

    def _next(self) -> tuple[int, str, str] | None:
        """Wait for something to send, and to which connection; None at the end."""
        with self._changed:
            while not self._closing:
                chosen = self._unsent() if self.connected and not self._full else None
                if chosen is not None:
                    return (self._connection, *chosen)
                self._changed.wait()
        return None

    def _unsent(self) -> tuple[str, str] | None:
        busy = {topic for topic, _ in self._under_way.values()}
        found = self._wanted.items()
        return next((each for each in found if each[0] not in busy and self._held.get(each[0]) != each[1]), None)

    def _note(self, connection: int, code: int, mid: int, topic: str, payload: str) -> None:
        """Take note of what was sent. The library keeps also what it could not send, unless it is full."""
        if code == _LIBRARY_FULL:
            self._full = True
        elif connection != self._connection or code != 0:
            self._of_before[mid] = topic
        elif mid in self._unasked:
            self._held[topic] = payload
        else:
            self._under_way[mid] = (topic, payload)
        self._unasked.clear()

    def _on_connect(self, _: Client, __: Any, ___: ConnectFlags, reason: ReasonCode, ____: Properties | None) -> None:
        if reason.is_failure:
            self._complain(f"the MQTT broker at {self._broker.host}:{self._broker.port} refuses: {reason}")
            return
        with self._changed:
            self._connections += 1
            self._connection = self._connections
            self._held.clear()
            self._full = False
            self._changed.notify()
        self._trouble = None
        log.info("connected to the MQTT broker at %s:%d", self._broker.host, self._broker.port)

    def _on_connect_fail(self, _: Client, __: Any) -> None:
        self._complain(in_words(sys.exc_info()[1], self._broker))  # it is called from where the failure is caught

    def _on_disconnect(self, _: Client, __: Any, ___: DisconnectFlags, reason: ReasonCode, ____: Any) -> None:
        with self._changed:
            was, self._connection = self.connected, 0
            self._of_before |= {mid: topic for mid, (topic, _) in self._under_way.items()}
            self._under_way.clear()
        if was and reason.is_failure:
            self._complain(f"the MQTT broker at {self._broker.host}:{self._broker.port} is gone ({reason})")

    def _on_publish(self, _: Client, __: Any, mid: int, ___: ReasonCode, ____: Properties) -> None:
        with self._changed:
            done = self._under_way.pop(mid, None)
            old = self._of_before.pop(mid, None)
            if done is not None:
                self._held[done[0]] = done[1]
            elif old is not None:
                self._held.pop(old, None)  # what it holds now is out of date
            else:
                self._unasked.add(mid)
            self._full = False
            self._changed.notify()

    def _complain(self, why: str) -> None:
        """Say what is in the way, once."""
        if why != self._trouble:
            self._trouble = why
            log.warning("%s; trying again", visible(why))
