"""What is in the way of the gate on this machine."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from camguard.platform.linux import procfs

_MODULE = "bpf"


class Obstacle(NamedTuple):
    """Why there can be no gate, and what to do about it; both are sentences."""

    why: str
    remedy: str


def find(sys_folder: str = "/sys") -> Obstacle | None:
    """The first thing that is in the way, None where nothing is. Loads libbpf where all else is well."""
    if sys.byteorder != "little":
        return Obstacle("The gate's program is made for little-endian machines.", "Do without the gate here.")
    return _rights() or _security_modules(sys_folder) or _types(sys_folder) or _library()


def _rights() -> Obstacle | None:
    if os.geteuid() == 0:
        return None
    return Obstacle("The gate takes root.", "Run the guard as root.")


def _security_modules(sys_folder: str) -> Obstacle | None:
    path = f"{sys_folder}/kernel/security/lsm"
    try:
        modules = procfs.read(path).decode("ascii", "replace").strip()
    except OSError as error:
        why = f"{path}, the list of security modules, cannot be read ({os.strerror(error.errno or 0)})."
        return Obstacle(why, "Mount it: mount -t securityfs securityfs /sys/kernel/security.")
    if _MODULE in modules.split(","):
        return None
    why = f"The kernel runs without BPF LSM ({path} has {modules})."
    remedy = f"Boot with lsm={modules},{_MODULE} on the kernel's command line; it has to be built with CONFIG_BPF_LSM."
    return Obstacle(why, remedy)


def _types(sys_folder: str) -> Obstacle | None:
    path = f"{sys_folder}/kernel/btf/vmlinux"
    if os.access(path, os.R_OK):
        return None
    return Obstacle(f"The kernel does not describe its types ({path}).", "Use one with CONFIG_DEBUG_INFO_BTF.")


def _library() -> Obstacle | None:
    from camguard.platform.linux.gate import libbpf

    try:
        libbpf.library()
    except OSError as error:
        return Obstacle(f"libbpf is missing ({error}).", "Install it (Debian: apt install libbpf1).")
    return None
