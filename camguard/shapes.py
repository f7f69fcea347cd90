"""The shapes that documents from outside must have, decoded strictly by msgspec."""

from __future__ import annotations

from types import UnionType
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Shape(Generic[T]):
    """What a document must look like. Make one where the module is imported, never where a document comes in.

    msgspec works out a type the first time it is used. Two threads that do so in the same moment crash the process
    (seen with 0.22 under Python 3.11), so that is done here, while the import lock keeps the other thread out.
    """

    def __init__(self, kind: type[T] | UnionType) -> None:
        self.kind: Any = kind
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(self.kind)

    def of_json(self, raw: bytes) -> T:
        """What is in a JSON text. Raises msgspec.DecodeError (ValidationError is one) or UnicodeDecodeError."""
        return self._decoder.decode(raw)

    def of(self, data: Any) -> T:
        """What is in a document that was taken apart already, into dicts and lists.

        Raises msgspec.ValidationError.
        """
        decoded: T = msgspec.convert(data, self.kind, strict=True)  # noqa: TID251  # this is the place
        return decoded
