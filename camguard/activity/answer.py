"""What can be answered to "was my camera on then?": yes, no, in part, or not known. Never more than the log knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from camguard.activity.words import app_of, is_feeding, judged, was_ended
from camguard.core.coverage import ASIDE, ASLEEP, BEGINS, CUT, LEAPT, NOT_TOLD, Stretch, Watch
from camguard.core.model import State
from camguard.journal.filter import to_utc_ns
from camguard.journal.fold import ActivationRecord
from camguard.journal.known import Known, TimedUse
from camguard.wording import spoken

CAVEAT = "This is what the log says. Somebody with full control of this machine could have changed it."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_WORD = {BEGINS, ASIDE, LEAPT, NOT_TOLD}
"""Why a time was not watched of which nobody can say that no guard ran."""

_NAMED = 3
"""So many are told one by one in a sentence; of more, how many there are."""


class Answer(StrEnum):
    """The four answers, as programs are told them."""

    NO = "no"
    YES = "yes"
    IN_PART = "in part"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Asked:
    """The time that is asked about, in UTC nanoseconds; told in the local time of `zone`, None: this machine's.

    `camera` is what the name of the camera has in it, None for any camera.
    """

    begin_utc_ns: int
    end_utc_ns: int
    zone: tzinfo | None = None
    camera: str | None = None

    def at(self, utc_ns: int) -> datetime:
        """A time in that zone."""
        return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(self.zone)

    def clock(self, utc_ns: int) -> str:
        """A time as it is said: with the day where more than one is asked about, with seconds where there are any."""
        at, first, last = self.at(utc_ns), self.at(self.begin_utc_ns), self.at(self.end_utc_ns - 1)
        clock = f"{at:%H:%M}" if (at.second, at.microsecond) == (0, 0) else f"{at:%H:%M:%S}"
        if first.utcoffset() != last.utcoffset():  # summer time begins or ends: an hour is there twice, or not at all
            clock += f" (UTC{at:%z})"
        if first.date() == last.date() and at.date() == first.date():
            return clock
        if first.date() == last.date() and utc_ns == self.end_utc_ns:
            return "24:00"
        return f"{at.day} {at:%B} {clock}"

    def span(self, begin_utc_ns: int, end_utc_ns: int) -> str:
        """From when to when, of what lies in the time that is asked about."""
        return f"from {self.clock(begin_utc_ns)} to {self.clock(end_utc_ns)}"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer, with what it rests on. `possible` are uses that may have gone on into the time: nobody saw their end.

    `sentence` is the answer in words, and holds names that others chose.
    """

    answer: Answer
    sentence: str
    uses: tuple[TimedUse, ...]
    looks: tuple[TimedUse, ...]
    possible: tuple[TimedUse, ...]


def find(asked: Asked, known: Known) -> Finding:
    """The answer to what is asked, out of what the log knows."""
    looks = tuple(use for use in known.uses if _took_none(use.record))
    others = [use for use in known.uses if not _took_none(use.record)]
    uses = tuple(use for use in others if use.until_utc_ns >= asked.begin_utc_ns)
    possible = tuple(use for use in others if use.until_utc_ns < asked.begin_utc_ns)
    answer = _answer(known, uses, possible)
    return Finding(answer, _sentence(asked, known, answer, uses), uses, looks, possible)


def _took_none(record: ActivationRecord) -> bool:
    """Whether it only looked, or gave a virtual camera its pictures: no camera was on for it."""
    return record.state == State.PROBE or is_feeding(record)


def told(use: TimedUse) -> str:
    """Who used which camera, for how long, what was made of it and what was done. Holds names that others chose."""
    record = use.record
    who = app_of(record) if use.whole else "another user's program"
    facts = [f"{key} {value}" for key, value in (("pid", (record.process or {}).get("pid")), ("user", record.user))]
    known = [fact for fact in facts if not fact.endswith(" None")]
    camera = record.camera_name or "a camera"
    if record.state == State.PROBE:
        return f"{who}{_in_brackets(known)} looked at {camera}, and took no pictures"
    if is_feeding(record):
        return f"{who}{_in_brackets(known)} gave the virtual camera {camera} its pictures, and took none"
    lasted = "" if record.duration_ms is None else f" for {spoken(record.duration_ms * 1_000_000)}"
    unseen = "; its end was not seen" if record.interrupted else ""
    unseen += "; it had begun before the guard" if record.present else ""
    return f"{who}{_in_brackets(known)} used {camera}{lasted}{unseen}{_made_of(use)}"


def _made_of(use: TimedUse) -> str:
    record = use.record
    if not use.whole:
        return ""
    why = "; ".join(str(reason.get("sentence", "")) for reason in record.reasons)
    done = "; it was ended" if was_ended(record) else ""
    answered = f"; answered: {record.decision.get('decision')}" if record.decision else ""
    return f". {judged(record).capitalize()}{f': {why}' if why else ''}{done}{answered}"


def _in_brackets(facts: Sequence[str]) -> str:
    return f" ({', '.join(facts)})" if facts else ""


def _answer(known: Known, uses: Sequence[TimedUse], possible: Sequence[TimedUse]) -> Answer:
    watches = {stretch.watch for stretch in known.stretches}
    if uses:
        return Answer.YES
    if watches == {Watch.NOT} or not known.checked.whole:
        return Answer.NOT_KNOWN
    # Where there are too many to look at, those that were not looked at may be uses.
    return Answer.NO if watches == {Watch.WATCHED} and not possible and not known.more else Answer.IN_PART


