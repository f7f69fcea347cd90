"""Every error that camguard raises on purpose.

The edges turn what the system raises into these, in one place each. The message is written for the person who
reads it: what is wrong, and what to do next.
"""

from __future__ import annotations


class CamguardError(Exception):
    """The root of all errors below; `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(CamguardError):
    """The words of a command or the content of a file that a person writes are off."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration or rules file cannot be used; the message names file, line and the nearest right key."""


class NothingMatched(CamguardError):
    """There is nothing of the kind that was asked for."""


class Refused(CamguardError):
    """camguard does not do what was asked for, and says why."""


class SensorError(CamguardError):
    """The cameras cannot be watched at all."""


class BrokerError(CamguardError):
    """What a broker such as PipeWire does for its clients cannot be seen, or not be changed."""


class JournalError(CamguardError):
    """The activation log cannot be used."""


class JournalWriteError(JournalError):
    """An entry did not reach the disk (full, read-only, an I/O error); it may be tried again."""


class JournalCorrupt(JournalError):
    """The activation log's file is damaged."""


class SigningError(CamguardError):
    """The log's heads cannot be signed, or signatures not be checked; the message says what is missing."""


class PageError(CamguardError):
    """A page cannot be written where it should be, or no browser shows it."""


class TrayError(CamguardError):
    """The icon cannot be shown; the message says what is missing and how to supply it."""


class GuardRunning(JournalError):
    """Another guard keeps this activation log; `pid` is that guard's, where it could be read."""

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class ProcessGone(CamguardError):
    """The process has ended, or its pid now belongs to another."""


class CameraGone(CamguardError):
    """The camera's device is not plugged in any more, or another sits in its place."""


class SwitchError(CamguardError):
    """A camera could not be switched off or on; the message says what is in the way."""


class AccessDenied(CamguardError):
    """The system does not let this user see or do that."""


class TrayRunning(CamguardError):
    """There is a tray in this session already."""


class NotShown(CamguardError):
    """A notification did not reach anybody who shows it."""


class MqttError(CamguardError):
    """The MQTT broker cannot be talked to; the message says why, and what helps where that is known."""


class ServiceError(CamguardError):
    """The service cannot be talked to: it does not answer, is not to be trusted, or speaks another protocol."""


class Busy(ServiceError):
    """The service has too much to do for this caller now; later it may have time."""


class BadRequest(ServiceError):
    """The service was asked for something that is no call, or that it does not know."""
