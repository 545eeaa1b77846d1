"""Guards: what must hold before an experiment has a verdict.

What was done after the draw tells no arms apart, the arms have the declared split, nobody stands
in two of them, nobody got lost on one side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from crmlib import i18n
from crmlib.campaigns.contrasts import chi_square, independence
from crmlib.errors import ContractError, TooFewCustomersError

BLOCKS_BELOW = 0.001
# Words for what customers did, or what became of a message, after the draw.
_AFTER = frozenset(
    word
    for words in (
        "exposed unexposed delivered undelivered bounced opened unopened opener openers",
        "clicked clicker clickers redeemed redeemer redeemers converted responded responder",
        "responders unsubscribed complained ulaşan ulaşmayan açan açanlar açtı açmayan",
        "tıklayan tıklayanlar tıkladı tıklamayan kullanan kullananlar kullandı kullanmayan",
    )
    for word in words.split()
)


def refuse_after(names: Iterable[str], what: str) -> None:
    """Refuse arms, groups or filters that were made after the draw.

    Whoever opens a mail would have bought more without it too: such groups are no experiment.

    Raises
    ------
    ContractError
        Naming the word, never a cell: names of arms are declared in the spec.
    """
    for name in names:
        words = set(re.split(r"[\W_]+", i18n.fold_turkish(name))) | set(
            re.split(r"[\W_]+", name.lower())
        )
        found = sorted(words & _AFTER)
        if found:
            raise ContractError(_MADE_AFTER, word=found[0], what=lambda lang: i18n.text(what, lang))


_MADE_AFTER = i18n.mark(
    "{what}: '{word}' is told only after the draw, so these customers are no random part of "
    "their arm. Compare the arms as they were drawn; CACE gives the effect on those reached."
)
_OUTCOME_GROUP = i18n.mark(
    "{name} is an outcome: it is told only after the draw, so it makes no segments and no filter."
)
ARM = i18n.mark("Arms")
SEGMENT = i18n.mark("Segments")
FILTER = i18n.mark("Filter")


def refuse_outcomes(names: Iterable[str], outcomes: Iterable[str]) -> None:
    """Refuse segments or filters by an outcome.

    Raises
    ------
    ContractError
        Naming it.
    """
    known = {n for outcome in outcomes for n in (outcome, f"outcome_{outcome}")}
    for name in names:
        if name in known or name.startswith("outcome_"):
            raise ContractError(_OUTCOME_GROUP, name=name)


@dataclass(frozen=True, slots=True)
class Check:
    """One test of the draw.

    Attributes
    ----------
    name
        ``"split"`` (assigned against declared), ``"loss"`` (who was lost on the way to the
        analysis, by arm) or ``"segment"`` (arms by segment).
    statistic, p_value
        Chi-square.
    counts
        Customers by arm: assigned for ``split``, analysed for ``loss``.
    """

    name: str
    statistic: float
    p_value: float
    counts: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Whether chance explains it; p < .001 blocks the verdict."""
        return self.p_value >= BLOCKS_BELOW

    def headline(self, lang: str) -> str:
        """Say what is wrong, or that nothing is."""
        told = {"p": i18n.number(self.p_value, lang, 3)}
        if self.passed:
            return i18n.text(_FINE[self.name], lang, **told)
        return i18n.text(_WRONG[self.name], lang)


_FINE = {
    "split": i18n.mark("The arms have the declared sizes (p = {p})."),
    "loss": i18n.mark("As many were lost in each arm as chance would have it (p = {p})."),
    "segment": i18n.mark("The segments are spread evenly over the arms (p = {p})."),
}
_WRONG = {
    "split": i18n.mark(
        "The arms do not have the declared sizes: something chose who was in them, so no verdict."
    ),
    "loss": i18n.mark(
        "More customers were lost from one arm than from another, so those left cannot be compared."
    ),
    "segment": i18n.mark(
        "The segments are spread unevenly over the arms: they were made after the draw, or the "
        "draw was not the same in each, so the arms cannot be compared as a whole."
    ),
}