def _sentence(asked: Asked, known: Known, answer: Answer, uses: Sequence[TimedUse]) -> str:
    camera = "a camera" if asked.camera is None else f'a camera with "{asked.camera}" in its name'
    between = f"between {asked.clock(asked.begin_utc_ns)} and {asked.clock(asked.end_utc_ns)}"
    unwatched = [stretch for stretch in known.stretches if stretch.watch is not Watch.WATCHED]
    if answer is Answer.YES:
        return f"Yes. {_used(asked, known, uses)}.{_but(asked, unwatched)}"
    if answer is Answer.NO:
        slept = any(ASLEEP in stretch.why for stretch in known.stretches)
        but = ", but for when the machine was asleep and no program ran" if slept else ""
        return f"No. No program used {camera} {between}; the guard was watching all of it{but}.{_mind(asked, known)}"
    if answer is Answer.NOT_KNOWN:
        if not known.checked.whole:
            return f"Not known: the log was changed. {(known.checked.sentence or '').capitalize()}."
        running = any(set(stretch.why) & _NO_WORD for stretch in unwatched)
        return f"Not known: {_missing(asked, unwatched, 'watching' if running else 'running')}."
    seen = f"In part. No program was seen to use {camera} {between}"
    return f"{seen}; {_only(asked, known, unwatched)}."


def _mind(asked: Asked, known: Known) -> str:
    """What else there is to know of a time that was watched: that the clock was set."""
    told = [replace(stretch, why=tuple(why for why in stretch.why if why != ASLEEP)) for stretch in known.stretches]
    doubtful = [stretch for stretch in told if stretch.why]
    return f" But mind the clock {_when(asked, doubtful)}." if doubtful else ""


def _used(asked: Asked, known: Known, uses: Sequence[TimedUse]) -> str:
    first = [
        f"{_who(use)} used {use.record.camera_name or 'a camera'} {_whenever(asked, use)}" for use in uses[:_NAMED]
    ]
    rest = len(uses) - len(first)
    if known.more:
        return f"{'; '.join(first)}; there were more uses or looks than are told here"
    return "; ".join(first) + (f"; and {rest} more {'use' if rest == 1 else 'uses'}" if rest else "")


def _who(use: TimedUse) -> str:
    return app_of(use.record) if use.whole else "another user's program"


def _whenever(asked: Asked, use: TimedUse) -> str:
    begin = to_utc_ns(use.record.opened_at)
    if use.record.ended_at is None and not use.record.interrupted:
        return f"from {asked.clock(begin)} on"
    unseen = " at least" if use.record.interrupted else ""
    return f"{asked.span(begin, use.until_utc_ns)}{unseen}"


def _but(asked: Asked, unwatched: Sequence[Stretch]) -> str:
    return f" Of the rest not all is known: not {_when(asked, unwatched)}." if unwatched else ""


def _only(asked: Asked, known: Known, unwatched: Sequence[Stretch]) -> str:
    gone = [stretch for stretch in unwatched if stretch.watch is Watch.NOT]
    parts = [stretch for stretch in unwatched if stretch.watch is Watch.PARTLY]
    said = []
    if gone:
        said.append(f"but {_missing(asked, gone, 'watching')}")
    if parts:
        said.append(f"{'and' if said else 'but'} could not see all {_when(asked, parts)}")
    if known.more:
        said.append(f"{'and' if said else 'but'} there was more than could be looked at")
    return ", ".join(said) or "but a use before may have gone on"


def _missing(asked: Asked, gone: Sequence[Stretch], verb: str) -> str:
    """What keeps a time that nothing is known of from being known: no guard, or that its entries were cut."""
    cut = [stretch for stretch in gone if CUT in stretch.why]
    rest = [stretch for stretch in gone if CUT not in stretch.why]
    said = [f"the guard was not {verb} {_when(asked, rest)}"] if rest else []
    return ", and ".join([*said, f"nothing is left of what was seen {_when(asked, cut)}"] if cut else said)


def _when(asked: Asked, found: Sequence[Stretch]) -> str:
    """When that was, and why; neighbours of one sort are one, those that are too many are counted."""
    spans = [
        f"{asked.span(stretch.begin_utc_ns, stretch.end_utc_ns)}{_in_brackets(stretch.why[:1])}"
        for stretch in found[:_NAMED]
    ]
    rest = len(found) - len(spans)
    return ", ".join(spans) + (f", and {rest} more times" if rest > 1 else ", and once more" if rest else "")


def remarks(asked: Asked, known: Known) -> list[str]:
    """Of each stretch that is not simply watched, when, what and why."""
    return [
        f"{asked.span(stretch.begin_utc_ns, stretch.end_utc_ns)}: {stretch.watch}{_because(stretch)}"
        for stretch in known.stretches
        if stretch.why or stretch.watch is not Watch.WATCHED
    ]


def checked(known: Known) -> str:
    """What was checked of the log, as a sentence."""
    done = known.checked
    if not done.whole:
        return f"The log was changed: {done.sentence}. `camguard log verify` says more."
    if done.count == 0:
        return "The log has no entries."
    if done.all:
        return f"All {done.count:,} entries of the log are as they were written."
    return f"The newest {done.count:,} entries of the log are as they were written; `camguard log verify` checks all."


def _because(stretch: Stretch) -> str:
    if stretch.watch is Watch.WATCHED and stretch.why == (ASLEEP,):
        return f"; {ASLEEP}"
    return f"; {'; '.join(stretch.why)}" if stretch.why else ""
