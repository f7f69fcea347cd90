"""The tray on a real desktop: from a mapped buffer to the alert on the screen, from a click to the process's end.

The alert counts as seen when the X server has drawn its window: by then the daemon has drawn it, too. A click is one
of a person's: pressed and let go by the X server, taken by the notification daemon, sent to the tray, and so on. Beside
it stands the same click on the same kind of notification whose button only says that it was pressed.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil
from Xlib import X
from Xlib.display import Display

from camguard.desktop.agent import QUIET_S
from tests.bench.programs import Scope
from tests.bench.report import Finding, Peer, Row, Target, median, row
from tests.support import desktop
from tests.support.desktop import until
from tests.support.tray_stage import NOTIFYD, TrayStage, tray_stage

ALERT_MS, CLICK_MS = 150, 100
RESIDENT_MIB, CPU_S = 40, 0.05
_APP = "videochat.py"
_HELD_S = 60


class Windows:
    """Waits for windows of the notification daemon to be drawn."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        self._root = self._display.screen().root
        self._root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self._display.sync()

    def wait_mapped(self) -> float:
        """When the next window was shown (CLOCK_MONOTONIC, seconds): the event is timed as it comes."""
        while True:
            event = self._display.next_event()
            if event.type == X.MapNotify and self._is_notification(event.window):
                return time.monotonic()

    def forget(self) -> None:
        """Leave out what happened up to now."""
        self._display.sync()
        while self._display.pending_events():
            self._display.next_event()

    def close(self) -> None:
        self._display.close()

    def _is_notification(self, window: object) -> bool:
        found = window.get_wm_class()  # type: ignore[attr-defined]  # python-xlib has no types
        return found is not None and NOTIFYD in found


def run(scope: Scope) -> Finding:
    """Each use is by a process of its own; all of it in one desktop."""
    finding = Finding()
    lacking = desktop.missing()
    if lacking is not None:
        finding.missing.append(f"the tray: {lacking}")
        return finding
    with tempfile.TemporaryDirectory(prefix="camguard-tray-") as folder, tray_stage(Path(folder)) as stage:
        windows = Windows(stage.screen.environment["DISPLAY"])
        try:
            _measure(finding, stage, windows, scope.pick(30, 5))
        finally:
            windows.close()
        _rest(finding, stage, scope.pick(_HELD_S, 5))
    return finding


def _measure(finding: Finding, stage: TrayStage, windows: Windows, times: int) -> None:
    seen, ended, floors = [], [], []
    for number in range(1, times + 1):
        windows.forget()
        begun = time.monotonic()
        with stage.service.stranger(_APP) as program:
            begun = time.monotonic()  # it has said that it has the camera's buffer mapped
            seen.append((windows.wait_mapped() - begun) * 1000)
            [alert] = stage.wait_notifications(1)
            floors.append(_floor_ms(stage, alert))
            pressed = time.monotonic()
            stage.press_button(alert, 0, of=3)
            program.wait(30)
            ended.append((time.monotonic() - pressed) * 1000)
        finding.expect(stage.decided(number)["decision"] == "off", f"the answer to a{number} is not in the log")
        stage.command("on")
        _clear(stage)
    reached = median(seen) <= ALERT_MS
    finding.rows.append(row("buffer mapped -> alert drawn", "ms", seen, target=Target(f"<= {ALERT_MS} ms", reached)))
    plain = median(floors)
    finding.rows.append(
        row(
            "click on Turn it off -> process gone",
            "ms",
            ended,
            Peer("the click alone", plain),
            Target(f"<= {CLICK_MS} ms beside it", median(ended) - plain <= CLICK_MS),
        )
    )


def _floor_ms(stage: TrayStage, box: desktop.Box) -> float:
    """What it costs to move the pointer there and press, without a button below it."""
    begun = time.monotonic()
    left, top, _, _ = box
    stage.screen.click((left - 60, top, left - 58, top + 2))
    return (time.monotonic() - begun) * 1000


def _clear(stage: TrayStage) -> None:
    """Have the screen empty again: what came of the answers is clicked away."""
    while stage.notifications():
        for left, top, _, _ in stage.notifications():
            stage.screen.click((left + 30, top + 20, left + 32, top + 22))
    until(lambda: not stage.notifications(), "the screen is empty")


def _rest(finding: Finding, stage: TrayStage, held_s: float) -> None:
    """What the tray costs while nothing happens, and while a camera is in use."""
    assert stage.tray is not None
    tray = psutil.Process(stage.tray.pid)
    time.sleep(2 * QUIET_S)  # until it has given back what the measuring before took
    idle = _cpu_a_minute(tray, held_s)
    with stage.service.stranger("expected.py"):
        stage.wait_notifications(1)
        stage.command("alerts", "answer", f"a{stage.unanswered()[-1]}", "keep")
        stage.wait_notifications(0)
        used = _cpu_a_minute(tray, held_s)
    resident = tray.memory_info().rss / 2**20
    finding.rows += [
        Row("tray, idle: CPU a minute", "s", idle, target=Target("0 s", idle == 0)),
        Row("tray, camera in use: CPU a minute", "s", used, target=Target(f"<= {CPU_S} s", used <= CPU_S)),
        Row("tray: resident", "MiB", resident, target=Target(f"<= {RESIDENT_MIB} MiB", resident <= RESIDENT_MIB)),
    ]


def _cpu_a_minute(process: psutil.Process, for_s: float) -> float:
    """Seconds of processor time, to the kernel's hundredth."""
    before = process.cpu_times()
    time.sleep(for_s)
    after = process.cpu_times()
    return round(float(after.user + after.system - before.user - before.system), 2) * 60 / for_s
