"""Rules that survive: tested, in strata, by groups of customers, and again in a later period.

Rules are mined in the earlier part of the days and tested there; those that pass everything are
looked for in the later part, which had no say in choosing them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.baskets import candidates, facts, mining, trials
from crmlib.baskets.candidates import Block
from crmlib.baskets.exact import Ints
from crmlib.baskets.facts import Facts
from crmlib.baskets.itemsets import Sets
from crmlib.baskets.rules import SCHEMA as RULES
from crmlib.baskets.rules import RuleSpec, mined_and_split, table
from crmlib.baskets.significance import benjamini_hochberg
from crmlib.baskets.strata import Stratified
from crmlib.baskets.trials import Outcome, Rule
from crmlib.baskets.verdicts import Reason
from crmlib.errors import CrmError
from crmlib.estimate import Grade

STRATA = ("size", "promotion", "season", "store")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **RULES,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    **{f"{name}_lift": pl.Float64 for name in STRATA},
    **{f"{name}_p_value": pl.Float64 for name in STRATA},
    "customers_p_value": pl.Float64,
    "later_count": pl.Int64,
    "later_lift": pl.Float64,
    "later_p_value": pl.Float64,
    "extra_baskets": pl.Float64,
    "extra_baskets_low": pl.Float64,
    "extra_baskets_high": pl.Float64,
    "extra_margin": pl.Float64,
    "extra_margin_low": pl.Float64,
    "extra_margin_high": pl.Float64,
    "reason": pl.String,
}


class TooShortError(CrmError):
    """The baskets lie on too few days to leave a later period."""


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """What was asked.

    Attributes
    ----------
    rules
        Which rules to look at: support and confidence in the earlier period.
    false_discoveries
        Of the rules that pass the three tests of the earlier period (chance, gain, basket
        size), the share that may be false.
    level
        Level of each further test: outside promotions, within months, within stores, by groups
        of customers.
    later_level
        Level of the test in the later period.
    later_share
        Share of the days that make the later period.
    """

    rules: RuleSpec = field(default_factory=lambda: RuleSpec("0.0003", "0.01"))
    false_discoveries: float = 0.05
    level: float = 0.01
    later_level: float = 0.05
    later_share: float = 0.4

    def __post_init__(self) -> None:
        for name in ("false_discoveries", "level", "later_level", "later_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRules:
    """Rules with their tests and what became of them.

    Attributes
    ----------
    rules
        One row a rule that reached support and confidence in the earlier period: the columns of
        :class:`crmlib.baskets.rules.BasketRules` and

        - ``p_value``: the largest of three, since all must be passed: Fisher's exact test, the
          same test against each rule with one item less on the left, and the stratified test by
          basket size; ``q_value``: the false discovery rate at which it passes (Benjamini and
          Hochberg over ``tested``);
        - ``size_lift`` among baskets with as many other items, ``promotion_lift`` the same
          outside promotions of its items, ``season_lift`` within months, ``store_lift`` within
          stores, each with its ``_p_value``; null where an earlier test failed;
        - ``customers_p_value``: by groups of customers;
        - ``later_count``, ``later_lift``, ``later_p_value``: in the later period, among baskets
          with as many other items and outside promotions;
        - ``extra_baskets``: baskets with both sides beyond those of chance, of 1,000 in the
          later period, with interval; ``extra_margin``: times the mean margin of a basket with
          the right side, in shop currency without VAT. This is a ceiling, evidence grade D: it
          counts what is bought together anyway as if a suggestion had brought it;
        - ``reason``: a :class:`Reason`.

        Kept rules first, highest extra margin (or baskets) first.
    tested
        How many rules were tested in effect: see :func:`crmlib.baskets.candidates.tested`.
    baskets, later_baskets
        How many baskets the earlier and the later period have.
    first_later_day
        Where the later period begins, days since 1970-01-01.
    grade
        Evidence grade of the extra margin.
    spec
        What was asked.
    mined
        The item sets of the earlier period, which know what was left out.
    currency
        For showing money.
    """

    rules: pl.DataFrame
    tested: int
    baskets: int
    later_baskets: int
    first_later_day: int
    spec: JudgeSpec
    mined: mining.Itemsets = field(repr=False)
    currency: str = "TRY"
    grade: Grade = Grade.D

    @property
    def kept(self) -> pl.DataFrame:
        """The rules that hold."""
        return self.rules.filter(pl.col("reason") == Reason.KEPT)

    def dropped(self, reason: Reason) -> pl.DataFrame:
        """Give the rules that failed for a reason."""
        return self.rules.filter(pl.col("reason") == reason)

    def headline(self, lang: str) -> str:
        """Say how many rules hold, the best bet, and what was changed."""
        said = i18n.text(
            "Of {tested} rules tested {kept} hold in a later period, beyond promotions and "
            "basket size.",
            lang,
            tested=i18n.number(self.tested, lang),
            kept=i18n.number(self.kept.height, lang),
        )
        parts = (said, self._best(lang), self._promoted(lang), *self.mined.notes(lang))
        return " ".join(s for s in parts if s)

    def _best(self, lang: str) -> str:
        if self.kept.is_empty():
            return ""
        best = self.kept.row(0, named=True)
        names = {"left": " + ".join(best["antecedent"]), "right": " + ".join(best["consequent"])}
        if best["extra_margin"] is None:
            return i18n.text(
                "Best bet: {left} with {right}: at most {baskets} more baskets of 1,000, not yet "
                "tested by an offer.",
                lang,
                baskets=i18n.number(best["extra_baskets"], lang, 1),
                **names,
            )
        return i18n.text(
            "Best bet: {left} with {right}: at most {margin} extra margin per 1,000 baskets, not "
            "yet tested by an offer.",
            lang,
            margin=i18n.money(best["extra_margin"], self.currency, lang),
            **names,
        )

    def _promoted(self, lang: str) -> str:
        found = self.dropped(Reason.PROMOTION).height
        if not found:
            return ""
        return i18n.text(
            "{n} rules exist only during promotions.", lang, n=i18n.number(found, lang)
        )


def judge(
    lines: pl.DataFrame | pl.LazyFrame, spec: JudgeSpec | None = None, *, currency: str = "TRY"
) -> JudgedRules:
    """Mine rules, test them, and look for them again.

    Parameters
    ----------
    lines
        Order lines: see :func:`crmlib.baskets.facts.from_lines`.
    spec
        What to ask.
    currency
        For showing money.

    Raises
    ------
    ContractError
        If a column is missing or has empty fields.
    TooShortError
        If the baskets do not lie on two days or more.
    TooMuchError
        If mining needs more memory than allowed.
    """
    spec = spec or JudgeSpec()
    return of_facts(facts.from_lines(lines, spec.rules.max_basket_items), spec, currency=currency)


def of_facts(known: Facts, spec: JudgeSpec, *, currency: str = "TRY") -> JudgedRules:
    """Do the same for baskets that are numbers already."""
    first_later = _first_later(known.day, spec.later_share)
    earlier, later = known.kept(known.day < first_later), known.kept(known.day >= first_later)
    mined, blocks = mined_and_split(earlier.baskets, spec.rules)
    tested = candidates.tested(mined.sets, spec.rules.max_items, spec.rules.max_consequent)
    judged = _judged(mined.sets, blocks, earlier, later, tested, spec)
    return JudgedRules(
        rules=judged,
        tested=tested,
        baskets=earlier.baskets.count,
        later_baskets=later.baskets.count,
        first_later_day=first_later,
        spec=spec,
        mined=mined,
        currency=currency,
    )


def _first_later(day: Ints, share: float) -> int:
    days = int(np.ptp(day)) + 1 if len(day) else 0
    if days < 2:
        raise TooShortError(_TOO_SHORT)
    return int(day.max()) + 1 - min(days - 1, max(1, round(share * days)))


_TOO_SHORT = i18n.mark(
    "The baskets lie on a single day: nothing can be looked for again in a later period. Read "
    "order lines of a longer time."
)


def _judged(
    sets: Sets, blocks: list[Block], earlier: Facts, later: Facts, tested: int, spec: JudgeSpec
) -> pl.DataFrame:
    rules = trials.rules_of(blocks)
    if not rules:
        return pl.DataFrame(schema=SCHEMA)
    count = earlier.baskets.count
    chance = np.concatenate([trials.by_chance(b, count) for b in blocks])
    gain = np.concatenate([trials.against_shorter(sets, b, count) for b in blocks])
    q_chance, q_gain = (benjamini_hochberg(p, tested) for p in (chance, gain))
    size = np.ones(len(rules))
    promising = np.maximum(q_chance, q_gain) <= spec.false_discoveries
    for rule, bench, right in trials.benches(earlier, [r for r in rules if promising[r.place]]):
        size[rule.place] = bench.size(right).p_value
    q_size = benjamini_hochberg(size, tested)
    # A rule must pass all three, so the largest p is its p (an intersection-union test).
    p_value = np.maximum.reduce([chance, gain, size])
    q_value = benjamini_hochberg(p_value, tested)
    passed = [r for r in rules if q_value[r.place] <= spec.false_discoveries]
    outcomes = trials.all_strata(earlier, passed)
    again = trials.all_strata(later, [r for r in passed if _holds(outcomes[r.place], spec)])
    rows = []
    for i in range(len(rules)):
        qs = (q_chance[i], q_gain[i], q_size[i])
        reason = _reason(qs, outcomes.get(i), again.get(i), spec)
        later_found = _of_later(again.get(i), later, rules[i])
        rows.append(
            {"p_value": p_value[i], "q_value": q_value[i], "reason": str(reason)}
            | _of_earlier(outcomes.get(i))
            | later_found
        )
    tests = pl.DataFrame(rows, schema={n: t for n, t in SCHEMA.items() if n not in RULES})
    described = table(sets, blocks, earlier.baskets.labels, count)
    return _ranked(described.hstack(tests).select(*SCHEMA))


def _holds(found: Outcome, spec: JudgeSpec) -> bool:
    return _failed_strata(found, spec) is None


def _failed_strata(found: Outcome, spec: JudgeSpec) -> Reason | None:
    tests = (
        (Reason.PROMOTION, found.promotion.p_value),
        (Reason.SEASON, found.season.p_value),
        (Reason.STORE, found.store.p_value),
        (Reason.FEW_CUSTOMERS, found.size.fold_p_value),
    )
    return next((reason for reason, p_value in tests if p_value > spec.level), None)


def _reason(
    qs: tuple[float, float, float], found: Outcome | None, again: Outcome | None, spec: JudgeSpec
) -> Reason:
    """Name the first test that a rule failed."""
    names = (Reason.CHANCE, Reason.NO_GAIN, Reason.BASKET_SIZE)
    for reason, q in zip(names, qs, strict=True):
        if q > spec.false_discoveries:
            return reason
    if found is None:  # each test was passed by a hair, all three together were not
        return Reason.CHANCE
    if again is None:
        return _failed_strata(found, spec) or Reason.NOT_REPEATED
    return Reason.KEPT if again.promotion.p_value <= spec.later_level else Reason.NOT_REPEATED


def _of_earlier(found: Outcome | None) -> dict[str, float | None]:
    if found is None:
        return {}
    parts = {name: getattr(found, name) for name in STRATA}
    return (
        {f"{name}_lift": _or_none(part.lift) for name, part in parts.items()}
        | {f"{name}_p_value": part.p_value for name, part in parts.items()}
        | {"customers_p_value": found.size.fold_p_value}
    )


def _of_later(found: Outcome | None, later: Facts, rule: Rule) -> dict[str, float | None]:
    if found is None:
        return {}
    part = found.promotion
    extra = {
        "extra_baskets": _extra(part, part.lift, found.baskets),
        "extra_baskets_low": _extra(part, part.low, found.baskets),
        "extra_baskets_high": _extra(part, part.high, found.baskets),
    }
    margin = None if later.margin is None else float(later.margin[list(rule.right)].sum())
    in_money = {
        name.replace("baskets", "margin"): None if n is None or margin is None else n * margin
        for name, n in extra.items()
    }
    tests = {
        "later_count": part.both,
        "later_lift": _or_none(part.lift),
        "later_p_value": part.p_value,
    }
    return tests | extra | in_money


def _extra(part: Stratified, lift: float, baskets: int) -> float | None:
    """Give the baskets beyond those of chance, of 1,000."""
    if not np.isfinite(lift) or not baskets:
        return None
    return 1_000 * part.expected * (lift - 1) / baskets


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _ranked(rules: pl.DataFrame) -> pl.DataFrame:
    """Put kept rules first, by what they could bring; then the others, by lift."""
    by = [pl.col("reason") == Reason.KEPT, "extra_margin", "extra_baskets", "lift"]
    return rules.sort(by, descending=True, nulls_last=True, maintain_order=True)
