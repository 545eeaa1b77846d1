"""The sample shop's clean world, made from people to truth in one go."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from crmlib.ledger.sample.assortment import draw_assortment, draw_price_index, draw_promotions
from crmlib.ledger.sample.defects import truth_of_files
from crmlib.ledger.sample.lines import (
    draw_baskets,
    priced,
    with_cost_gaps,
    with_losses,
    with_refunds,
)
from crmlib.ledger.sample.people import (
    draw_loss_makers,
    draw_people,
    draw_visits,
    numbered,
    with_places,
)
from crmlib.ledger.sample.tables import (
    customer_table,
    draw_joined,
    index_table,
    order_line_table,
    product_table,
)
from crmlib.ledger.sample.truth import DEFINITIONS, truth_of_people, truth_of_sales
from crmlib.ledger.sample.world import SampleSpec, calendar_of, streams_of


@dataclass(frozen=True, slots=True, eq=False)
class SampleShop:
    """The clean world. `truth` says what was planted and what the files must add up to.

    Attributes
    ----------
    order_lines
        One row a line, refunds as negative lines, with the true `unit_cost` and with
        `unit_cost_recorded`, which is what the raw files show.
    customers, products, price_index
        The other tables of the shop, without the bad rows that `write` adds.
    truth
        JSON-able; the meaning of each entry stands under "definitions".
    """

    order_lines: pl.DataFrame
    customers: pl.DataFrame
    products: pl.DataFrame
    price_index: pl.DataFrame
    truth: dict[str, Any]


def simulate(spec: SampleSpec) -> SampleShop:
    """Make a shop.

    - Two in five customers came before the data begin; the others join later and buy that day.
    - 12 % of the old ones are gone; of all others 30 % stay, 70 % leave after 14 months or so.
    - Each comes at a pace of their own, 0.6 times a month on average, at most once a day.
    - Saturdays, November, December and the two weeks before Ramazan bayramı draw more of them.
    - A basket holds 2.6 lines on average; pace, stay and basket size are independent.
    - One store each, mostly one channel; 12 % of the orders, all in stores, lack the customer.
    - Prices and costs rise with the index, about 3 % a month; what is bought stays the same mix.
    - Every three weeks a category is 10 to 30 % cheaper for a week, which moves no demand.
    - 3 % of the lines come back; 4 % of the buyers cost money, by returns or outlet prices.
    - Missing: 5 % of the unit costs, all those of three products, 15 % of the joining dates.

    Parameters
    ----------
    spec
        Size, seed and period.

    Returns
    -------
    SampleShop
        Clean tables and the truth about them.
    """
    streams = streams_of(spec.seed)
    calendar = calendar_of(spec)
    people = draw_people(spec, calendar, streams["people"])
    visits = with_places(
        draw_visits(people, calendar, streams["visits"]), people, streams["places"]
    )
    makers = draw_loss_makers(visits, calendar, streams["loss_makers"])
    visits = numbered(visits, makers, calendar)
    assortment = draw_assortment(spec, streams["products"])
    index = draw_price_index(spec, streams["prices"])
    promotions = draw_promotions(assortment, calendar, streams["promotions"])
    baskets = draw_baskets(visits, people, assortment, makers, streams["baskets"])
    sales = priced(baskets, assortment, calendar, index, promotions)
    sales = with_losses(sales, promotions, calendar, streams["loss_makers"])
    lines = with_refunds(sales, calendar, streams["refunds"])
    lines = with_cost_gaps(lines, assortment, calendar, streams["cost_gaps"])
    joined = draw_joined(people, visits, calendar, streams["profiles"])
    order_lines = order_line_table(lines, people, assortment, promotions, spec)
    customers = customer_table(people, joined, spec, streams["profiles"])
    truth = {
        **truth_of_people(spec, lines, people, makers, calendar),
        **truth_of_sales(lines, assortment, index, promotions, calendar, spec),
        **truth_of_files(order_lines, customers),
        "definitions": DEFINITIONS,
    }
    products = product_table(assortment, spec)
    return SampleShop(order_lines, customers, products, index_table(spec, index), truth)
