"""Errors on their way from the service to a client: the same class, message and exit code at both ends."""

from __future__ import annotations

from typing import Annotated

import msgspec

from camguard import errors
from camguard.errors import CamguardError, GuardRunning

LONGEST_MESSAGE = 8_000

_CLASSES: dict[str, type[CamguardError]] = {
    "failed": CamguardError,
    "usage": errors.UsageError,
    "config": errors.ConfigError,
    "no-match": errors.NothingMatched,
    "refused": errors.Refused,
    "no-sensor": errors.SensorError,
    "broker": errors.BrokerError,
    "journal": errors.JournalError,
    "journal-write": errors.JournalWriteError,
    "journal-corrupt": errors.JournalCorrupt,
    "guard-running": errors.GuardRunning,
    "process-gone": errors.ProcessGone,
    "access-denied": errors.AccessDenied,
    "camera-gone": errors.CameraGone,
    "switch": errors.SwitchError,
    "signing": errors.SigningError,
    "mqtt": errors.MqttError,
    "page": errors.PageError,
    "tray-running": errors.TrayRunning,
    "not-shown": errors.NotShown,
    "tray": errors.TrayError,
    "service": errors.ServiceError,
    "busy": errors.Busy,
    "bad-request": errors.BadRequest,
}
"""Every error that camguard raises on purpose, by the word that stands for it on the wire."""

_CODES = {kind: code for code, kind in _CLASSES.items()}


class ErrorBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An error as it is sent: `code` for programs, `message` for people, `exit_code` for the command line."""

    code: Annotated[str, msgspec.Meta(max_length=64)]
    message: Annotated[str, msgspec.Meta(max_length=LONGEST_MESSAGE)]
    exit_code: Annotated[int, msgspec.Meta(ge=1, le=255)]


def body_of(error: CamguardError) -> ErrorBody:
    """What is sent for an error: the code of its class, or of the nearest class above that has one."""
    code = next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
    message = str(error).encode("utf-8", "backslashreplace").decode("utf-8")
    return ErrorBody(code, message[:LONGEST_MESSAGE], error.exit_code)


def error_of(body: ErrorBody) -> CamguardError:
    """The error that was sent; one of a code that is not known here is a plain CamguardError."""
    kind = _CLASSES.get(body.code, CamguardError)
    error = GuardRunning(body.message, None) if kind is GuardRunning else kind(body.message)
    error.exit_code = body.exit_code
    return error
