"""What this guard can and cannot see on this machine, each with what to do about it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from camguard.core.model import Camera, CameraKind
from camguard.core.power import Method, Plan
from camguard.errors import CamguardError
from camguard.platform.linux import fanotify, procfs
from camguard.platform.linux.gate import obstacle
from camguard.platform.linux.logind import answers
from camguard.platform.linux.packages import Packages
from camguard.platform.linux.pipewire import checkup as pipewire
from camguard.ports import CameraSource, Finding, Level, Switch

_TRACE_EVENT = "kernel/tracing/events/v4l2/v4l2_dqbuf/format"
_OLDEST_KERNEL = (5, 15)  # the first with FAN_REPORT_PIDFD
_FEW_WATCHES = 1024
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO in the kernel's proc_ns.h
_COVER = "Cover its lens, or unplug it."
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look; a tree of plain files may stand in."""

    proc: str = "/proc"
    sys: str = "/sys"
    udev_control: str = "/run/udev/control"
    udev_data: str = "/run/udev/data"
    container_marks: tuple[str, ...] = _CONTAINER_MARKS
    run_user: str = "/run/user"


class LinuxExaminer:
    """Looks at what the guard can and cannot see on Linux. Opens no node and changes nothing."""

    def __init__(
        self, source: CameraSource, switch: Switch, places: Places | None = None, packages: Packages | None = None
    ) -> None:
        self._source = source
        self._switch = switch
        self._places = places or Places()
        self._packages = packages or Packages()

    def examine(self) -> tuple[Finding, ...]:
        """All findings, in the order in which a person would read them."""
        return (
            *self._cameras(),
            self._rights(),
            self._kernel(),
            self._opens(),
            self._frames(),
            self._processes(),
            self._container(),
            self._udev(),
            *self._inotify(),
            self._package_manager(),
            pipewire.examine(self._places.run_user),
            self._gate(),
            _session(),
        )

    def _cameras(self) -> tuple[Finding, ...]:
        try:
            cameras = self._source.cameras()
            dormant = [camera for plan in self._switch.dormant() for camera in plan.cameras]
        except CamguardError as error:
            return (Finding(Level.PROBLEM, "cameras", str(error), "Mend this first: without it nothing is watched."),)
        off = [Finding(Level.OK, "switch", f"{camera.name} is plugged in and switched off.") for camera in dormant]
        if not cameras and not off:
            said = "No camera is plugged in."
            return (Finding(Level.WARNING, "cameras", said, "Plug one in, or see camguard at work: camguard demo."),)
        return (*(_camera(camera) for camera in cameras), *(self._switching(camera) for camera in cameras), *off)

    def _switching(self, camera: Camera) -> Finding:
        """How a camera could be switched off."""
        try:
            plan = self._switch.plans(camera)[0]
        except CamguardError as error:
            return Finding(Level.WARNING, "switch", f"{camera.name} cannot be switched off. {error}", _COVER)
        said = f"{camera.name} can be switched off: {_way(plan)}"
        if os.geteuid() == 0 or plan.method is Method.FILE:
            return Finding(Level.OK, "switch", f"{said}.")
        return Finding(Level.WARNING, "switch", f"{said}; as root only.", "Run the guard as root to have it switched.")

    def _rights(self) -> Finding:
        if os.geteuid() == 0:
            return Finding(Level.OK, "rights", "Runs as root: every process can be told by name.")
        said = "Runs as an ordinary user: uses by other users' programs show as an unknown process."
        return Finding(Level.WARNING, "rights", said, "Run the guard as root to name every process.")

    def _kernel(self) -> Finding:
        release = os.uname().release
        found = re.match(r"(\d+)\.(\d+)", release)
        if found and (int(found[1]), int(found[2])) < _OLDEST_KERNEL:
            said = f"Linux {release} is older than 5.15: who opened a camera has to be searched for."
            return Finding(Level.WARNING, "kernel", said, "Use a newer kernel; till then very short uses stay unnamed.")
        return Finding(Level.OK, "kernel", f"Linux {release}.")

    def _opens(self) -> Finding:
        if fanotify.available():
            return Finding(
                Level.OK, "opens", "Every open of a camera is told by the kernel, with its process (fanotify)."
            )
        said = (
            "Opens are told without their process (inotify), which is searched for then: very short ones stay unnamed."
        )
        if os.geteuid() != 0:
            return Finding(
                Level.WARNING, "opens", said, "Run the guard as root; the kernel then tells the process too."
            )
        return Finding(Level.WARNING, "opens", said, "Give the guard CAP_SYS_ADMIN and Linux 5.15 or newer.")

    def _frames(self) -> Finding:
        format_file = f"{self._places.sys}/{_TRACE_EVENT}"
        if os.access(format_file, os.R_OK):
            return Finding(Level.OK, "frames", "The kernel tells of each picture taken (trace event v4l2_dqbuf).")
        said = "Pictures are not counted; a use counts as one by its mapped buffers, or by how long it lasts."
        if os.geteuid() != 0:
            return Finding(Level.WARNING, "frames", said, "Run the guard as root to have pictures counted.")
        remedy = (
            "Mount tracefs: mount -t tracefs tracefs /sys/kernel/tracing; the event comes with the camera's driver."
        )
        return Finding(Level.WARNING, "frames", said, remedy)

    def _processes(self) -> Finding:
        if "hidepid" in _mount_options(self._places.proc) and os.geteuid() != 0:
            said = "/proc hides other users' processes (hidepid)."
            return Finding(
                Level.WARNING, "processes", said, "Run the guard as root, or join the group that /proc admits."
            )
        seen, closed = self._count()
        if closed == 0:
            return Finding(Level.OK, "processes", f"All {seen} processes can be looked into.")
        said = f"{closed} of {seen} processes cannot be looked into; what they hold shows as an unknown process."
        return Finding(Level.WARNING, "processes", said, "Run the guard as root.")

    def _count(self) -> tuple[int, int]:
        """How many processes there are, and of how many the open files are closed to us."""
        seen = closed = 0
        for name in os.listdir(self._places.proc):
            if not name.isdecimal():
                continue
            try:
                os.listdir(f"{self._places.proc}/{name}/fd")
            except PermissionError:
                closed += 1
            except OSError:  # gone meanwhile
                continue
            seen += 1
        return seen, closed

    def _container(self) -> Finding:
        try:
            inside = os.readlink(f"{self._places.proc}/self/ns/pid") != _INITIAL_PID_NAMESPACE
        except OSError:
            inside = False
        if inside:
            said = "Runs inside a container: processes outside it cannot be seen, and may use the camera."
            return Finding(Level.WARNING, "container", said, "Run the guard on the machine itself.")
        if any(os.path.exists(mark) for mark in self._places.container_marks):
            return Finding(Level.OK, "container", "Runs inside a container that shows all processes of the machine.")
        return Finding(Level.OK, "container", "Runs on the machine itself, and sees all its processes.")

    def _udev(self) -> Finding:
        if not os.path.exists(self._places.udev_control):
            said = "No udev daemon runs: cameras are told apart by what the kernel says, plugging by watching /dev."
            return Finding(Level.WARNING, "udev", said, "Start systemd-udevd (or eudev), where this machine has it.")
        if not os.path.isdir(self._places.udev_data):
            said = "udev's database is missing: metadata nodes are told from cameras by their number alone."
            return Finding(Level.WARNING, "udev", said, "Run: udevadm trigger --subsystem-match=video4linux.")
        return Finding(Level.OK, "udev", "udev tells of cameras that come and go.")

    def _inotify(self) -> tuple[Finding, ...]:
        findings = []
        for name, least in (("max_user_watches", _FEW_WATCHES), ("max_user_instances", 16)):
            limit = self._number(f"{self._places.proc}/sys/fs/inotify/{name}")
            if limit is not None and limit < least:
                said = f"fs.inotify.{name} is {limit}: watches may be refused."
                remedy = f"Raise it: sysctl fs.inotify.{name}={8 * least}."
                findings.append(Finding(Level.WARNING, "inotify", said, remedy))
        return tuple(findings) or (Finding(Level.OK, "inotify", "Enough watches are allowed."),)

    def _package_manager(self) -> Finding:
        managers = self._packages.managers()
        if managers:
            return Finding(Level.OK, "packages", f"{' and '.join(managers)} can say which package a program is from.")
        said = "Neither dpkg nor rpm is here: programs are known by path and content, not by package."
        return Finding(Level.OK, "packages", said)

    def _gate(self) -> Finding:
        found = obstacle.find(self._places.sys)
        if found is None:
            return Finding(Level.OK, "gate", "The kernel can refuse a camera to what is blocked (BPF LSM).")
        said = f"There can be no gate, which is optional: what is blocked is ended, not refused. {found.why}"
        return Finding(Level.WARNING, "gate", said, found.remedy)

    def _number(self, path: str) -> int | None:
        try:
            return int(procfs.read(path))
        except (OSError, ValueError):
            return None


