"""A page of ours, taken apart by the standard library's own reader of HTML."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """The elements of a page, its text, its style and scripts, and each use in its table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.text = ""
        self.rows: list[dict[str, str]] = []
        self._open: list[str] = []
        self._cell: str | None = None
        self.feed(html)
        self.close()

    @property
    def data(self) -> dict[str, Any]:
        """What the script reads."""
        found: dict[str, Any] = json.loads(self.raw["script"][0])
        return found

    @property
    def embedded(self) -> list[list[str]]:
        """The uses that the script shows, in words."""
        texts = self.data["texts"]
        return [[texts[cell] if isinstance(cell, int) else cell for cell in row] for row in self.data["rows"]]

    @property
    def policy(self) -> str:
        """The page's Content-Security-Policy."""
        return next(value or "" for name, key, value in self.attributes if (name, key) == ("meta", "content"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, *each) for each in attrs]
        if tag in self.raw:
            self.raw[tag].append("")
        self._open.append(tag)
        given = dict(attrs)
        if given.get("role") == "row":
            self.rows.append({})
        if given.get("role") in {"cell", "rowheader"}:
            self._cell = (given.get("class") or "").split()[0]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag in {"td", "th"}:
            self._cell = None

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside in self.raw:
            self.raw[inside][-1] += data
            return
        self.text += data
        if self._cell is not None:
            cell = self.rows[-1]
            cell[self._cell] = cell.get(self._cell, "") + (" | " if inside == "small" else "") + data


def hash_of(text: str) -> str:
    """A script or style as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
