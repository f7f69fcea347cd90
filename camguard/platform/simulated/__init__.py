"""A real backend without a camera: plain files stand for cameras, psutil finds who holds them.

It runs wherever Python and psutil do, carries the demo and the tests, and is chosen by the configuration.
"""

from __future__ import annotations

import os

from camguard.platform.keepsake import Keepsakes
from camguard.platform.simulated.alarm import SimulatedAlarm
from camguard.platform.simulated.cameras import SimulatedCameras, make_camera
from camguard.platform.simulated.context import SimulatedSurroundings, pretend_context
from camguard.platform.simulated.processes import (
    PortableClock,
    SimulatedControl,
    SimulatedExaminer,
    SimulatedIdentifier,
)
from camguard.platform.simulated.sensor import SimulatedSensor
from camguard.platform.simulated.switch import SimulatedSwitch
from camguard.platform.simulated.witness import SimulatedWitness
from camguard.ports import Platform

__all__ = [
    "PortableClock",
    "SimulatedAlarm",
    "SimulatedCameras",
    "SimulatedControl",
    "SimulatedExaminer",
    "SimulatedIdentifier",
    "SimulatedPlatform",
    "SimulatedSensor",
    "SimulatedSurroundings",
    "SimulatedSwitch",
    "make_camera",
    "pretend_context",
]


class SimulatedPlatform(Platform):
    """All edges of the simulated backend over one source of cameras."""

    def __init__(self, source: SimulatedCameras, keepsakes: Keepsakes | None = None) -> None:
        clock = PortableClock()
        super().__init__(
            name="simulated",
            method="pretend cameras, looked for in every process's open files 20 times a second",
            clock=clock,
            sensor=SimulatedSensor(source, clock),
            identifier=SimulatedIdentifier(),
            control=SimulatedControl(),
            switch=SimulatedSwitch(source),
            examiner=SimulatedExaminer(source),
            alarm=lambda ring: SimulatedAlarm(ring, clock),
            at_seat=lambda uid: uid == os.getuid(),
            witness=SimulatedWitness(keepsakes),
            surroundings=SimulatedSurroundings(source.folder),
        )