def _camera(camera: Camera) -> Finding:
    kind = "" if camera.kind is CameraKind.WEBCAM else f", {camera.kind.value}"
    nodes = ", ".join(node.path for node in camera.nodes)
    said = f"{camera.name}{kind}: {nodes}."
    missing = [node.path for node in camera.nodes if not os.path.exists(node.path)]
    if missing:
        remedy = "In a container, pass the device on or run on the machine itself; otherwise replug the camera."
        return Finding(
            Level.PROBLEM, "camera", f"{said} Not there: {', '.join(missing)}; it cannot be watched.", remedy
        )
    closed = [node.path for node in camera.nodes if not os.access(node.path, os.R_OK)]
    if closed:
        remedy = "Join the group of the node (sudo usermod -aG video $USER, then log in again), or run as root."
        return Finding(Level.PROBLEM, "camera", f"{said} This user may not read it, so cannot watch it.", remedy)
    return Finding(Level.OK, "camera", said)


def _way(plan: Plan) -> str:
    """What would be switched, and what of the device would stay on or go off with it."""
    ways = {
        Method.INTERFACES: "its USB video interfaces lose their authorisation, a microphone beside them stays on",
        Method.DRIVER: "its driver lets go of it",
        Method.DEVICE: "its whole USB device loses its authorisation",
        Method.FILE: "the file that it is made of is moved away",
    }
    words = ways[plan.method]
    names = [camera.name for camera in plan.cameras[1:]]
    with_it = [*names, *plan.takes]
    return f"{words}; with it go {', '.join(with_it)}" if with_it else words


def _mount_options(proc: str) -> str:
    """The options of /proc itself, where they narrow what is seen; hidepid=0 and =off do not."""
    try:
        mounts = procfs.read(f"{proc}/self/mounts", 1 << 20).decode("utf-8", "replace")
    except OSError:
        return ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[2] == "proc" and re.search(r"\bhidepid=(?!0|off)", fields[3]):
            return fields[3]
    return ""


def _session() -> Finding:
    why = answers()
    if why is None:
        return Finding(Level.OK, "session", "Whose session a use is in, and whether it is locked, logind tells.")
    said = f"Whose session a use is in, and whether it is locked, is not known: {why}."
    remedy = "Install libsystemd and run systemd-logind; without it such circumstances speak against no use."
    return Finding(Level.WARNING, "session", said, remedy)
