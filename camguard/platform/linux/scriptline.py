"""Which script a command line has an interpreter run.

A rule is for one script, so an argument is taken for the script only where all before it is understood. Where the
program comes from the command line, where other code is loaded beside the script, and where an option is not known
that might have taken the argument for itself, no script is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from camguard.platform.linux.knowledge import Interpreter

MODULE = "-m "


@dataclass(slots=True)
class _Reader:
    """Reads the arguments of one command line from left to right."""

    how: Interpreter
    arguments: Sequence[str]
    at: int = 0

    def script(self) -> str | None:
        self._skip_command()
        while self.at < len(self.arguments):
            argument = self.arguments[self.at]
            self.at += 1
            if argument == self.how.script_after != "":
                return self._next()
            if argument == "--":
                return self._file(self._next())
            if argument in {"-", ""}:
                return None
            if argument[0] not in "-+":
                return self._file(argument)
            if argument[0] == "+":  # of a shell: it turns a flag off, or -o with its value
                argument = f"-{argument[1:]}"
            module = self._module(argument)
            if module is not None:
                return f"{MODULE}{module}" if module else None
            if not self._option(argument):
                return None
        return None

    def _skip_command(self) -> None:
        if self.arguments and self.arguments[0] in self.how.commands:
            self.at = 1

    def _next(self) -> str | None:
        """The next argument, where it can be one of a file."""
        following = self.arguments[self.at] if self.at < len(self.arguments) else None
        return following if following and not following.startswith("-") else None

    def _file(self, argument: str | None) -> str | None:
        if argument is None or not argument.endswith(self.how.script_suffix):
            return None
        return None if argument in self.how.other_commands else argument

    def _module(self, argument: str) -> str | None:
        """The module that an option names, empty where none follows; None where it is another option."""
        letter = self.how.module
        if not letter or argument.startswith("--"):
            return None
        before, found, rest = argument[1:].partition(letter)
        if not found or any(mark not in self.how.flags for mark in before):
            return None
        return rest or (self.arguments[self.at] if self.at < len(self.arguments) else "")

    def _option(self, argument: str) -> bool:
        """Step over an option and its value; False where the script cannot be told any more."""
        how = self.how
        name, equals, _ = argument.partition("=")
        if name in how.other or name.partition(":")[0] in how.other:
            return False
        if name in how.long_valued:
            self.at += not equals
            return True
        if name in how.long_flags:
            return True
        if argument.startswith("--"):  # the next word may be this option's value, or the script
            return bool(equals) or self._next() is None
        return how.words or self._letters(argument[1:])

    def _letters(self, letters: str) -> bool:
        how = self.how
        for place, letter in enumerate(letters):
            if letter in how.attached:
                return True
            if letter in how.valued:
                self.at += place == len(letters) - 1
                return True
            if letter not in how.flags:
                return False
        return True


def script_of(how: Interpreter, arguments: Sequence[str]) -> str | None:
    """The script among an interpreter's arguments (without its own name), ``-m NAME`` for a module; None for none."""
    return _Reader(how, arguments).script()
