"""A USB webcam made of Python, for the guest of the test machine.

UVC 1.1, one bulk endpoint, YUYV 320x240 at 15 frames a second, spoken as USB/IP to the kernel's vhci_hcd through a
socketpair, so that the stock uvcvideo driver binds to it and streams real frames.

/run/usbcam.led holds 1 while the driver asks for frames (what a webcam's light would show), else 0.
/run/usbcam.ctl is a fifo that takes lines: ``unplug`` and ``plug``.

Protocols: the USB/IP protocol document of the kernel, USB 2.0 chapter 9, USB Video Class 1.1.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from pathlib import Path

WIDTH, HEIGHT, FRAMES_PER_SECOND, PAYLOAD = 320, 240, 15, 16384
FRAME_SIZE = WIDTH * HEIGHT * 2
INTERVAL = 10_000_000 // FRAMES_PER_SECOND  # in 100 ns, as UVC counts
MANUFACTURER, PRODUCT, SERIAL = "camguard", "Test Webcam", "TEST0001"
STREAM_ENDPOINT = 0x81
STALL, RESET = -32, -104  # -EPIPE, -ECONNRESET
VHCI = Path("/sys/devices/platform/vhci_hcd.0")
LED, CONTROL = Path("/run/usbcam.led"), Path("/run/usbcam.ctl")

pack = struct.pack


def class_specific(*parts: bytes | int) -> bytes:
    """A class-specific interface descriptor: its length, 0x24, the parts."""
    body = b"".join(part if isinstance(part, bytes) else bytes([part]) for part in parts)
    return bytes([len(body) + 2, 0x24]) + body


def configuration() -> bytes:
    """The configuration descriptor: a control interface (camera → output) and a streaming one."""
    camera = class_specific(2, 1, pack("<H", 0x201), 0, 0, bytes(6), 3, bytes(3))
    output = class_specific(3, 3, pack("<H", 0x101), 0, 1, 0)
    units = camera + output
    control = class_specific(1, pack("<HHI", 0x110, 13 + len(units), 48_000_000), 1, 1) + units
    rate = FRAME_SIZE * 8 * FRAMES_PER_SECOND
    formats = (
        class_specific(4, 1, 1, b"YUY2\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", 16, 1, 0, 0, 0, 0)
        + class_specific(
            5, 1, 0, pack("<HHIII", WIDTH, HEIGHT, rate, rate, FRAME_SIZE), pack("<IBI", INTERVAL, 1, INTERVAL)
        )
        + class_specific(0xD, 1, 1, 4)
    )
    header = class_specific(1, 1, pack("<H", 14 + len(formats)), STREAM_ENDPOINT, 0, 3, 0, 0, 0, 1, 0)
    body = (
        bytes([8, 11, 0, 2, 14, 3, 0, 2])  # interface association: video
        + bytes([9, 4, 0, 0, 0, 14, 1, 0, 2])  # interface 0: video control
        + control
        + bytes([9, 4, 1, 0, 1, 14, 2, 0, 0])  # interface 1: video streaming
        + header
        + formats
        + bytes([7, 5, STREAM_ENDPOINT, 2, 0, 2, 0])  # bulk, 512 bytes
    )
    return pack("<BBHBBBBB", 9, 2, 9 + len(body), 2, 1, 0, 0x80, 50) + body


DEVICE = pack("<BBHBBBBHHHBBBB", 18, 1, 0x200, 0xEF, 2, 1, 64, 0x1D6B, 0x0104, 0x100, 1, 2, 3, 1)
CONFIGURATION = configuration()
PROBE = pack("<HBBIHHHHHIIIBBBB", 0, 1, 1, INTERVAL, 0, 0, 0, 0, 0, FRAME_SIZE, PAYLOAD, 48_000_000, 3, 0, 1, 1)


def string_descriptor(index: int) -> bytes | None:
    """String `index` of the device; 0 is the list of languages."""
    strings = (None, MANUFACTURER, PRODUCT, SERIAL)
    if index >= len(strings):
        return None
    text = strings[index]
    data = b"\x09\x04" if text is None else text.encode("utf-16-le")
    return bytes([len(data) + 2, 3]) + data


def answer(setup: bytes) -> tuple[int, bytes]:
    """What the device answers to a request on endpoint 0: a status and data."""
    kind, request, value, index, length = struct.unpack("<BBHHH", setup)
    if kind == 0x80 and request == 6:  # GET_DESCRIPTOR
        found = {1: DEVICE, 2: CONFIGURATION}.get(value >> 8)
        if value >> 8 == 3:
            found = string_descriptor(value & 255)
        return (0, found[:length]) if found else (STALL, b"")
    if kind & 0x60 == 0:  # any other standard request is accepted
        return 0, bytes(length) if kind & 0x80 else b""
    if index & 255 == 1 and value >> 8 in (1, 2):  # streaming: probe or commit; there is one format
        if kind == 0x21:
            return 0, b""
        return 0, {0x85: b"\x22\0", 0x86: b"\3"}.get(request, PROBE)[:length]
    return STALL, b""


class Picture:
    """The frames: grey, with a bright bar that moves; each is cut into payloads as the driver asks for them."""

    def __init__(self) -> None:
        self._data, self._at, self._count, self._due = b"", 0, 0, 0.0

    @property
    def pending(self) -> bool:
        """Whether a frame is under way."""
        return self._at < len(self._data)

    def wait(self) -> float:
        """Seconds until the next frame is due."""
        return 0 if self.pending else max(0.0, self._due - time.monotonic())

    def advance(self) -> None:
        """Begin the next frame."""
        self._due = max(self._due + 1 / FRAMES_PER_SECOND, time.monotonic())
        self._count += 1
        row = bytearray(b"\x40\x80" * WIDTH)
        x = self._count * 4 % (WIDTH - 8) * 2
        row[x : x + 16 : 2] = b"\xff" * 8
        self._data, self._at = bytes(row * HEIGHT), 0

    def payload(self, size: int) -> bytes:
        """The next `size` bytes at most, with their UVC header."""
        part = self._data[self._at : self._at + size - 2]
        self._at += len(part)
        last = 0 if self.pending else 2
        return bytes([2, 0x80 | self._count & 1 | last]) + part

    def drop(self) -> None:
        """Forget the rest of the frame."""
        self._at = len(self._data)


class Webcam:
    """The device while it is plugged in: one end of the USB/IP connection, the kernel has the other."""

    def __init__(self) -> None:
        self._socket, kernel = socket.socketpair()
        with kernel:
            (VHCI / "attach").write_text(f"0 {kernel.fileno()} {1 << 16 | 1} 3")  # port, socket, device, high speed
        self._waiting: dict[int, int] = {}  # transfers of the stream not yet answered: sequence number → size
        self._newest = 0  # the newest transfer that was submitted
        self._overtaken: dict[int, int] = {}  # transfers cancelled before they arrived → the cancelling request
        self._picture = Picture()
        self._led: int | None = None
        self._light(0)

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def close(self) -> None:
        """The plug is out."""
        self._socket.close()
        self._light(0)

    def wait(self) -> float | None:
        """Seconds until there is something to send; None for never."""
        return self._picture.wait() if self._waiting else None

    def send_frames(self) -> None:
        """Answer waiting transfers with what is due."""
        if self._waiting and not self._picture.pending and self._picture.wait() == 0:
            self._picture.advance()
        while self._waiting and self._picture.pending:
            number = next(iter(self._waiting))
            self._complete(number, 0, self._picture.payload(self._waiting.pop(number)))

    def receive(self) -> None:
        """Take one message of the kernel. Raises EOFError when the kernel has let go of the device."""
        command, number, _, inward, endpoint = struct.unpack(">IIIII", self._read(20))
        rest = self._read(28)
        if command == 1:
            size = struct.unpack_from(">i", rest, 4)[0]
            if not inward and size:
                self._read(size)
            self._submitted(number, bool(inward), endpoint, size, rest[20:28])
        elif command == 2:
            self._cancel(number, struct.unpack_from(">I", rest)[0])

    def _submitted(self, number: int, inward: bool, endpoint: int, size: int, setup: bytes) -> None:
        self._newest = number
        cancelled_by = self._overtaken.pop(number, None)
        if cancelled_by is not None:
            self._cancelled(cancelled_by, RESET)
        elif endpoint == 0:
            status, data = answer(setup)
            if setup[:2] == b"\x02\x01":  # CLEAR_FEATURE on the endpoint: how uvcvideo says that streaming ends
                self._light(0)
            self._complete(number, status, data, None if inward else size)
        else:
            self._waiting[number] = size
            self._light(1)

    def _cancel(self, number: int, victim: int) -> None:
        # vhci_hcd numbers transfers in order but may send a cancellation ahead of the transfer it is for. Answered
        # at once, it would take the transfer off its books, and our later answer to that one breaks the connection.
        if victim > self._newest:
            self._overtaken[victim] = number
            return
        found = self._waiting.pop(victim, None) is not None
        self._cancelled(number, RESET if found else 0)
        if not self._waiting:
            self._picture.drop()
            self._light(0)

    def _cancelled(self, number: int, status: int) -> None:
        self._socket.sendall(pack(">IIIIIi24x", 4, number, 0, 0, 0, status))

    def _complete(self, number: int, status: int, data: bytes, length: int | None = None) -> None:
        count = len(data) if length is None else length
        self._socket.sendall(pack(">IIIIIiiiii8x", 3, number, 0, 0, 0, status, count, 0, 0, 0) + data)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _light(self, state: int) -> None:
        if state != self._led:
            self._led = state
            # In one step: a reader never finds the file empty.
            fresh = LED.with_suffix(".new")
            fresh.write_text(f"{state}\n")
            fresh.replace(LED)


def unplug() -> None:
    """Take port 0 down and wait until it is free again (state 4 of `status`)."""
    (VHCI / "detach").write_text("0")
    while (VHCI / "status").read_text().splitlines()[1].split()[2] != "004":
        time.sleep(0.01)


def serve(control: int) -> None:
    """Be the webcam, plugged in at first, until the machine goes down."""
    webcam: Webcam | None = Webcam()
    while True:
        if webcam:
            webcam.send_frames()
        sources = [control, webcam.fileno()] if webcam else [control]
        readable = select.select(sources, [], [], webcam.wait() if webcam else None)[0]
        if webcam and webcam.fileno() in readable:
            try:
                webcam.receive()
            except (EOFError, ConnectionError):
                webcam.close()
                webcam = None
        if control in readable:
            for word in os.read(control, 4096).split():
                if word == b"unplug" and webcam:
                    with contextlib.suppress(OSError):
                        unplug()
                    webcam.close()
                    webcam = None
                elif word == b"plug" and not webcam:
                    webcam = Webcam()


if __name__ == "__main__":
    serve(os.open(CONTROL, os.O_RDWR))
