"""The simulated backend as a whole."""

from __future__ import annotations

import os

from camguard.platform.keepsake import Keepsakes
from camguard.platform.simulated.alarm import SimulatedAlarm
from camguard.platform.simulated.cameras import SimulatedCameras
from camguard.platform.simulated.context import SimulatedSurroundings
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
            examine=SimulatedExaminer(source).examine,
            alarm=lambda ring: SimulatedAlarm(ring, clock),
            at_seat=lambda uid: uid == os.getuid(),
            witness=SimulatedWitness(keepsakes),
            surroundings=SimulatedSurroundings(source.folder),
        )
