"""The rules that people made, and behind them those that camguard brings along."""

from __future__ import annotations

from camguard.core.model import Rule
from camguard.errors import Refused
from camguard.ports import Rules


class WithShipped:
    """A `camguard.ports.Rules` of both."""

    def __init__(self, made: Rules, shipped: tuple[Rule, ...]) -> None:
        self._made = made
        self._shipped = shipped
        self._known: tuple[tuple[Rule, ...], tuple[Rule, ...]] = ((), shipped)

    def current(self) -> tuple[Rule, ...]:
        """All rules, those that people made first. Raises ConfigError where their file cannot be used."""
        made = self._made.current()
        if made is not self._known[0]:
            self._known = (made, (*made, *self._shipped))
        return self._known[1]

    def remove(self, rule_id: str) -> Rule | None:
        """Take a rule that somebody made away. Raises Refused for one that is shipped."""
        keep(rule_id, self._shipped)
        return self._made.remove(rule_id)


def keep(rule_id: str, rules: tuple[Rule, ...]) -> None:
    """Raise Refused where the rule of this id is a shipped one, with what can be done instead."""
    if any(rule.id == rule_id and rule.shipped for rule in rules):
        raise Refused(
            f"rule {rule_id} comes with camguard and is in no file; any rule of yours for that app goes before it "
            "(`camguard rules ask`, `block`), and shipped = false in [rules] leaves all of that kind out"
        )
