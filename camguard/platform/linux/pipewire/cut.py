"""Ends a client's use of a camera at the broker: its links are destroyed, and nothing else.

The client lives on, and so do the broker and every other client. It may connect again; that is another use.
"""

from __future__ import annotations

import time

from camguard.core.model import Outcome, Result
from camguard.errors import BrokerError
from camguard.platform.ladder import Ladder
from camguard.platform.linux.pipewire.graph import Consumer, Graph, Link
from camguard.platform.linux.pipewire.tools import Instance, destroy, snapshot
from camguard.ports import Tell
from camguard.wording import CUT

CHECKS_S = (0.0, 0.02, 0.05, 0.1, 0.3)
"""When to look whether a link is gone, each time after the last look."""


def cut(instance: Instance, consumer: Consumer, tell: Tell) -> Outcome:
    """Cut a consumer's links, and check. Blocking.

    ENDED where all of them are gone, GONE where none was there any more, FAILED with the reason otherwise. An id may
    have passed to another object meanwhile: serial and client are compared right before.
    """
    client = consumer.client
    if client is None:
        return Outcome(Result.REFUSED, why="It is not known which program this is.")
    ladder = Ladder(client.pid, tell)
    try:
        before = snapshot(instance)
        links = [link for link in consumer.links if before.holds(link, client)]
        if not links:
            return ladder.outcome(Result.GONE, "Its connection to the camera is gone already.")
        for link in links:
            destroy(instance, link.id)
        left = _left(instance, links)
    except BrokerError as error:
        ladder.step(CUT, "that could not be done")
        return ladder.outcome(Result.FAILED, f"{error}.")
    if left:
        ladder.step(CUT, "it is there still")
        return ladder.outcome(Result.FAILED, "PipeWire did not cut the connection.")
    ladder.step(CUT, "it is gone")
    return ladder.outcome(Result.ENDED)


def _left(instance: Instance, links: list[Link]) -> list[Link]:
    """Those of the links that do not go away."""
    left = links
    for wait_s in CHECKS_S:
        time.sleep(wait_s)
        now: Graph = snapshot(instance)
        left = [link for link in left if now.has(link)]
        if not left:
            break
    return left
