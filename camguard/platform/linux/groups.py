r"""What the names of control groups tell: units, snaps and containers. See cgroups(7) and proc(5).

Whoever starts a program in a session may name its group: below ``user@1000.service`` the groups are the user's own
to make. There a name is only what the user says. Everywhere else systemd, on root's word, or root made it: so it is
where all that is above it are slices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNIT = re.compile(r".+\.(?:service|scope)")
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
_SNAP = re.compile(r"snap\.([a-z0-9][a-z0-9-]*(?:_[a-z0-9]{1,10})?)\..+\.(?:service|scope)")
_CONTAINER = re.compile(r"(?:(?:docker|libpod|crio|cri-containerd)-)?([0-9a-f]{64})(?:\.scope)?")
_LAUNCHED = "app-"


@dataclass(frozen=True, slots=True)
class Named:
    """What a group is named for. `proven` where only root can have named it so."""

    name: str
    proven: bool


def paths(content: str) -> tuple[str, ...]:
    """The groups of a process in the hierarchies that systemd keeps, from the content of /proc/PID/cgroup."""
    found = []
    for line in content.split("\n"):
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if (hierarchy == "0" and not controllers) or controllers == "name=systemd":
            found.append(path)
    return tuple(found)


def unit(groups: tuple[str, ...]) -> str | None:
    """The innermost systemd unit, as people write it."""
    for path in groups:
        units = [part for part in path.split("/") if _UNIT.fullmatch(part)]
        if units:
            return _unescaped(units[-1])
    return None


def snap(groups: tuple[str, ...]) -> Named | None:
    """The snap that a group is of."""
    return _named(groups, _SNAP)


def container(groups: tuple[str, ...]) -> Named | None:
    """The container, by its 64 digits, that a group is of."""
    return _named(groups, _CONTAINER)


def launched(groups: tuple[str, ...]) -> str | None:
    """The app that the desktop says it launched: a label, which also has whatever that app started.

    The names are ``app[-LAUNCHER]-ID-RANDOM.scope`` and ``app[-LAUNCHER]-ID[@RANDOM].service``, with any ``-`` in the
    id escaped (systemd.io/DESKTOP_ENVIRONMENTS).
    """
    for path in groups:
        for part in reversed(path.split("/")):
            stem, _, suffix = part.rpartition(".")
            if not stem.startswith(_LAUNCHED) or suffix not in {"scope", "service"}:
                continue
            words = stem.partition("@")[0].split("-")
            if suffix == "scope":
                words.pop()
            if len(words) > 1 and words[-1]:
                return _unescaped(words[-1])
    return None


def _named(groups: tuple[str, ...], form: re.Pattern[str]) -> Named | None:
    for path in groups:
        parts = path.split("/")[1:]
        for place, part in enumerate(parts):
            found = form.fullmatch(part)
            if found is not None:
                return Named(found[1], _roots(parts[:place]))
    return None


def _roots(above: list[str]) -> bool:
    """Whether only root can have made a group in this place."""
    return above == ["docker"] or (bool(above) and all(part.endswith(".slice") for part in above))


def _unescaped(name: str) -> str:
    raw = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)
    try:
        return raw.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:  # it has marks besides those that were escaped
        return raw
