"""What a hook may be, how many events wait for one, and when a failure is told."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from camguard.config import of_source
from camguard.core.events import Kind
from camguard.core.records import ACTIVATION_KINDS, Record
from camguard.errors import ConfigError
from camguard.hooks.runner import AGAIN_S, WAITING, Complaints, Runner
from camguard.hooks.running import Hands, Ran
from camguard.hooks.samples import sample
from camguard.hooks.settings import Hook
from camguard.toml_source import TomlSource
from tests.support.core_data import START

WELL = Ran(0, "", 0.1)
BADLY = Ran(1, "oh\x1b no", 0.1)


def hooks(text: str) -> tuple[Hook, ...]:
    return of_source(TomlSource(Path("/etc/camguard/config.toml"), text)).hooks


def test_hooks_are_read_in_their_order() -> None:
    text = '[hooks.b]\non = ["alert"]\nrun = ["/bin/b"]\n[hooks.a]\non = ["ended", "probe"]\nrun = ["/bin/a", "-x"]\n'
    assert hooks(f'{text}timeout = "1m"\n') == (
        Hook("b", frozenset({Kind.ALERT}), ("/bin/b",)),
        Hook("a", frozenset({Kind.ENDED, Kind.PROBE}), ("/bin/a", "-x"), 60_000_000_000),
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[hooks.a]\non = ["alert"]\nrun = ["a"]', 3, "whole path"),
        ('[hooks.a]\non = ["alert"]\nrun = []', 3, "whole path"),
        ('[hooks.a]\non = []\nrun = ["/a"]', 2, "names no event"),
        ('[hooks.a]\non = ["alerts"]\nrun = ["/a"]', 2, 'did you mean "alert"'),
        ('[hooks.a]\non = ["alert"]\nrun = "/a"', 3, "must be a list"),
        ('[hooks.a]\non = ["alert"]\nrum = ["/a"]', 3, 'did you mean "run"'),
        ('[hooks.a]\non = ["alert"]', 1, 'lacks the key "run"'),
        ('[hooks.a]\non = ["alert"]\nrun = ["/a"]\ntimeout = "1h"', 4, "between"),
        ('[hooks."a b"]\non = ["alert"]\nrun = ["/a"]', 1, "a hook's name"),
        ("[hooks]\na = 1", 2, "must be a table"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError, match=f"config.toml:{line}: ") as raised:
        hooks(text)
    assert said in str(raised.value)


def test_there_are_not_more_than_can_run_at_once() -> None:
    many = "".join(f'[hooks.h{number}]\non = ["alert"]\nrun = ["/a"]\n' for number in range(17))
    with pytest.raises(ConfigError, match="there are 17 hooks, and there may be 16"):
        hooks(many)


@pytest.mark.parametrize("kind", Kind)
def test_there_is_a_sample_of_each_kind(kind: Kind) -> None:
    record = sample(kind, START)
    assert (record["event"], record["sample"], record["seq"]) == (kind, True, None)
    if kind in ACTIVATION_KINDS:
        assert all(record[key] for key in ("activation", "camera", "state", "verdict", "app", "process"))


class Slow:
    """Hands whose work lasts until it is let go on."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.go_on = asyncio.Event()
        self.all_seen = asyncio.Event()
        self.at_once = self.most = 0

    async def run(self, hook: Hook, kind: str, event: bytes) -> Ran:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.seen.append(event)
        if len(self.seen) == WAITING:
            self.all_seen.set()
        await self.go_on.wait()
        self.at_once -= 1
        return WELL


def test_events_beyond_the_row_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    events: list[Record] = [{**sample(Kind.ALERT, START), "seq": number} for number in range(WAITING + 10)]

    async def overrun() -> Slow:
        hands = Slow()
        hook = Hook("slow", frozenset({Kind.ALERT}), ("/bin/true",))
        runner = Runner((hook, replace(hook, name="other", on=frozenset({Kind.ENDED}))), None, cast("Hands", hands))
        for event in events:
            runner.offer(event)
        assert runner.waiting == WAITING
        working = asyncio.create_task(runner.run())
        hands.go_on.set()
        await hands.all_seen.wait()
        working.cancel()
        await asyncio.wait({working})
        return hands

    with caplog.at_level(logging.WARNING):
        hands = asyncio.run(overrun())
    assert hands.most == 1
    assert [event.count(b'"seq":%d,' % number) for number, event in enumerate(hands.seen)] == [1] * WAITING
    assert [message for message in caplog.messages if "left out" in message] == [
        f"hook slow: events are left out, {WAITING} wait; it takes longer than they come",
        "hook slow: 10 events were left out",
    ]


def test_a_failure_is_told_once_then_each_hour_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints("tell")
    with caplog.at_level(logging.INFO):
        for now in (0.0, 1.0, 2.0, AGAIN_S, AGAIN_S + 1):
            complaints.take(BADLY, now)
        complaints.take(WELL, AGAIN_S + 2)
        complaints.take(WELL, AGAIN_S + 3)
    assert caplog.messages == [
        "hook tell ended with exit code 1 after 0.1 s; it said: oh\\x1b no",
        "hook tell ended with exit code 1 after 0.1 s (4 times by now); it said: oh\\x1b no",
        "hook tell works again; it had failed 5 times",
    ]
