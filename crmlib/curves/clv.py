"""Customer lifetime value: discounted purchases to come, times what one is worth.

Fader, Hardie and Lee (2005), RFM and CLV: using iso-value curves for customer base analysis,
Journal of Marketing Research 42(4), equation 1: CLV = margin x E[spend] x DERT.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from crmlib import i18n
from crmlib.curves.btyd import BtydFit, M, beside, histories
from crmlib.curves.compress import DAYS, HISTORY, YEAR
from crmlib.curves.gammagamma import GammaGammaFit
from crmlib.curves.optimum import Caution


@dataclass(frozen=True, slots=True)
class ClvSpec:
    """What was asked. Exactly one rate: it must be of the same kind as the cash flow.

    Attributes
    ----------
    real_annual_rate
        Discount a year beyond inflation, a fraction; for spend in real money.
    nominal_annual_rate
        Discount a year with inflation in it; for spend in nominal money.
    margin_rate
        Share of a purchase's value that is margin; 1 gives value, not profit.
    horizon
        How far to look, in the unit of the fit; ``None`` for ever.
    """

    real_annual_rate: float | None = None
    nominal_annual_rate: float | None = None
    margin_rate: float = 1.0
    horizon: float | None = None

    def __post_init__(self) -> None:
        rates = [r for r in (self.real_annual_rate, self.nominal_annual_rate) if r is not None]
        if len(rates) != 1:
            raise ValueError(
                f"give one of real_annual_rate and nominal_annual_rate, got {len(rates)}"
            )
        if rates[0] <= 0 and self.horizon is None:
            raise ValueError(f"the rate must be positive for an endless horizon, got {rates[0]}")
        if rates[0] < 0:
            raise ValueError(f"the rate must not be negative, got {rates[0]}")
        if not 0 < self.margin_rate <= 1:
            raise ValueError(f"margin_rate must lie in (0, 1], got {self.margin_rate}")
        if self.horizon is not None and not self.horizon > 0:
            raise ValueError(f"horizon must be positive, got {self.horizon}")

    @property
    def money(self) -> str:
        """``"real"`` or ``"nominal"``."""
        return "real" if self.real_annual_rate is not None else "nominal"

    def rate(self, unit: str) -> float:
        """Give the continuous rate of discount per unit of time, a year being 365.25 days."""
        annual = self.real_annual_rate or self.nominal_annual_rate or 0.0  # one is None
        return math.log1p(annual) * DAYS[unit] / YEAR


@dataclass(frozen=True, slots=True, eq=False)
class ClvResult:
    """Values of customers.

    Attributes
    ----------
    customers
        The summary with ``p_alive``, ``discounted_purchases`` (DERT, or up to the horizon),
        ``expected_spend`` and ``clv``.
    total
        Sum of ``clv``.
    warnings
        Of both fits.
    spec
        What was asked.
    currency
        For showing money.
    """

    customers: pl.DataFrame
    total: float
    warnings: tuple[Caution, ...]
    spec: ClvSpec
    currency: str = "TRY"

    def headline(self, lang: str) -> str:
        """Say what the customers of today are worth, or that the models cannot tell."""
        if not math.isfinite(self.total):
            return i18n.text("What customers are worth cannot be said: spending has no mean.", lang)
        message = (
            i18n.mark("Purchases to come of today's {n} customers: {total} in today's prices.")
            if self.spec.money == "real"
            else i18n.mark("Purchases to come of today's {n} customers: {total}, nominal.")
        )
        return i18n.text(
            message,
            lang,
            n=i18n.number(self.customers.height, lang),
            total=i18n.money_short(self.total, self.currency, lang),
        )


def measure(
    purchases: BtydFit[M],
    spend: GammaGammaFit,
    summary: pl.DataFrame | pl.LazyFrame,
    spec: ClvSpec,
    *,
    currency: str = "TRY",
) -> ClvResult:
    """Value each customer.

    Parameters
    ----------
    purchases, spend
        Fits of the two models.
    summary
        ``frequency``, ``recency``, ``T`` and ``monetary``, one row a customer.
    spec
        Discount, margin and horizon.
    currency
        ISO code, for showing money.

    Raises
    ------
    ValueError
        If the rate is real and the spend nominal, or the other way round.
    """
    if spend.spec.money != spec.money:
        raise ValueError(f"the spend is in {spend.spec.money} money, the rate is {spec.money}")
    whole = spend.predict(summary)
    history = purchases.check(whole).select(HISTORY)
    unique = history.unique()
    one = histories(unique)
    horizon = math.inf if spec.horizon is None else spec.horizon
    rate = spec.rate(purchases.spec.unit)
    discounted = purchases.params.discounted_purchases(rate, horizon=horizon, **one)
    columns = {"p_alive": purchases.params.p_alive(**one), "discounted_purchases": discounted}
    worth = spec.margin_rate * pl.col("expected_spend") * pl.col("discounted_purchases")
    customers = beside(whole, history, unique, columns).with_columns(clv=worth)
    return ClvResult(
        customers=customers,
        total=float(customers["clv"].sum()),
        warnings=purchases.warnings + spend.warnings,
        spec=spec,
        currency=currency,
    )
