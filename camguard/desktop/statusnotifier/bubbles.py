"""pystray's `notify`: a plain notification without buttons, by ``org.freedesktop.Notifications``.

See https://specifications.freedesktop.org/notification-spec/. Alerts that people answer are not made of these.
"""

from __future__ import annotations

import logging
from html import escape

from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.constants import MessageFlag, MessageType
from dbus_fast.message import Message

from camguard.desktop.statusnotifier.rows import shown

_NAME = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_BY_THE_DAEMON = -1

log = logging.getLogger(__name__)


class Bubble:
    """The one notification that an icon has at a time."""

    def __init__(self) -> None:
        self._number = 0

    async def show(self, bus: MessageBus, app: str, title: str, text: str) -> None:
        """Show it, in place of the one before."""
        body = [app, self._number, "", shown(title), escape(shown(text)), [], {}, _BY_THE_DAEMON]
        answer = await bus.call(Message(_NAME, _PATH, _NAME, "Notify", signature="susssasa{sv}i", body=body))
        if answer is None or answer.message_type is MessageType.ERROR:
            log.warning("the notification was not shown: %s", answer.body if answer else "the connection has ended")
        else:
            self._number = answer.body[0]

    async def remove(self, bus: MessageBus) -> None:
        """Take it away, where it is still there."""
        number, self._number = self._number, 0
        if number:
            # A daemon answers with an error where the person has closed it already: nobody needs to know.
            flags = MessageFlag.NO_REPLY_EXPECTED
            await bus.send(Message(_NAME, _PATH, _NAME, "CloseNotification", flags=flags, signature="u", body=[number]))
