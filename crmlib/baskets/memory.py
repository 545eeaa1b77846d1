"""How much memory a question may take: estimated before each step, refused with what to do."""

from __future__ import annotations

from dataclasses import dataclass

from crmlib import i18n
from crmlib.errors import CrmError

_MB = 1 << 20
# What a set or a rule costs until it stands in a frame with its names, measured generously.
BYTES_PER_SET = 400
BYTES_PER_RULE = 800


class TooMuchError(CrmError):
    """The question needs more memory, or has more answers, than was allowed."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used.

    Attributes
    ----------
    megabytes
        The most memory that mining may take.
    least
        The least count of the question at hand, to be named in the refusal.
    """

    megabytes: int
    least: int

    @property
    def most_sets(self) -> int:
        """How many sets of items fit."""
        return self.megabytes * _MB // BYTES_PER_SET

    @property
    def most_rules(self) -> int:
        """How many rules fit."""
        return self.megabytes * _MB // BYTES_PER_RULE

    def allow(self, needed: int) -> None:
        """Stop before a step that needs too many bytes.

        Raises
        ------
        TooMuchError
            With what it needs, what is allowed and what to ask instead.
        """
        if needed > self.megabytes * _MB:
            raise TooMuchError(
                _MEMORY, needed=-(-needed // _MB), allowed=self.megabytes, count=self.least
            )

    def check_sets(self, total: int) -> None:
        """Stop when more sets were found than fit.

        Raises
        ------
        TooMuchError
            With how many fit and what to ask instead.
        """
        if total > self.most_sets:
            raise TooMuchError(_SETS, most=self.most_sets, count=self.least)

    def check_rules(self, total: int) -> None:
        """Stop when more rules were found than fit.

        Raises
        ------
        TooMuchError
            With how many fit and what to ask instead.
        """
        if total > self.most_rules:
            raise TooMuchError(_RULES, most=self.most_rules, count=self.least)


_MEMORY = i18n.mark(
    "Counting what is in at least {count} baskets would take {needed} MB; {allowed} MB are "
    "allowed. Raise min_support, mine categories instead of items, or allow more (memory_mb)."
)
_SETS = i18n.mark(
    "More than {most} sets of items are in at least {count} baskets: more than fit into the "
    "memory allowed. Raise min_support, lower max_items, or let the floor be raised "
    "(when_too_much = 'raise_floor')."
)
_RULES = i18n.mark(
    "More than {most} rules reach the confidence among what is in at least {count} baskets: more "
    "than fit into the memory allowed. Raise min_confidence or min_support, lower max_items or "
    "max_consequent, or let the floor be raised (when_too_much = 'raise_floor')."
)