def split_check(assigned: Mapping[str, int], split: Mapping[str, float]) -> Check:
    """Test assigned customers against the declared split."""
    counts = {arm: assigned.get(arm, 0) for arm in split}
    return Check("split", *chi_square(counts, split), counts)


def loss_check(assigned: Mapping[str, int], analysed: Mapping[str, int]) -> Check:
    """Test whether as large a share was lost in each arm."""
    kept = {arm: analysed.get(arm, 0) for arm in assigned}
    table = [[kept[a], max(assigned[a] - kept[a], 0)] for a in assigned]
    return Check("loss", *independence(table), kept)


def segment_check(cells: pl.DataFrame) -> Check:
    """Test whether the segments are spread alike over the arms; ``cells`` of one outcome."""
    counts = cells.group_by("arm", "segment").agg(pl.col("n").sum())
    wide = counts.pivot("segment", index="arm", values="n").fill_null(0).sort("arm")
    table = [list(row[1:]) for row in wide.rows()]
    totals = {row[0]: sum(row[1:]) for row in wide.rows()}
    return Check("segment", *independence(table), totals)


def refuse_rows(rows: pl.DataFrame, arm: str) -> None:
    """Refuse rows that are no experiment: no arm, two arms, outcomes from before the draw.

    Raises
    ------
    ContractError
        With the number of rows.
    """
    if arm not in rows.columns:
        raise ContractError(_NO_ARM_COLUMN, arm=arm, columns=", ".join(rows.columns))
    nowhere = rows[arm].null_count()
    if nowhere:
        raise ContractError(_NO_ARM, rows=nowhere)
    if "customer_id" in rows.columns:
        of = rows.group_by("customer_id").agg(pl.col(arm).n_unique(), rows=pl.len())
        two = of.filter(pl.col(arm) > 1).height
        if two:
            raise ContractError(_TWO_ARMS, customers=two)
        twice = of.filter(pl.col("rows") > 1).height
        if twice:
            raise ContractError(_TWICE, customers=twice)
    for when in ("start_day", "outcome_day"):
        if {"assigned_day", when} <= set(rows.columns):
            early = rows.filter(pl.col(when) < pl.col("assigned_day")).height
            if early:
                raise ContractError(_EARLY, rows=early)


_NO_ARM_COLUMN = i18n.mark("The outcomes have no column {arm} for the arms; they have {columns}.")
_NO_ARM = i18n.mark("{rows} rows are in no arm. Say for everyone which arm was drawn.")
_TWO_ARMS = i18n.mark(
    "{customers} customers are in two arms or more. Each customer is drawn into one arm; leave "
    "out none, but find out which was drawn first."
)
_TWICE = i18n.mark(
    "{customers} customers stand in several rows. Add their outcomes up to one row a customer."
)
_EARLY = i18n.mark(
    "{rows} rows have an outcome from before the draw. Count outcomes from the assignment on."
)


def refuse_arms(sizes: Mapping[str, int], split: Sequence[str], control: str, least: int) -> None:
    """Refuse arms that are missing, undeclared or too small.

    Raises
    ------
    ContractError, TooFewCustomersError
        With the arm and the limit.
    """
    undeclared = sorted(set(sizes) - set(split))
    if undeclared:
        raise ContractError(_UNDECLARED, arms=", ".join(undeclared), split=", ".join(split))
    for arm in split:
        found = sizes.get(arm, 0)
        if not found:
            raise ContractError(_EMPTY, arm=arm, arms=", ".join(sorted(sizes)))
        if found < least:
            message = _SMALL_CONTROL if arm == control else _SMALL_ARM
            raise TooFewCustomersError(message, arm=arm, found=found, least=least)


_UNDECLARED = i18n.mark(
    "Arms without a declared share: {arms}. The split declares {split}; declare every arm that "
    "was drawn."
)
_EMPTY = i18n.mark("Arm {arm} is declared but has no customers; there are {arms}.")
_SMALL_CONTROL = i18n.mark(
    "Control {arm} has {found} customers, of at least {least}: nothing can be compared with it."
)
_SMALL_ARM = i18n.mark("Arm {arm} has {found} customers, of at least {least}.")
