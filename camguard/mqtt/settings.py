"""The table ``[mqtt]`` of the configuration, and the file with user name and password."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from camguard.errors import AccessDenied, ConfigError
from camguard.shapes import Shape
from camguard.toml_source import Place, TomlSource

PORT, TLS_PORT = 1883, 8883

_TOPIC = re.compile(r"[A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64}){0,7}")
_SECRET = "mqtt.toml"  # noqa: S105  # a file's name
_OTHERS_READ = 0o077

PathOf = Callable[[TomlSource, Place, str | None], Path | None]
"""Makes a path of what a configuration says."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and what it is told.

    `ca` is the file of the authority that signed its certificate, None for those that the system trusts. `discovery` is
    Home Assistant's prefix, None where it is not told; `topic` begins all others; `name` is the machine's. `apps`:
    whether it is told which app uses a camera. `credentials` is the file that may hold user name and password.
    """

    host: str
    port: int
    name: str
    tls: bool = True
    ca: Path | None = None
    credentials: Path | None = None
    discovery: str | None = "homeassistant"
    topic: str = "camguard"
    apps: bool = True


@dataclass(frozen=True, slots=True)
class Secret:
    """User name and password; the password is not shown."""

    username: str
    password: str | None = None

    def __repr__(self) -> str:
        return f"Secret({self.username!r})"


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The table as it is written."""

    host: str
    port: int | None = None
    tls: bool = True
    ca: str | None = None
    credentials: str | None = None
    discovery: str = "homeassistant"
    topic: str = "camguard"
    name: str | None = None
    apps: bool = True


_TABLE = Shape(_Table)


class _SecretFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    username: str | None = None
    password: str | None = None


_SECRET_FILE = Shape(_SecretFile)


def broker_of(source: TomlSource, table: Mapping[str, Any], path_of: PathOf) -> Broker:
    """The broker that the table [mqtt] of a configuration file names. Raises ConfigError."""
    said = source.decode_within(("mqtt",), table, _TABLE)
    if not said.host or len(said.host) > 255 or not said.host.isprintable() or " " in said.host:
        raise source.error(("mqtt", "host"), '"host" is no name or address of a machine')
    if said.port is not None and not 0 < said.port < 65536:
        raise source.error(("mqtt", "port"), f'"port" must be between 1 and 65535, not {said.port}')
    for key, topic in (("topic", said.topic), ("discovery", said.discovery or "none")):
        if _TOPIC.fullmatch(topic) is None:
            raise source.error(
                ("mqtt", key), f'"{key}" must be words of letters, digits, ".", "_" and "-", with "/" between'
            )
    usual = source.path.absolute().with_name(_SECRET)
    return Broker(
        host=said.host,
        port=said.port or (TLS_PORT if said.tls else PORT),
        name=said.name or socket.gethostname() or "computer",
        tls=said.tls,
        ca=path_of(source, ("mqtt", "ca"), said.ca),
        credentials=path_of(source, ("mqtt", "credentials"), said.credentials) or usual,
        discovery=said.discovery or None,
        topic=said.topic,
        apps=said.apps,
    )


def read_secret(broker: Broker, environ: Mapping[str, str] = os.environ) -> Secret | None:
    """User name and password: those that systemd handed over, else those in the file; None where there are none.

    Raises ConfigError where the file cannot be used or others may read it, AccessDenied where this user may not.
    """
    handed = environ.get("CREDENTIALS_DIRECTORY")  # systemd.exec(5), LoadCredential=
    path = Path(handed) / _SECRET if handed else broker.credentials
    if path is None:
        return None
    try:
        mode = path.stat().st_mode
        if not os.access(path, os.R_OK):
            raise AccessDenied(f"{path} holds the broker's password, and you may not read it; run this as root")
        source = TomlSource.read(path)
    except FileNotFoundError:
        return None
    if not handed and mode & _OTHERS_READ:
        raise ConfigError(f"{path} holds the broker's password, and others may read it; run: chmod 600 {path}")
    said = source.decode(_SECRET_FILE)
    if said.username is None:
        if said.password is not None:
            raise source.error(("password",), 'a "password" needs a "username"')
        return None
    return Secret(said.username, said.password)
