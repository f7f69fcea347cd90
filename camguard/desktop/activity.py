"""The activity page in the person's browser: made by the command line, in a process that is gone afterwards."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from pathlib import Path

from camguard.errors import PageError

_LONGEST_WORD = 400


async def open_page(folder: Path, arguments: tuple[str, ...] = ()) -> None:
    """Write the page into a folder that is this user's alone, and open it.

    `arguments` are those that lead the command line to the same guard. Raises PageError, with what to do instead.
    """
    page = folder / "activity.html"
    await _write(page, arguments)
    if not await asyncio.to_thread(webbrowser.open, page.as_uri()):
        raise PageError(f"no browser could be started; open this yourself: {page}")


async def _write(page: Path, arguments: tuple[str, ...]) -> None:
    page.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    making = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "camguard", *arguments, "log", "--html", os.fspath(page), "--force"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await making.communicate()
    if making.returncode != 0:
        why = said.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2].removeprefix("camguard: ")
        raise PageError(f"the page could not be made: {why[:_LONGEST_WORD]}")
