"""The rules file: what people wrote there as rules, and rules written there without losing what people wrote."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from camguard import toml_edit
from camguard.core.circumstance import Circumstance
from camguard.core.model import AppIdentity, Effect, Hours, Lasting, Rule
from camguard.errors import AccessDenied, ConfigError, UsageError
from camguard.ruletext import parse_app, parse_hours, spell_app, spell_hours, spell_list
from camguard.shapes import Shape
from camguard.toml_source import TomlSource
from camguard.wholefile import make_alike, write_whole

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_YEAR = 2999
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NUMBERED = re.compile(r"r([0-9]{1,9})")
_HEADING = """\
# camguard's rules: who may use the camera. Written by "camguard rules", and by you.
# The keys of a rule: id, effect (allow, ask, block), app, path, sha256, camera, user, hours,
# lasting (once, until, always), until, name, note, turns_on (true: where the camera is off by default, it is on in
# the rule's hours), by (the user who made it for himself), even (circumstances in which it allows all the same, such as
# ["locked"]). What a rule does not name, it does not ask for.

"""

_Stamp = tuple[int, int, int, int]
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class _Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One [[rule]] as it is written."""

    id: str
    effect: Effect
    name: str | None = None
    app: str | None = None
    path: str | None = None
    sha256: str | None = None
    camera: str | None = None
    user: str | None = None
    hours: str | None = None
    lasting: Lasting | None = None
    until: _Aware | None = None
    note: str | None = None
    turns_on: bool = False
    by: str | None = None
    even: tuple[Circumstance, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The rules file. `last` is the number of the newest id, so that no id is ever given twice."""

    last: Annotated[int, msgspec.Meta(ge=0)] = 0
    rule: list[_Rule] = []


_FILE = Shape(_File)


def load(path: Path) -> tuple[Rule, ...]:
    """All rules in a file, in its order; none where there is no such file.

    Raises ConfigError where it cannot be used, with file, line and the nearest right key.
    """
    try:
        return _rules(TomlSource.read(path))
    except FileNotFoundError:
        return ()


class RuleBook:
    """The rules in one file, for reading often and changing seldom."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet; a missing file holds no rules."""
        self.path = path
        self._known: tuple[_Stamp | None, tuple[Rule, ...]] = (None, ())

    def current(self) -> tuple[Rule, ...]:
        """All rules; the file is read again only where it changed.

        Raises ConfigError where the file cannot be used.
        """
        stamp = self._stamp()
        known = self._known
        if stamp is None or stamp != known[0]:
            # The stamp was taken before the reading, so that a change in between is seen next time.
            known = self._known = (stamp, load(self.path))
        return known[1]

    def add(self, rule: Rule) -> tuple[Rule, Rule | None]:
        """Write a rule down, in the place of the one for the same app, camera, user and hours if there is one.

        Returns the rule as stored, with its id (the given one counts for nothing), and the rule
        it replaced. Raises ConfigError where the file cannot be used, UsageError
        where the rule cannot be written down, AccessDenied where this user may not.
        """
        rule = _storable(rule)
        with self._changing() as (source, write):
            known = _rules(source)
            older = next((one for one in known if _scope(one) == _scope(rule)), None)
            if older is None:
                last = _last_number(source, known) + 1
                stored = replace(rule, id=f"r{last}")
                write(toml_edit.appended(_numbered(source, last), "rule", _written(stored)), (*known, stored))
            else:
                stored = replace(rule, id=older.id)
                place = ("rule", known.index(older))
                write(toml_edit.overwritten(source, place, _written(stored)), _with(known, older, stored))
        return stored, older

    def remove(self, rule_id: str) -> Rule | None:
        """Take the rule with this id out of the file; returns it, or None where there is none.

        Raises as `add` does.
        """
        with self._changing() as (source, write):
            known = _rules(source)
            found = next((rule for rule in known if rule.id == rule_id), None)
            if found is not None:
                numbered = _numbered(source, _last_number(source, known))
                write(toml_edit.without(numbered, ("rule", known.index(found))), _with(known, found))
        return found

    @contextmanager
    def _changing(self) -> Iterator[tuple[TomlSource, _Write]]:
        """Hold the file's lock; hands out what it says now, and what writes it anew."""
        path = Path(os.path.realpath(self.path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(path.with_name(f".{path.name}.lock")):
                try:
                    source = TomlSource.read(path)
                except FileNotFoundError:
                    source = TomlSource(path, _HEADING)
                yield source, lambda text, wanted: _replace(path, text, wanted)
        except PermissionError as error:
            raise AccessDenied(f"{error.filename or path}: you may not write this; are you the right user?") from error
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error

    def _stamp(self) -> _Stamp | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


_Write = Callable[[str, tuple[Rule, ...]], None]


def _rules(source: TomlSource) -> tuple[Rule, ...]:
    written = source.decode(_FILE).rule
    seen: set[str] = set()
    rules = []
    for index, one in enumerate(written):
        place = ("rule", index, "id")
        if not _ID.fullmatch(one.id):
            raise source.error(place, f'"id" must be of letters, digits, "-" and "_", at most 32, not "{one.id}"')
        if one.id in seen:
            raise source.error(place, f'a second rule with the id "{one.id}"')
        seen.add(one.id)
        rules.append(_rule(source, index, one))
    return tuple(rules)


def _rule(source: TomlSource, index: int, one: _Rule) -> Rule:
    lasting = one.lasting or (Lasting.ALWAYS if one.until is None else Lasting.UNTIL)
    if (lasting is Lasting.UNTIL) != (one.until is not None):
        raise source.error(("rule", index, "lasting"), 'a rule lasting "until" needs a time in "until", no other does')
    if one.turns_on and (one.hours is None or one.effect is not Effect.ALLOW):
        raise source.error(("rule", index, "turns_on"), '"turns_on" is for a rule that allows in certain "hours"')
    if one.even and one.effect is not Effect.ALLOW:
        raise source.error(("rule", index, "even"), '"even" is for a rule that allows')
    if one.by is not None and one.by != one.user:
        raise source.error(("rule", index, "by"), 'a rule made "by" a user is for that "user" alone')
    return Rule(
        id=one.id,
        effect=one.effect,
        app=_app(source, index, one),
        camera=one.camera,
        user=one.user,
        hours=_hours(source, index, one.hours),
        lasting=lasting,
        until_utc_ns=_until_ns(source, index, one.until),
        app_name=one.name,
        note=one.note,
        turns_on=one.turns_on,
        by=one.by,
        even=frozenset(one.even),
    )


def _app(source: TomlSource, index: int, one: _Rule) -> AppIdentity | None:
    if one.app is None:
        for key, said in (("path", one.path), ("sha256", one.sha256)):
            if said is not None:
                raise source.error(("rule", index, key), f'"{key}" needs "app" beside it')
        return None
    try:
        app = parse_app(one.app)
    except ValueError as error:
        raise source.error(("rule", index, "app"), f'"app": {error}') from error
    if one.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", one.sha256):
        raise source.error(("rule", index, "sha256"), '"sha256" must be 64 hexadecimal digits, in small letters')
    return replace(app, path=one.path, sha256=one.sha256)


def _hours(source: TomlSource, index: int, said: str | None) -> Hours | None:
    if said is None:
        return None
    try:
        return parse_hours(said)
    except ValueError as error:
        raise source.error(("rule", index, "hours"), f'"hours": {error}') from error


def _until_ns(source: TomlSource, index: int, until: datetime | None) -> int | None:
    if until is None:
        return None
    if not _EPOCH.year <= until.year <= _LAST_YEAR:
        raise source.error(("rule", index, "until"), f'"until" must be between {_EPOCH.year} and {_LAST_YEAR}')
    return (until - _EPOCH) // timedelta(microseconds=1) * 1000


def _written(rule: Rule) -> dict[str, str]:
    """A rule's keys and values as TOML has them, in the order in which people would write them."""
    app = rule.app
    table = {
        "id": rule.id,
        "effect": str(rule.effect),
        "name": rule.app_name,
        "app": None if app is None else spell_app(app),
        "path": None if app is None else app.path,
        "sha256": None if app is None else app.sha256,
        "camera": rule.camera,
        "user": rule.user,
        "hours": None if rule.hours is None else spell_hours(rule.hours),
        "lasting": str(rule.lasting),
        "until": rule.until_utc_ns,
        "note": rule.note,
        "turns_on": True if rule.turns_on else None,
        "by": rule.by,
    }
    written = {key: _value(key, value) for key, value in table.items() if value is not None}
    if rule.even:
        written["even"] = spell_list(each.value for each in Circumstance if each in rule.even)
    return written


def _value(key: str, value: str | int) -> str:
    """One value as TOML; whatever an editor or a terminal would not show as it is, is escaped.

    Raises UsageError where it is no text that a file can hold.
    """
    if value is True:
        return "true"
    if isinstance(value, int):
        return (_EPOCH + timedelta(microseconds=value // 1000)).astimezone().isoformat()
    if any("\ud800" <= mark <= "\udfff" for mark in value):
        raise UsageError(f'"{key}" holds bytes that are no UTF-8 text; a rules file cannot name it: {value!a}')
    return '"' + "".join(_escaped(mark) for mark in value) + '"'


def _escaped(mark: str) -> str:
    if mark in '"\\':
        return "\\" + mark
    if mark.isprintable():
        return mark
    return f"\\u{ord(mark):04X}" if ord(mark) < 0x10000 else f"\\U{ord(mark):08X}"


def _storable(rule: Rule) -> Rule:
    """The rule without what a file does not keep: parts of a microsecond, and a path that only repeats the app."""
    if rule.until_utc_ns is not None:
        rule = replace(rule, until_utc_ns=rule.until_utc_ns // 1000 * 1000)
    if rule.app is not None and rule.app.path == rule.app.id:
        rule = replace(rule, app=replace(rule.app, path=None))
    return rule


def _scope(rule: Rule) -> tuple[object, ...]:
    """What two rules share when the newer answers the same question as the older.

    An answer for a time never takes the place of a standing one, which holds again when that time is over.
    """
    app = None if rule.app is None else (rule.app.kind, rule.app.id, rule.app.path)
    return (app, rule.camera, rule.user, rule.hours, rule.lasting is Lasting.ALWAYS, rule.by)


def _with(rules: tuple[Rule, ...], old: Rule, *new: Rule) -> tuple[Rule, ...]:
    """The rules with `new` in the place of `old`."""
    position = rules.index(old)
    return (*rules[:position], *new, *rules[position + 1 :])


def _last_number(source: TomlSource, rules: tuple[Rule, ...]) -> int:
    numbers = [int(found[1]) for rule in rules if (found := _NUMBERED.fullmatch(rule.id))]
    return max((source.decode(_FILE).last, *numbers))


def _numbered(source: TomlSource, last: int) -> TomlSource:
    """The file with the number of the newest id noted in it."""
    if source.data.get("last") == last:
        return source
    return TomlSource(source.path, toml_edit.with_key(source, "last", str(last)))


def _replace(path: Path, text: str, wanted: tuple[Rule, ...]) -> None:
    """Put the new content in the file's place, whole or not at all, after reading it back as `wanted`."""
    if not _says(path, text, wanted):
        raise ConfigError(f"{path}: this file is laid out in a way that cannot be changed safely; change it by hand")
    write_whole(path, text.encode(), lambda fd: make_alike(path, fd))


def _says(path: Path, text: str, wanted: tuple[Rule, ...]) -> bool:
    try:
        return _rules(TomlSource(path, text)) == wanted
    except ConfigError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that one process, on one file beside the rules, can have at a time; waits for it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
