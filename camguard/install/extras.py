"""What is installed beside the service only where it is asked for: parts that no guard needs, each a unit of its own.

They are started after the service, and fail without it; one that was installed before stays in an upgrade.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from camguard.install.model import Delete, Run, Standing, Step, Write

EXTRAS = {"hooks": "camguard-hooks.service", "mqtt": "camguard-mqtt.service"}
"""The parts, and their units."""

NEEDS = {"mqtt": "mqtt"}
"""Parts that need packages which camguard lists as an extra, and its name."""


def chosen(wanted: Mapping[str, bool | None], standing: Standing) -> frozenset[str]:
    """The parts that are to be there: those that were asked for, and those that are there and were not sent away."""
    there = {part for part, unit in EXTRAS.items() if unit in standing.units}
    said = {part for part, yes in wanted.items() if yes}
    refused = {part for part, yes in wanted.items() if yes is False}
    return frozenset((there | said) - refused)


def place(parts: frozenset[str], units: Mapping[str, bytes], folder: Path, standing: Standing) -> Iterator[Step]:
    """Put the units of these parts in place, and take away those of others."""
    for part, unit in EXTRAS.items():
        if part in parts:
            yield Write(folder / unit, units[unit])
        elif unit in standing.units:
            yield Run(("systemctl", "disable", "--now", unit))
            yield Delete(folder / unit)


def start(parts: frozenset[str]) -> Iterator[Step]:
    """Start these parts, now and with the machine. One that fails is tried again by systemd, and not waited for."""
    for part, unit in EXTRAS.items():
        if part in parts:
            yield Run(("systemctl", "enable", unit))
            yield Run(("systemctl", "restart", "--no-block", unit))
