"""What the running camguard is made of: its own files and those of every package it needs, each checked.

A package's RECORD says for each file what its SHA-256 was when it was installed
(https://packaging.python.org/specifications/recording-installed-packages). What has changed since is not taken along
into a service that runs as root.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path, PurePosixPath

import camguard
from camguard.errors import Refused
from camguard.install.model import File, Package

SIGN = "sign"
"""The extra by which the log's heads are signed."""

OPTIONAL = frozenset({SIGN})
"""Extras of camguard that the service has a use for, and does without."""

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_RECORD = "RECORD"
_UNHASHED = {_RECORD, "RECORD.jws", "RECORD.p7s"}
_CACHE = "__pycache__"
_DEVELOPED = "direct_url.json"
_REMEDY = "install it anew, for example: pip install --force-reinstall"


@dataclass(frozen=True, slots=True)
class Need:
    """A package that another one asks for. `conditional`: only under some condition, which may not hold here."""

    name: str
    extras: frozenset[str]
    conditional: bool


def running(extras: frozenset[str] = frozenset()) -> tuple[Package, ...]:
    """The running camguard, and every package that it needs with these extras, directly or not.

    Of `OPTIONAL` extras comes what is installed. Raises Refused where a package is missing, keeps no RECORD, or has a
    file that was changed.
    """
    found: dict[str, Package] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = [*_optional(), Need("camguard", extras, conditional=False)]
    while waiting:
        need = waiting.pop()
        key = normalised(need.name)
        if (key, need.extras) in asked:
            continue
        asked.add((key, need.extras))
        distribution = _distribution(need)
        if distribution is None:
            continue
        waiting += needs(distribution.requires or (), need.extras)
        if key not in found:
            found[key] = _own(distribution) if key == "camguard" else _package(distribution)
    return tuple(found[key] for key in sorted(found, key=lambda key: (key != "camguard", key)))


def _optional() -> Iterator[Need]:
    """What the optional extras need. Also in it is what camguard needs in any case, which is looked for first."""
    own = _distribution(Need("camguard", OPTIONAL, conditional=False))
    for need in needs((own.requires if own else None) or (), OPTIONAL):
        yield replace(need, conditional=True)


def needs(requirements: Iterable[str], extras: frozenset[str]) -> Iterator[Need]:
    """The packages in Requires-Dist lines (PEP 508), those of an extra only where it is asked for.

    Conditions on the system are not worked out: a package whose condition does not hold is simply not installed. That
    an extra is asked for is no such condition.
    """
    for requirement in requirements:
        wanted, _, marker = requirement.partition(";")
        extra = _EXTRA.search(marker)
        if extra and extra[1] not in extras:
            continue
        match = _NAME.match(wanted)
        if match:
            asked = frozenset(name.strip() for name in (match[2] or "").split(",") if name.strip())
            yield Need(match[1], asked, conditional=bool(_EXTRA.sub("", marker).strip()))


def normalised(name: str) -> str:
    """A package's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def verified(package: str, path: str, content: bytes, mode: str, recorded: str) -> bytes:
    """The content of a file, where it is what RECORD says. Raises Refused where not."""
    if mode not in hashlib.algorithms_guaranteed or mode in {"md5", "sha1"}:
        raise Refused(f"{package}: {path} has no SHA-256 in its RECORD; {_REMEDY} {package}")
    digest = base64.urlsafe_b64encode(hashlib.new(mode, content).digest()).rstrip(b"=").decode()
    if digest != recorded.rstrip("="):
        raise Refused(f"{package}: {path} was changed after it was installed; {_REMEDY} {package}")
    return content


def inside(path: str) -> bool:
    """Whether a path of a RECORD is below site-packages; commands and manual pages are not."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts


def _distribution(need: Need) -> metadata.Distribution | None:
    try:
        return metadata.distribution(need.name)
    except metadata.PackageNotFoundError:
        if need.conditional:
            return None
    if need.name == "camguard":
        said = "camguard runs from a folder, not from an installed package; make one: pip install ."
    else:
        said = f"the package {need.name}, which camguard needs, is not installed; pip install {need.name}"
    raise Refused(said)


def _package(distribution: metadata.Distribution) -> Package:
    name = distribution.metadata["Name"]
    files = tuple(_files(name, distribution))
    return Package(name, distribution.version, (*files, _record(files)))


def _files(name: str, distribution: metadata.Distribution) -> Iterator[File]:
    if distribution.read_text(_RECORD) is None:
        raise Refused(f"{name} was installed without a RECORD of its files; {_REMEDY} {name}")
    for entry in distribution.files or ():
        path = entry.as_posix()
        if not inside(path) or _CACHE in entry.parts or entry.name in _UNHASHED:
            continue
        content = _read(name, Path(str(distribution.locate_file(entry))))
        hashed = entry.hash
        yield File(path, verified(name, path, content, *((hashed.mode, hashed.value) if hashed else ("", ""))))


def _own(distribution: metadata.Distribution) -> Package:
    """The running camguard: from its RECORD, or where it is being developed from the folder it is imported from."""
    package = _package(distribution)
    folder = Path(camguard.__file__).parent
    installed = {Path(str(distribution.locate_file(file.path))) for file in package.files}
    if folder / "__init__.py" in installed:
        return package
    about = PurePosixPath(package.files[-1].path).parent
    kept = (file for file in package.files if about in PurePosixPath(file.path).parents)
    told = (file for file in kept if PurePosixPath(file.path).name not in {_RECORD, _DEVELOPED})
    files = (*_tree(folder, PurePosixPath(folder.name)), *_tree(checkout(), PurePosixPath(DATA)), *told)
    return Package(package.name, camguard.__version__, (*files, _record(files)))


DATA = "camguard/install/data"
"""Where an installed camguard keeps the files of `service/`."""


def checkout() -> Path:
    """The folder `service/` of a checkout."""
    return Path(camguard.__file__).parents[1] / "service"


def _tree(folder: Path, under: PurePosixPath) -> Iterator[File]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and _CACHE not in relative.parts:
            yield File((under / relative.as_posix()).as_posix(), _read("camguard", path))


def _record(files: tuple[File, ...]) -> File:
    """A RECORD of these files alone, beside the METADATA among them."""
    about = next(PurePosixPath(file.path).parent for file in files if file.path.endswith(".dist-info/METADATA"))
    path = (about / _RECORD).as_posix()
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for file in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(file.content).digest()).rstrip(b"=").decode()
        lines.writerow((file.path, f"sha256={digest}", len(file.content)))
    lines.writerow((path, "", ""))
    return File(path, text.getvalue().encode())


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{name}: {path} cannot be read ({error.strerror}); {_REMEDY} {name}") from error
