"""Whether two actions of menu rows do the same thing, as far as that can be told without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import zip_longest
from types import CellType, FunctionType, MethodType
from typing import Any

from camguard.desktop.trayapi import MenuItem

_DEEPEST = 8
_NOTHING = object()
_IDLE = MenuItem("", None)._action  # noqa: SLF001  # pystray gives an item without an action this one


def is_idle(action: object) -> bool:
    """Whether this is what pystray gives an item that has no action."""
    return isinstance(action, FunctionType) and isinstance(_IDLE, FunctionType) and action.__code__ is _IDLE.__code__


def same(one: object, other: object, depth: int = _DEEPEST) -> bool:
    """Whether two callables do the same thing: made by the same lines of code, for the same objects.

    A menu is built anew for each update, with new lambdas and partials, so that being one object is too much to ask.
    Where it cannot be told, they are different.
    """
    if one is other:
        return True
    if type(one) is not type(other) or depth == 0:
        return False
    if isinstance(one, FunctionType) and isinstance(other, FunctionType):
        return _same_function(one, other, depth - 1)
    if isinstance(one, partial) and isinstance(other, partial):
        return (
            same(one.func, other.func, depth - 1)
            and _all_same(one.args, other.args, depth - 1)
            and one.keywords.keys() == other.keywords.keys()
            and all(same(value, other.keywords[name], depth - 1) for name, value in one.keywords.items())
        )
    if isinstance(one, MethodType) and isinstance(other, MethodType):
        return one.__self__ is other.__self__ and one.__func__ is other.__func__
    return bool(one == other)


def _same_function(one: FunctionType, other: FunctionType, depth: int) -> bool:
    """Whether these are the same lines, with the same defaults and the same variables from around them."""
    return (
        one.__code__ is other.__code__
        and one.__globals__ is other.__globals__
        and _all_same(one.__defaults__ or (), other.__defaults__ or (), depth)
        and same(one.__kwdefaults__, other.__kwdefaults__, depth)
        and _all_same(map(_content, one.__closure__ or ()), map(_content, other.__closure__ or ()), depth)
    )


def _all_same(one: Iterable[object], other: Iterable[object], depth: int) -> bool:
    return all(same(first, second, depth) for first, second in zip_longest(one, other, fillvalue=_NOTHING))


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return object()


Action = Callable[..., Any]
