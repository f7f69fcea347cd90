"""What the systemd journal is told of each kind of event: its MESSAGE_ID, how grave it is, and words of explanation.

This is the one place where the ids are. They never change: whoever collects the journal looks for them. A new kind gets
a new one, of ``systemd-id128 new``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from camguard.core.events import Kind


class Priority(IntEnum):
    """How grave an entry is; the levels of syslog(3)."""

    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


@dataclass(frozen=True, slots=True)
class About:
    """One kind of entry. `subject` and `text` are what ``journalctl --catalog`` shows beside the message."""

    message_id: str
    priority: Priority
    subject: str
    text: str


LEFT_OUT = About(
    "6d0ad89027fe409e90587eda43cfcfa2",
    Priority.WARNING,
    "Events were not told to the systemd journal",
    "The systemd journal did not take them in time, and the guard never waits for it.\n"
    "They are all in the activation log: camguard log",
)
"""Not an event of the guard's: how many of those the systemd journal did not take."""

KINDS: dict[str, About] = {
    Kind.GUARD_STARTED: About(
        "d13214a0fca54099a6a17cf494ffb613",
        Priority.INFO,
        "The guard of the cameras has started",
        "From now on every use of a camera is seen, judged and logged.\nThe guard of this run is process @_PID@.",
    ),
    Kind.GUARD_STOPPED: About(
        "9d83d4e4b5a2437581a7b6bad879dda5",
        Priority.NOTICE,
        "The guard of the cameras has stopped",
        "Nobody watches the cameras until a guard runs again. Where this was not meant:\n"
        "`camguard service status` says why it stopped, `camguard service restart` starts it.",
    ),
    Kind.GUARD_BLIND: About(
        "0fa4933c44b14f019a8b7362fdfb5fd6",
        Priority.WARNING,
        "The guard cannot see something",
        "What it cannot see, and what helps, is in the message: @CAMGUARD_WHY@\n"
        "Uses of a camera may go unseen meanwhile. `camguard doctor` looks at all of it.",
    ),
    Kind.GUARD_SIGHTED: About(
        "56264c350f924d968504720036707071",
        Priority.NOTICE,
        "The guard sees again what it could not see",
        "The stretch between is in the log: `camguard log --json`.",
    ),
    Kind.GUARD_GAP: About(
        "7b794a11fc804c6cb076d7a97111d333",
        Priority.WARNING,
        "The cameras were not watched for a time",
        "The guard before did not end as it should, or none ran. What used a camera meanwhile is\nnot known.",
    ),
    Kind.CAMERA_ADDED: About(
        "92afbcdfe8b048ea897852c048881b78",
        Priority.INFO,
        "A camera was plugged in, or switched on",
        "@CAMGUARD_CAMERA@ can deliver pictures, and is watched.",
    ),
    Kind.CAMERA_REMOVED: About(
        "ac1f8d4775a7407191d095ee90458661",
        Priority.INFO,
        "A camera was unplugged, or switched off",
        "@CAMGUARD_CAMERA@ delivers no picture to anybody until it is back.",
    ),
    Kind.OPENED: About(
        "118aa30a5adf4adcb3c917b6b97ddc37",
        Priority.INFO,
        "A program opened a camera",
        "Many programs open a camera only to look at it. If it takes pictures, an entry says so.",
    ),
    Kind.PRESENT: About(
        "63dd04cb043447d09be40382bfe88f2f",
        Priority.NOTICE,
        "A program was using a camera before the guard started",
        "When it began is not known.",
    ),
    Kind.CAPTURING: About(
        "64b0f4664a4c4f8db8a959a3f0527129",
        Priority.NOTICE,
        "A program takes pictures with a camera",
        "@CAMGUARD_APP@ uses @CAMGUARD_CAMERA@, @CAMGUARD_VERDICT@.\nTo end it: camguard end @CAMGUARD_ACTIVATION@",
    ),
    Kind.ENDED: About(
        "16f567d2876f4e378481ed68fa930177",
        Priority.INFO,
        "A program's use of a camera has ended",
        "All about it: camguard log --json",
    ),
    Kind.PROBE: About(
        "d1da67681be844c59aa070ce4e86a765",
        Priority.INFO,
        "A program looked at a camera, and took no pictures",
        "It opened the camera and closed it again, as programs do that list the cameras there are.",
    ),
    Kind.JUDGED: About(
        "44cf15f85f2541b385dd9add26a8f3a2",
        Priority.INFO,
        "A use of a camera was judged by the rules",
        "It is @CAMGUARD_VERDICT@. The rules: camguard rules list",
    ),
    Kind.ALERT: About(
        "13e6e8f57ad94c238393b91a72d4464d",
        Priority.WARNING,
        "A program uses a camera unexpectedly",
        "No rule allows this use. To end it: camguard end @CAMGUARD_ACTIVATION@\n"
        "To expect this app from now on: camguard rules allow @CAMGUARD_ACTIVATION@\n"
        "To switch the camera off: camguard off",
    ),
    Kind.DECIDED: About(
        "a434faf6fc154e07adb530e591604291",
        Priority.NOTICE,
        "Somebody answered an alert",
        "What was answered, and by whom, is in the message.",
    ),
    Kind.RULE_ADDED: About(
        "3aa21e03942e4587851347d83b1c4d52",
        Priority.NOTICE,
        "A rule was made",
        "The rules: camguard rules list",
    ),
    Kind.RULE_REMOVED: About(
        "2d824f5b898b47e9bb27ccdd79337fff",
        Priority.NOTICE,
        "A rule was taken away",
        "The rules: camguard rules list",
    ),
    Kind.PRESERVED: About(
        "b171defb0fef413490f9032ce0ba80a1",
        Priority.NOTICE,
        "What a program had was written down before it is ended",
        "Its open files and connections are in camguard's own log: camguard log --json",
    ),
    Kind.KEPT: About(
        "f69a53a26ce040f594f0fc2c35de6499",
        Priority.NOTICE,
        "A copy of a program that was ended was kept, or could not be",
        "Where it is, and its SHA-256, is in camguard's own log: camguard log --json",
    ),
    Kind.ACTION_PENDING: About(
        "5a049ccc4e274dc0bc9fa83f233a6a64",
        Priority.NOTICE,
        "Something is about to be done",
        "What comes of it is in an entry that follows.",
    ),
    Kind.ACTION_COMPLETED: About(
        "b773c414771f4875822a9a2694ccc097",
        Priority.NOTICE,
        "Something was done, and checked",
        "What it came to: @CAMGUARD_OUTCOME@",
    ),
    Kind.ACTION_UNFINISHED: About(
        "16af984e4f1e44488df2f593cfb297ca",
        Priority.WARNING,
        "The guard before stopped in the middle of doing something",
        "What it was to do may be done in part. Look at the camera: camguard status",
    ),
    Kind.POWER_SAID: About(
        "23d5a26fb1614b8e9f62a1edfad58abe",
        Priority.NOTICE,
        "Somebody switched a camera off or on",
        "Whether it is off or on: camguard status",
    ),
    Kind.PASS_ENDING: About(
        "e63ce7c1693a4acb91f7b6b2c4273ad8",
        Priority.NOTICE,
        "A camera that is in use is about to be switched off",
        "The time is nearly over for which it was switched on. To prolong it: camguard on --for 30m",
    ),
    Kind.PASS_ENDED: About(
        "a227bff4aac94852a1899172ea02c6b1",
        Priority.INFO,
        "The time is over for which a camera was switched on",
        "It is switched off again.",
    ),
    Kind.CALL_REFUSED: About(
        "eb422f42d44d4d5b8f002aff2c72af83",
        Priority.WARNING,
        "Somebody asked the service for what he may not",
        "Who may ask for what is in the table of SECURITY.md.",
    ),
    Kind.CONFIG_KEPT: About(
        "5352ffbfe6c648dd9231da620b2c4b79",
        Priority.ERR,
        "The configuration cannot be used",
        "@CAMGUARD_WHY@\n"
        "The configuration read before stays in force. Correct that line, then:\n"
        "systemctl reload camguard.service",
    ),
    Kind.CONFIG_READ: About(
        "c1d40757b60d42bebf022178f0509082",
        Priority.INFO,
        "The configuration was read again",
        "What of it holds only after a restart is in the log: camguard log --json",
    ),
    Kind.GATE_CLOSED: About(
        "786081881b1945709c2f4d4c73f526c1",
        Priority.INFO,
        "The kernel refuses opens of the cameras",
        "As [gate] mode in the configuration says.",
    ),
    Kind.GATE_OPEN: About(
        "954305e95c3f459e8691ec637f7748e8",
        Priority.WARNING,
        "The kernel lets every program open the cameras",
        "The gate does not work: @CAMGUARD_WHY@\nUses are still seen, and blocked ones ended.",
    ),
    Kind.OPEN_REFUSED: About(
        "a98938e50c0a43b2965c7240d38fa2e0",
        Priority.NOTICE,
        "The kernel refused a program a camera",
        "The program got no picture.",
    ),
    Kind.JOURNAL_SET_ASIDE: About(
        "99ea923ffc5943b8a7b0efbe56196097",
        Priority.ERR,
        "The activation log was damaged, and a new one was begun",
        "The damaged file is kept beside it.",
    ),
    Kind.JOURNAL_INTERRUPTED: About(
        "7ed12cafa9544e00ad3c637751d0e036",
        Priority.ERR,
        "The activation log could not be written for a time",
        "What happened meanwhile was kept in memory and written afterwards, as far as it could be.",
    ),
    Kind.FEEDING: About(
        "dbe0dc7b0a664d05be882eab39bf141c",
        Priority.INFO,
        "A program feeds a virtual camera",
        "It gives the camera its pictures, and takes none. Whoever views them is told of by an entry of its own.",
    ),
    Kind.FED: About(
        "8f3632951388434bb7a9525bc0053111",
        Priority.INFO,
        "A program feeds a virtual camera no longer",
        "It gave the camera its pictures until now.",
    ),
    Kind.MACHINE_SLEPT: About(
        "80d5fb28d3c547d2adc25b56cb2e778e",
        Priority.INFO,
        "The machine slept",
        "No program could use a camera meanwhile.",
    ),
    Kind.MACHINE_DOWN: About(
        "65a14e0a818d45b6ac71995e6498bcfe",
        Priority.INFO,
        "The machine was down",
        "No program could use a camera while it was off.",
    ),
    Kind.MACHINE_STARTED: About(
        "e5f8e43b4d73466f82fa93f84308a401",
        Priority.INFO,
        "The machine has started",
        "From here until the guard started nobody watched the cameras.",
    ),
    Kind.CLOCK_CHANGED: About(
        "06c8ecda04544ae38972218c6d5acd1c",
        Priority.WARNING,
        "The clock was set",
        "Times before and after do not follow one another. The log knows the order nevertheless.",
    ),
    Kind.ZONE_CHANGED: About(
        "ac07b1272bfd43bba418693b119cc2fc",
        Priority.INFO,
        "The time zone has changed",
        "Times in the log bear the offset that held when they were written.",
    ),
    Kind.PRESERVED: About(
        "6f90cdbaad104fb9aac46d92ef70b044",
        Priority.NOTICE,
        "What an ended use had open was written down",
        "Its files and the addresses it was connected to: camguard log --json",
    ),
    Kind.KEPT: About(
        "6bf31246a1424bf6a1fcb6021105065a",
        Priority.NOTICE,
        "A copy of an ended program was kept",
        "Where it is: camguard log --json",
    ),
    Kind.JOURNAL_CHECKED: About(
        "70a1c483136d40a088dd54f63952d4fe",
        Priority.INFO,
        "The activation log was checked",
        "Its entries are as they were written. To check all of them: camguard log verify",
    ),
    Kind.JOURNAL_BROKEN: About(
        "e9afa437b446469b9ac98e912502dcc4",
        Priority.ERR,
        "The activation log was changed",
        "Somebody, or a fault of the disk, changed what was written: @CAMGUARD_WHY@\n"
        "To see what is still proven: camguard log verify",
    ),
    Kind.JOURNAL_CUT: About(
        "3e42a957865949aca810a6a852e279ff",
        Priority.INFO,
        "Old entries of the activation log were deleted",
        "They were older than [log] keep says.",
    ),
}


def catalog() -> str:
    """The catalog file, as journalctl compiles it (https://systemd.io/CATALOG/): `service/catalog` has it."""
    head = "# What camguard's entries in the systemd journal mean. Made by: python -m camguard.journalentry\n"
    return head + "".join(_entry(about) for about in (*KINDS.values(), LEFT_OUT))


def _entry(about: About) -> str:
    return "\n".join(_entry_lines(about)) + "\n"


def _entry_lines(about: About) -> Iterator[str]:
    yield ""
    yield f"-- {about.message_id}"
    yield f"Subject: {about.subject}"
    yield "Defined-By: camguard"
    yield ""
    yield about.text
