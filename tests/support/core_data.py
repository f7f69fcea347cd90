"""Small makers of the core's types, for tests."""

from __future__ import annotations

from dataclasses import replace

from camguard.core.model import (
    NANOSECONDS,
    App,
    AppIdentity,
    AppKind,
    Camera,
    CameraId,
    Holder,
    Moment,
    Node,
    Process,
    ProcessIdentity,
)

START = Moment(1_790_000_000 * NANOSECONDS, 3600, 1_000 * NANOSECONDS, "boot-1")
CAMERA = Camera(CameraId("usb:046d:0825:1"), "Test Webcam", (Node("/dev/video0", (81, 0)),), usb_id="046d:0825")
OTHER_CAMERA = Camera(CameraId("usb:1111:2222:9"), "Other Camera", (Node("/dev/video2", (81, 2)),))


def later(seconds: float, moment: Moment = START) -> Moment:
    """A moment so many seconds after another, by both clocks."""
    ns = round(seconds * NANOSECONDS)
    return replace(moment, utc_ns=moment.utc_ns + ns, boottime_ns=moment.boottime_ns + ns)


def process(pid: int = 100, exe: str = "/usr/bin/cheese", uid: int = 1000, script: str | None = None) -> Process:
    """A process that could be read; it started at its pid in ticks."""
    return Process(ProcessIdentity(pid, pid, "boot-1"), exe.rpartition("/")[2][:15], exe, uid, script)


def holder(pid: int = 100, exe: str = "/usr/bin/cheese", *, mapped: bool = False, uid: int = 1000) -> Holder:
    """A process that holds a camera."""
    return Holder(process(pid, exe, uid), mapped)


def app(name: str = "cheese", sha256: str | None = "a" * 64) -> App:
    """An app known by the package of its own name."""
    return App(AppIdentity(AppKind.PACKAGE, name, f"/usr/bin/{name}", sha256), name)
