"""The steps of a build: which mart is made of what, in which order."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw
import polars as pl

from crmlib.marts import basket_steps, calendar, campaign_steps, costs, mix
from crmlib.marts.cohorts import cohorts
from crmlib.marts.customers import customer
from crmlib.marts.gaps import gaps
from crmlib.marts.kpis import kpis
from crmlib.marts.places import COSTS, MIX, VISITS
from crmlib.marts.visits import visits
from crmlib.marts.work import Work


def run(work: Work) -> None:
    """Make and store all marts."""
    as_of_day = work.frame.as_of_day
    seen = _visits(work)
    spent = _costs(work)
    people = _customers(work, seen, spent)
    work.keep("marts/cohorts", cohorts(seen, people))
    work.keep("marts/gaps", gaps(seen, people, as_of_day=as_of_day))
    work.keep("marts/kpis", kpis(work.table("order_lines"), work.real, as_of_day=as_of_day))
    basket_steps.run(work)
    _mix(work)
    campaign_steps.run(work)


def _visits(work: Work) -> nw.LazyFrame:
    """Gather the visits of one month after another: a customer's day lies within a month."""
    as_of_day = work.frame.as_of_day
    return work.keep_months(
        VISITS,
        (
            (m, visits(work.table("order_lines", m), work.real, as_of_day=as_of_day))
            for m in work.months_of("order_lines")
        ),
    )


def _customers(work: Work, seen: nw.LazyFrame, spent: nw.LazyFrame) -> nw.LazyFrame:
    """Summarise the customers."""
    known = work.table("customers")
    joined = known.select("customer_id", joined_day=calendar.day_of(nw.col("joined_at")))
    return work.keep(
        "customers/customer",
        customer(
            seen,
            spent,
            joined,
            as_of_day=work.frame.as_of_day,
            complete_from_day=calendar.day_number(work.frame.complete_from),
            burn_in_days=work.frame.burn_in_days,
        ),
    )


def _costs(work: Work) -> nw.LazyFrame:
    """Gather what customers cost, month by month, and the sums of all of it."""
    as_of_day = work.frame.as_of_day
    paid = _freight(work)
    campaigns = work.table("campaigns")
    totals: list[pl.DataFrame] = []

    def gathered(month: int) -> pl.DataFrame:
        own = paid.filter(pl.col("month") == month)
        with work.engine.lent(own) as freight:
            sources = [
                costs.freight_costs(freight),
                costs.service(work.table("service", month), as_of_day=as_of_day),
                costs.contacts(work.table("contacts", month), campaigns, as_of_day=as_of_day),
            ]
            return work.collect(costs.costs(sources, month=month))

    def pieces() -> Iterable[tuple[int, nw.LazyFrame]]:
        for m in work.months_of("service", "contacts", also=paid["month"].unique()):
            with work.engine.lent(gathered(m)) as month:
                totals.append(work.collect(costs.cost_totals(month)))
                yield m, month.filter(~nw.col("customer_id").is_null())

    kept = work.keep_months(COSTS, pieces())
    work.keep("marts/costs", work.engine.take(pl.concat(totals)))
    return kept


def _freight(work: Work) -> pl.DataFrame:
    """Place the freight of each order; count the orders that are not known."""
    lines = work.table("order_lines")
    paid = work.collect(costs.parcels(work.table("deliveries")))
    placed = _placed(work, lines.filter(nw.col("order_head") == 1), paid)
    rest = paid.join(placed, on="order_id", how="anti")
    if rest.height:  # returns alone, after the as-of day, or not known
        with work.engine.lent(rest) as frame:
            lost = work.collect(costs.without_lines(lines, frame))
        work.found.lost_deliveries = lost.height
        placed = pl.concat([placed, _placed(work, lines, rest)])
    return placed


def _placed(work: Work, lines: nw.LazyFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """Give freight to customers and days by the lines of its orders."""
    with work.engine.lent(paid) as frame:
        found = work.collect(costs.orders(lines, frame, as_of_day=work.frame.as_of_day))
    shared = found.filter(pl.col("low") < pl.col("fold"))
    if shared.height:
        with work.engine.lent(shared) as frame:
            own = work.collect(costs.folds(lines, frame))
        found = found.join(own, on="order_id", how="left").with_columns(
            fold=pl.coalesce("own_fold", "fold")
        )
    return found.select("order_id", "customer_id", "fold", "day", "month", "freight")


def _mix(work: Work) -> nw.LazyFrame:
    """Gather what customers buy and where, month by month."""
    products = work.ledger.products.select(
        "product_id", category=pl.col("category").str.split(mix.LEVELS).list.first()
    )
    categories = work.engine.take(products.collect())
    as_of_day = work.frame.as_of_day
    return work.keep_months(
        MIX,
        (
            (m, mix.mix(work.table("order_lines", m), categories, as_of_day=as_of_day))
            for m in work.months_of("order_lines")
        ),
    )
