"""The Linux sensor: one look at who holds which camera, or a watch over all of them."""

from __future__ import annotations

from contextlib import ExitStack

from camguard.core.events import CamerasSeen, Sighting
from camguard.platform.linux import fanotify
from camguard.platform.linux.attribution import Attribution
from camguard.platform.linux.brokers import Brokers
from camguard.platform.linux.feeding import Feeds
from camguard.platform.linux.holders import HolderFinder
from camguard.platform.linux.holdings import Holdings
from camguard.platform.linux.nodewatch import nodes_of
from camguard.platform.linux.procfs import ProcessReader
from camguard.platform.linux.watching import Means, Watching
from camguard.ports import CameraSource, Clock, Deliver
from camguard.together import until_one_ends


class LinuxSensor:
    """Sees who holds which camera; see `ports.Sensor`.

    `privileged` True watches by fanotify, False by inotify, None by what is allowed here. Frames are counted where
    `tracefs` can be used, which takes root; without them mappings and the dwell have to do. With `brokers`, who has a
    camera through PipeWire is told in PipeWire's place; None tells the processes that have it open, and no more.
    """

    def __init__(
        self,
        source: CameraSource,
        clock: Clock,
        *,
        proc: str = "/proc",
        privileged: bool | None = None,
        tracefs: str | None = "/sys/kernel/tracing",
        brokers: Brokers | None = None,
    ) -> None:
        as_root = fanotify.available() if privileged is None else privileged
        reader = ProcessReader(proc)
        tracing = tracefs if as_root else None
        self._means = Means(source, clock, reader, HolderFinder(reader), as_root, tracing, Feeds())
        self._brokers = brokers
        self._watching: Watching | None = None

    @property
    def method(self) -> str:
        """How cameras are watched, as a sentence for people."""
        if self._means.privileged:
            return "As root: the kernel (fanotify) tells every open of a camera and which process it was."
        return (
            "As a user: the kernel (inotify) tells every open of a camera, /proc which of your own processes it was; "
            "those of others show as an unknown process."
        )

    def look(self) -> tuple[Sighting, ...]:
        """One look without watching; see `ports.Sensor.look`."""
        cameras = self._means.source.cameras()
        scan = self._means.finder.scan(nodes_of(cameras), mappings=True)
        at = self._means.clock.now()
        seen: list[Sighting] = [CamerasSeen(cameras, at)]
        for camera in cameras:
            holdings = Holdings(camera)
            holdings.settle(scan, more=False)
            holdings.feeds(self._means.feeds.fed(camera))
            sighting = holdings.sighting(at, first=True)
            if sighting is not None:
                seen.append(sighting if self._brokers is None else self._brokers.replaced(sighting, camera))
        return tuple(seen)

    async def watch(self, deliver: Deliver) -> None:
        """Watch until cancelled; see `ports.Sensor.watch`."""
        if self._brokers is None:
            await self._watch(deliver)
            return
        attribution = Attribution(self._brokers, self._means.clock, deliver)
        await until_one_ends(self._watch(attribution.deliver), attribution.run())

    async def _watch(self, deliver: Deliver) -> None:
        with ExitStack() as stack:
            self._watching = Watching(self._means, deliver, stack)
            stack.callback(setattr, self, "_watching", None)
            await self._watching.go()

    def rescan(self) -> None:
        """Look again soon, at everything; nothing happens where nobody watches."""
        if self._watching is not None:
            self._watching.rescan()

    def stand_aside(self, for_s: float) -> None:
        """Do not look for mappings yet; nothing happens where nobody watches."""
        if self._watching is not None:
            self._watching.stand_aside(for_s)
