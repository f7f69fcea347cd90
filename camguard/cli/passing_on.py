"""What ``camguard doctor`` finds of hooks and MQTT, where the configuration names any."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from camguard.config import SYSTEM_FOLDER
from camguard.errors import CamguardError
from camguard.ports import Finding, Level

if TYPE_CHECKING:
    from camguard.config import Config
    from camguard.install.systemd import UnitState
    from camguard.mqtt.settings import Broker

STEADY_S = 60
"""A unit that was restarted, and has run for so long since, does not end again and again."""


def findings(config: Config) -> Iterator[Finding]:
    """One for each of the two that is configured."""
    if config.hooks:
        ready = f"{len(config.hooks)} of them, and nothing keeps them from running"
        yield _hooks(config) or _run_by(config, "hooks", ready)
    if config.mqtt is not None:
        where = f"{config.mqtt.host}:{config.mqtt.port} is told; `camguard mqtt test` tries it"
        yield _broker(config.mqtt) or _run_by(config, "mqtt", where)


def _hooks(config: Config) -> Finding | None:
    from camguard.hooks.trust import objection

    for hook in config.hooks:
        why = objection(hook, config.source)
        if why is not None:
            remedy = "see what it says: camguard hooks list"
            return Finding(Level.PROBLEM, "hooks", f"{hook.name} is not run: {why}", remedy)
    return None


def _broker(broker: Broker) -> Finding | None:
    from camguard.mqtt.settings import read_secret

    if find_spec("paho") is None:
        return Finding(Level.PROBLEM, "mqtt", "the package paho-mqtt is missing", "pip install paho-mqtt")
    try:
        secret = read_secret(broker)
    except CamguardError as error:
        return Finding(Level.PROBLEM, "mqtt", str(error), "without it the broker may not let camguard in")
    if secret is not None and not broker.tls:
        sentence = f"the password for {broker.host} is sent without TLS: everybody on the way can read it"
        return Finding(Level.WARNING, "mqtt", sentence, "have the broker speak TLS, and set [mqtt] tls = true")
    return None


def runs_steadily(unit: UnitState, now_s: float) -> bool:
    """Whether it runs, and was not only just restarted: a unit that ends again and again is "active" all the while."""
    lately = unit.since is None or now_s - unit.since < STEADY_S
    return unit.active == "active" and not (unit.restarts and lately)


def _run_by(config: Config, part: str, sentence: str) -> Finding:
    """That all is well, unless it is the machine's own configuration and its unit does not run."""
    from camguard.install import systemd
    from camguard.install.extras import EXTRAS

    if config.source is not None and config.source.parent == SYSTEM_FOLDER:
        try:
            runs = runs_steadily(systemd.state(EXTRAS[part]), time.time())
        except CamguardError:
            runs = False  # no systemd, or it does not answer: nothing runs it either
        if not runs:
            remedy = f"sudo camguard service install --{part}; if that was done: systemctl status {EXTRAS[part]}"
            return Finding(
                Level.WARNING, part, f"configured, but {EXTRAS[part]} does not run, or ends again and again", remedy
            )
    return Finding(Level.OK, part, sentence)
