"""What became of a rule, and why, in words."""

from __future__ import annotations

from enum import StrEnum

from crmlib import i18n


class Reason(StrEnum):
    """The first test that a rule failed, in the order they are made; or that it held."""

    CHANCE = "chance"
    NO_GAIN = "no_gain"
    BASKET_SIZE = "basket_size"
    PROMOTION = "promotion"
    SEASON = "season"
    STORE = "store"
    FEW_CUSTOMERS = "few_customers"
    NOT_REPEATED = "not_repeated"
    KEPT = "kept"

    def words(self, lang: str) -> str:
        """Say the reason in a sentence."""
        return i18n.text(_WORDS[self], lang)


_WORDS = {
    Reason.CHANCE: i18n.mark("Chance alone brings as much among so many rules."),
    Reason.NO_GAIN: i18n.mark("A shorter rule says it as well."),
    Reason.BASKET_SIZE: i18n.mark("Large baskets hold more of everything; that explains it."),
    Reason.PROMOTION: i18n.mark("They go together only while one of them is in a promotion."),
    Reason.SEASON: i18n.mark("Both are bought in the same months; that explains it."),
    Reason.STORE: i18n.mark("Both are bought in the same stores; that explains it."),
    Reason.FEW_CUSTOMERS: i18n.mark("A few customers alone make it."),
    Reason.NOT_REPEATED: i18n.mark("It did not show again in the later period."),
    Reason.KEPT: i18n.mark("It holds: not by chance, not by basket size or promotion, and again."),
}
