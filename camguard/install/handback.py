"""Before the service goes: the cameras that it switched off are switched on again."""

from __future__ import annotations

from collections.abc import Iterator

from camguard import compose
from camguard.config import SYSTEM_FOLDER, SYSTEM_STATE
from camguard.core.model import Result
from camguard.errors import CamguardError
from camguard.service.settings import ConfigFile

_BACK = {Result.ON, Result.GONE}
_REMEDY = "unplug it and plug it in again, or start the machine anew: that switches it on"


def hand_back() -> Iterator[str]:
    """Switch them on, and log it; a sentence for each that could not be."""
    config = ConfigFile(SYSTEM_FOLDER / "config.toml", SYSTEM_STATE).load().config
    try:
        reports = compose.hand_back(config)
    except CamguardError as error:
        yield f"cameras that are switched off may have stayed so ({error}); if one has, {_REMEDY}"
        return
    for report in reports:
        if report.outcome is not None and report.outcome.result not in _BACK:
            name = report.camera.name if report.camera else "a camera"
            yield f"{name} is still switched off ({report.outcome.why or report.outcome.result}): {_REMEDY}"
