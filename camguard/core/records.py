"""The one shape in which a report is kept in the journal and printed by ``camguard watch --json``.

Every record is whole in itself: whoever reads one line years later needs no other. What comes from a process is
that process's to choose, so all text is made safe for JSON here; escaping it for a terminal is the printer's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TypeAlias

from camguard.core.circumstance import Circumstance
from camguard.core.confidence import Through
from camguard.core.context import Context
from camguard.core.details import Details, Parent
from camguard.core.events import LIFE, Kind, Report
from camguard.core.model import Activation, App, Camera, Moment, Outcome, Process, Rule, Verdict

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
"""Anything that a JSON document may hold."""

Record: TypeAlias = dict[str, JSON]
"""One JSON object."""

Shared: TypeAlias = dict[tuple[int, ...], Record]
"""What `describe` made for one lot of reports, by the identities (id) of what it speaks of."""

SCHEMA = 1
"""The version of the shape below; it grows when a key changes its meaning or goes away."""

ACTIVATION_KINDS = LIFE.union(
    {
        Kind.JUDGED,
        Kind.ALERT,
        Kind.DECIDED,
        Kind.PRESERVED,
        Kind.KEPT,
        Kind.ACTION_PENDING,
        Kind.ACTION_COMPLETED,
    }
)
"""Kinds whose records always have activation, camera, state, verdict, reasons, app and process."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def line(report: Report) -> Record:
    """A report as ``watch --json`` prints it."""
    return as_line(report.kind, report.seq, moment(report.at), describe(report))


def as_line(kind: str, seq: int | None, at: Mapping[str, JSON], data: Mapping[str, JSON]) -> Record:
    """The printed object, from the parts that an entry of the journal keeps: `at` as `moment`, `data` as `describe`."""
    clock: Record = {key: value for key, value in at.items() if key != "at"}
    return {"schema": SCHEMA, "event": kind, "seq": seq, "at": at["at"], "clock": clock, **data}


def moment(at: Moment) -> Record:
    """A moment by all its clocks; `at` is local time in ISO 8601 with offset and microseconds."""
    return {
        "at": local_time(at),
        "utc_ns": at.utc_ns,
        "utc_offset_s": at.utc_offset_s,
        "boottime_ns": at.boottime_ns,
        "boot_id": at.boot_id,
    }


@lru_cache(maxsize=16)  # what is written together happened at one moment or two
def local_time(at: Moment) -> str:
    """ISO 8601 in the local time that held at that moment, with its offset and microseconds."""
    zone = timezone(timedelta(seconds=at.utc_offset_s))
    return _datetime(at.utc_ns).astimezone(zone).isoformat(timespec="microseconds")


def describe(report: Report, shared: Shared | None = None) -> Record:
    """Everything a report says except when and which entry it is; see the module's text.

    `shared` holds what reports have in common that speak of the very same activation, app and verdict. It is for one
    lot of them, which must outlive it.
    """
    record: Record = {}
    if report.kind in ACTIVATION_KINDS or report.activation is not None:
        record.update(_of_activation(report) if shared is None else _once(report, shared))
    else:
        if report.camera is not None:
            record["camera"] = _camera(report.camera)
        if report.app is not None:
            record["app"] = _app(report.app)
        if report.process is not None:
            record["process"] = _process(report.process, report.details)
    if report.outcome is not None:
        record["outcome"] = _outcome(report.outcome)
    if report.extra is not None:
        record["extra"] = safe(report.extra)
    return record


