"""``python -m tests.support.as_user UID (command|script) ...``: become another user, then run.

Everything is imported before: the interpreter and the checkout may lie where other users may not read.
"""

from __future__ import annotations

import importlib
import importlib.readers
import mmap
import os
import pkgutil
import runpy
import sys
import textwrap
import zipfile
import zoneinfo

import jinja2
from jinja2 import PackageLoader

import camguard
from camguard.cli import main

_DESKTOP = "camguard.desktop."
"""No command that is run so shows an icon, and what an icon needs takes the longest to import."""

importlib.import_module("camguard.desktop.words")
for module in pkgutil.walk_packages(camguard.__path__, "camguard."):
    if not module.name.endswith("__main__") and not module.name.startswith(_DESKTOP):
        importlib.import_module(module.name)

EVERYTHING = (jinja2.Environment, PackageLoader, mmap, textwrap, zipfile, zoneinfo, importlib.readers)
jinja2.Environment(autoescape=True).from_string('{{ "text" }}').render()  # imports what it needs late


def become(uid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


if __name__ == "__main__":
    _, number, kind, *rest = sys.argv
    become(int(number))
    if kind == "command":
        main(rest)
    sys.argv = rest
    runpy.run_path(rest[0], run_name="__main__")
