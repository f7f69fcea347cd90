"""Signatures of the log's heads and cuts, by an Ed25519 key that lies beside the log (RFC 8032).

The library for it takes some 14 MiB of memory, which a guard has not to spare for months: it signs in a process that
lasts for that one time (``python -m camguard.journal.signing KEY``, base64 lines in, base64 lines out).
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from camguard.errors import AccessDenied, NothingMatched, Refused, SigningError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TIMEOUT_S = 10.0
"""How long signing may take; it takes 0.1 s."""

_LIMIT = 64 * 1024
_NO_LIBRARY = "signatures need the package cryptography: pip install cryptography"


@dataclass(frozen=True, slots=True)
class Signed:
    """Signatures, in the order of what was signed, by the key of that `key` (see `Verifier.key`)."""

    key: str
    signatures: tuple[bytes, ...]


class Verifier:
    """Checks signatures by a public key. `key` names it: the first 16 digits of the SHA-256 of its 32 bytes."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public
        self.key = _name(public)

    @classmethod
    def read(cls, path: Path) -> Verifier:
        """The key in a PEM file. Raises NothingMatched where there is no file, SigningError where it is no such key."""
        content = _read(path)
        serialization, ed25519, unsupported = _library()
        try:
            public = serialization.load_pem_public_key(content)
        except (ValueError, unsupported) as error:
            raise SigningError(f"{path} is no public key: {error}") from error
        if not isinstance(public, ed25519.Ed25519PublicKey):
            raise SigningError(f"{path} is no Ed25519 key")
        return cls(public)

    def good(self, text: bytes, signature: bytes) -> bool:
        """Whether it is this key's signature of the text."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(signature, text)
        except InvalidSignature:
            return False
        return True


def key_of(journal: Path) -> Path:
    """Where the key for the log at `journal` is."""
    return journal.with_name("log.key")


def public_of(journal: Path) -> Path:
    """Where the public key for the log at `journal` is."""
    return journal.with_name("log.pub")


def create(journal: Path) -> str:
    """Make a key for the log at `journal`; returns its name.

    Raises Refused where there is one, SigningError without the library, AccessDenied where it cannot be put there.
    """
    serialization, ed25519, _ = _library()
    path = key_of(journal)
    key = ed25519.Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        os.makedirs(path.parent, mode=0o700, exist_ok=True)
        _put(path, secret, os.O_EXCL)
        _put(public_of(journal), public, os.O_TRUNC)
    except FileExistsError as error:
        raise Refused(f"there is a key already: {path}; what it signed could not be checked by another") from error
    except OSError as error:
        raise AccessDenied(f"the key cannot be put into {path.parent}: {error.strerror}") from error
    return _name(key.public_key())


def sign(key: Path, texts: Sequence[bytes]) -> Signed:
    """Sign texts with the key in a file, in a process of its own. Raises SigningError."""
    lines = b"".join(base64.b64encode(text) + b"\n" for text in texts)
    command = [sys.executable, "-I", "-m", "camguard.journal.signing", str(key)]
    try:
        done = subprocess.run(command, input=lines, capture_output=True, timeout=TIMEOUT_S, check=False, env={})
    except (OSError, subprocess.SubprocessError) as error:
        raise SigningError(f"the log's head cannot be signed: {error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise SigningError(f"the log's head cannot be signed: {said or 'the signing process failed'}")
    name, *signatures = done.stdout.decode("ascii").split()
    return Signed(name, tuple(base64.b64decode(line, validate=True) for line in signatures))


def main(arguments: Sequence[str]) -> int:
    """Sign what comes in with the key in the file that is named; returns the exit code."""
    try:
        key = _secret(Path(arguments[0]))
    except (SigningError, NothingMatched) as error:
        print(error, file=sys.stderr)  # noqa: T201  # it is what this process is for
        return 1
    texts = [base64.b64decode(line, validate=True) for line in sys.stdin.buffer.read(_LIMIT).split()]
    for line in (_name(key.public_key()), *(base64.b64encode(key.sign(text)).decode() for text in texts)):
        print(line)  # noqa: T201
    return 0


def _secret(path: Path) -> Ed25519PrivateKey:
    content = _read(path)
    serialization, ed25519, unsupported = _library()
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, unsupported) as error:
        raise SigningError(f"{path} is no key: {error}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SigningError(f"{path} is no Ed25519 key")
    found: Ed25519PrivateKey = key
    return found


def _library() -> tuple[Any, Any, type[Exception]]:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise SigningError(_NO_LIBRARY) from error
    return serialization, ed25519, UnsupportedAlgorithm


def _name(public: Ed25519PublicKey) -> str:
    serialization, _, _ = _library()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)  # also what Debian 12 brings
    return hashlib.sha256(raw).hexdigest()[:16]


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LIMIT)
    except FileNotFoundError as error:
        raise NothingMatched(f"there is no key at {path}") from error
    except OSError as error:
        raise SigningError(f"the key {path} cannot be read: {error.strerror}") from error


def _put(path: Path, content: bytes, how: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | how, 0o600)
    with open(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