def safe(value: JSON) -> JSON:
    """The same value with lone surrogates, which UTF-8 cannot carry, written out as backslash, u and four digits."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [safe(inner) for inner in value]
    return value


def of_rule(rule: Rule) -> Record:
    """A rule, with what it leaves open left out; `app` has the shape that it has in `describe`, less its name."""
    record: Record = {"rule": _text(rule.id), "effect": rule.effect.value, "lasting": rule.lasting.value}
    if rule.app is not None:
        app = {"kind": rule.app.kind.value, "id": rule.app.id, "path": rule.app.path, "sha256": rule.app.sha256}
        record["app"] = {key: _text(value) for key, value in app.items() if value is not None}
    if rule.until_utc_ns is not None:
        record["until"] = _utc(rule.until_utc_ns)
    if rule.hours is not None:
        record["hours"] = {
            "days": [*sorted(rule.hours.days)],
            "start_minute": rule.hours.start_minute,
            "end_minute": rule.hours.end_minute,
        }
    said = {"camera": rule.camera, "user": rule.user, "app_name": rule.app_name, "note": rule.note, "by": rule.by}
    record.update({key: _text(value) for key, value in said.items() if value is not None})
    if rule.turns_on:
        record["turns_on"] = True
    if rule.even:
        record["even"] = [each.value for each in Circumstance if each in rule.even]
    if rule.kind is not None:
        record["camera_kind"] = rule.kind.value
    if rule.shipped:
        record["shipped"] = True
    return record


def _once(report: Report, shared: Shared) -> Record:
    process = report.process if report.activation is None else None
    about = (report.activation, report.camera, report.app, process, report.details, report.verdict, report.context)
    key = tuple(map(id, about))
    if key not in shared:
        shared[key] = _of_activation(report)
    return shared[key]


def _of_activation(report: Report) -> Record:
    activation = report.activation
    process = report.process if activation is None else activation.process
    record: Record = {
        "activation": None if activation is None else activation.id,
        "camera": None if report.camera is None else _camera(report.camera),
        "state": None if activation is None else activation.state.value,
        "app": None if report.app is None else _app(report.app),
        "process": None if process is None else _process(process, report.details),
        **_verdict(report.verdict),
    }
    if report.context is not None:
        record["context"] = context(report.context, report.at)
    if activation is not None:
        record.update(_life(activation))
    return record


def context(found: Context, at: Moment) -> Record:
    """Each circumstance as true, false or null (not known), whatever came of it; and what more was found."""
    session, origin = found.session, found.origin
    record: Record = {each.key: found.holds(each, at) for each in Circumstance}
    times = {"idle_since": session.idle_since_utc_ns, "installed": origin.installed_utc_ns}
    said = {"session": session.id, "folder": origin.folder, "parent": origin.parent}
    record.update({key: _text(value) for key, value in said.items() if value is not None})
    record.update({key: _utc(value) for key, value in times.items() if value is not None})
    if origin.installed_utc_ns is not None:
        record["installed_by"] = "package" if origin.by_package else "file"
    return record


def _life(activation: Activation) -> Record:
    record: Record = {
        "present": activation.present,
        "holders": _pids(activation),
        "capture": None if activation.capture is None else activation.capture.value,
        "frames": activation.frames,
        "opens": activation.opens,
        "duration_ms": None if activation.duration_ns is None else activation.duration_ns // 1_000_000,
        "held_ms": activation.held_ns // 1_000_000,
        "opened_at": local_time(activation.opened_at),
    }
    if activation.capturing_at is not None:
        record["capturing_at"] = local_time(activation.capturing_at)
    if activation.ended_at is not None:
        record["ended_at"] = local_time(activation.ended_at)
    if activation.ending is not None:
        record["ending"] = activation.ending.value
    return record


def _pids(activation: Activation) -> list[JSON]:
    known = [holder.identity.pid for holder in activation.holders if holder.identity is not None]
    return [*sorted(known)]


def _camera(camera: Camera) -> Record:
    return {
        "id": _text(camera.id),
        "name": _text(camera.name),
        "kind": camera.kind.value,
        "usb_id": _maybe(camera.usb_id),
        "serial": _maybe(camera.serial),
        "nodes": [_text(node.path) for node in camera.nodes],
    }


def _verdict(verdict: Verdict | None) -> Record:
    if verdict is None:
        return {"verdict": None, "reasons": []}
    reasons: list[JSON] = []
    for reason in verdict.reasons:
        entry: Record = {"code": reason.code.value, "sentence": _text(reason.sentence)}
        if reason.rule is not None:
            entry["rule"] = _text(reason.rule)
        reasons.append(entry)
    record: Record = {"verdict": verdict.judgement.value, "reasons": reasons}
    if verdict.rule is not None:
        record["rule"] = _text(verdict.rule)
    return record


def _app(app: App) -> Record:
    return {
        "name": _text(app.name),
        "kind": app.identity.kind.value,
        "id": _text(app.identity.id),
        "path": _maybe(app.identity.path),
        "sha256": app.identity.sha256,
        "version": _maybe(app.version),
        "confidence": app.confidence.value,
    }


def _process(process: Process, details: Details | None) -> Record:
    identity = process.identity
    record: Record = {
        "known": identity is not None,
        "pid": process.pid,
        "start_ticks": None if identity is None else identity.start_ticks,
        "boot_id": None if identity is None else _text(identity.boot_id),
        "start": None if process.started_utc_ns is None else _utc(process.started_utc_ns),
        "name": _text(process.name),
        "exe": _maybe(process.exe),
        "uid": process.uid,
        "user": None if details is None else _maybe(details.user),
        "script": _maybe(process.script),
    }
    if process.through is not None:
        record["through"] = _through(process.through)
    if details is not None:
        record.update(_details(details))
    return record


def _through(through: Through) -> Record:
    return {
        "confidence": through.confidence.value,
        "broker": _text(through.broker),
        "pid": through.pid,
        "app": _maybe(through.app),
        "says": _maybe(through.says),
    }


def _details(details: Details) -> Record:
    return {
        "command": [_text(argument) for argument in details.command],
        "parents": [_parent(parent) for parent in details.parents],
        "unit": _maybe(details.unit),
        "exe_sha256": details.exe_sha256,
        "exe_note": _maybe(details.exe_note),
        "package": _maybe(details.package),
        "package_version": _maybe(details.package_version),
        "hints": [_text(hint) for hint in details.hints],
        "warning": _maybe(details.warning),
    }


def _parent(parent: Parent) -> Record:
    return {"pid": parent.pid, "name": _text(parent.name), "exe": _maybe(parent.exe)}


def _outcome(outcome: Outcome) -> Record:
    return {
        "result": outcome.result.value,
        "why": _maybe(outcome.why),
        "steps": [{"pid": step.pid, "what": _text(step.what), "result": _text(step.result)} for step in outcome.steps],
        "left": [{"pid": left.pid, "name": _text(left.name), "uid": left.uid} for left in outcome.left],
    }


def _datetime(utc_ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=utc_ns // 1000)


def _utc(utc_ns: int) -> str:
    return _datetime(utc_ns).isoformat(timespec="microseconds")


def _maybe(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
