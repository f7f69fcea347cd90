"""Pages in the person's browser: made by the command line, in a process that is gone afterwards."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from pathlib import Path

from camguard.errors import PageError

ADVICE_PAGE = "page.html"
"""The file with the advice: its name is seen in the browser, and does not say what it is."""

_LONGEST_WORD = 400


async def open_page(folder: Path, arguments: tuple[str, ...] = ()) -> None:
    """Write the activity page into a folder that is this user's alone, and open it.

    `arguments` are those that lead the command line to the same guard. Raises PageError, with what to do instead.
    """
    page = folder / "activity.html"
    await _write(page, *arguments, "log")
    await _open(page)


async def open_advice(folder: Path) -> None:
    """The same with the advice, for which no guard is asked."""
    page = folder / ADVICE_PAGE
    await _write(page, "advice")
    await _open(page)


async def _open(page: Path) -> None:
    if not await asyncio.to_thread(webbrowser.open, page.as_uri()):
        raise PageError(f"no browser could be started; open this yourself: {page}")


async def _write(page: Path, *command: str) -> None:
    page.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    making = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "camguard", *command, "--html", os.fspath(page), "--force"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await making.communicate()
    if making.returncode != 0:
        why = said.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2].removeprefix("camguard: ")
        raise PageError(f"the page could not be made: {why[:_LONGEST_WORD]}")
