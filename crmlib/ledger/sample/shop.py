"""The sample shop's world, made from people to truth in one go."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample import definitions
from crmlib.ledger.sample.associations import truth_of_pairs
from crmlib.ledger.sample.assortment import Goods, draw_goods
from crmlib.ledger.sample.campaigns import run_campaigns
from crmlib.ledger.sample.clean import simulate_clean
from crmlib.ledger.sample.consents import consent_table, draw_consents, truth_of_consents
from crmlib.ledger.sample.contacts import (
    assignment_table,
    campaign_table,
    contact_table,
    draw_contacts,
)
from crmlib.ledger.sample.defects import truth_of_files
from crmlib.ledger.sample.deliveries import draw_parcels, truth_of_deliveries, with_lateness
from crmlib.ledger.sample.effects import truth_of_campaigns
from crmlib.ledger.sample.facts import (
    attribute_table,
    event_table,
    target_table,
    truth_of_attributes,
    truth_of_events,
)
from crmlib.ledger.sample.lines import (
    draw_baskets,
    line_profit,
    line_value,
    priced,
    with_cost_gaps,
    with_losses,
    with_refunds,
)
from crmlib.ledger.sample.losses import draw_loss_makers, truth_of_losses
from crmlib.ledger.sample.paths import draw_paths, touch_table, truth_of_paths
from crmlib.ledger.sample.people import People, draw_people
from crmlib.ledger.sample.reviews import draw_reviews, review_table, truth_of_reviews
from crmlib.ledger.sample.service import draw_service, service_table, truth_of_service
from crmlib.ledger.sample.tables import (
    customer_table,
    draw_joined,
    index_table,
    order_line_table,
    parcel_table,
    product_table,
)
from crmlib.ledger.sample.truth import buyers_by_month, truth_of_people, truth_of_sales
from crmlib.ledger.sample.visits import (
    draw_visits,
    numbered,
    signing_up,
    truth_of_cards,
    with_places,
)
from crmlib.ledger.sample.world import Calendar, SampleSpec, calendar_of, streams_of


@dataclass(frozen=True, slots=True, eq=False)
class SampleShop:
    """The clean tables. `truth` says what was planted and what the files must add up to.

    Attributes
    ----------
    order_lines
        One row a line, refunds as negative lines, with the true `unit_cost` and with
        `unit_cost_recorded`, which is what the raw files show.
    customers, products, price_index
        Further tables of the shop, without the bad rows that `write` adds.
    truth
        JSON-able; the meaning of each entry stands under "definitions".
    tables
        All others, by their name in the ledger: consents, deliveries, campaigns, assignments,
        contacts, touches, service, reviews, attributes, targets, events.
    """

    order_lines: pl.DataFrame
    customers: pl.DataFrame
    products: pl.DataFrame
    price_index: pl.DataFrame
    truth: dict[str, Any]
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)


def simulate(spec: SampleSpec) -> SampleShop:
    """Make a shop. That of the clean world is described in `crmlib.ledger.sample.clean`.

    - Two in five customers came before the data begin; the others join later and buy that day.
    - 12 % of the old ones are gone; of all others 30 % stay, 70 % leave after 14 months or so.
    - Each comes at a pace of their own, 0.6 times a month on average, at most once a day; 8 %
      come about every 30 days instead, 6 % ever more often.
    - Saturdays, November, December and the days before both bayrams draw more of them.
    - A basket holds 2.6 lines on average; pace, stay and basket size are independent.
    - One store each, mostly one channel; ever more store orders lack the customer, 12 % of all.
    - Prices and costs rise with the index, about 3 % a month; what is bought stays the same mix.
    - Every three weeks a category is 10 to 30 % cheaper for a week, which moves no demand.
    - Some products go together, others only in the weeks in which both are promoted.
    - Online orders are delivered; who gets a parcel late comes less for four months.
    - Six campaigns in the last year: of use, useless, pulling forward, harmful to one stratum,
      without a control, and running; and a global control.
    - 3 % of the lines come back; 5.6 % of the buyers are made to cost money.
    - Missing: 5 % of the unit costs, all those of three products, 15 % of the joining dates.

    Parameters
    ----------
    spec
        World, size, seed and period.

    Returns
    -------
    SampleShop
        Clean tables and the truth about them.
    """
    return _real(spec) if spec.world == "real" else SampleShop(*simulate_clean(spec))


def _real(spec: SampleSpec) -> SampleShop:
    streams, calendar = streams_of(spec.seed), calendar_of(spec)
    people = draw_people(spec.customers, calendar, streams["people"])
    visits = draw_visits(people, calendar, streams["visits"])
    visits = with_places(visits, people, calendar, streams["places"], carded=signing_up(visits))
    consents = draw_consents(people, calendar, streams["consents"])
    visits, campaigns = run_campaigns(
        visits, people, consents, calendar, draw=streams["campaigns"], effects=streams["effects"]
    )
    visits, hurt = with_lateness(visits, people, streams["lateness"])
    control = campaigns.control
    held_back = control.customer[control.held_back]
    makers = draw_loss_makers(visits, held_back, calendar, streams["loss_makers"])
    visits = numbered(visits, makers, calendar)
    goods = draw_goods(spec, calendar, streams)
    lines, visits = _sold(visits, people, makers, goods, calendar, streams)
    orders = visits.filter(~pl.col("ghost"))
    parcels = draw_parcels(orders, lines, people, goods.index, calendar, streams["deliveries"])
    calls = draw_service(orders, goods.index, calendar, streams["service"])
    contacts = draw_contacts(campaigns, orders, calendar, streams["contacts"])
    reviews = draw_reviews(parcels, calendar, streams["reviews"])
    paths = draw_paths(orders, calendar, streams["paths"])

    ids = people.ids.tolist()
    joined = draw_joined(people, orders, calendar, streams["profiles"])
    order_lines = order_line_table(lines, ids, goods.promotions, spec)
    customers = customer_table(ids, people.join_day, people.city, joined, spec, streams["profiles"])
    sales = truth_of_sales(lines, goods, calendar, spec)
    buyers = buyers_by_month(lines, spec)
    tables = {
        "consents": consent_table(campaigns.consents, people, spec, streams["consents"]),
        "deliveries": parcel_table(parcels, spec),
        "campaigns": campaign_table(campaigns, spec, calendar),
        "assignments": assignment_table(campaigns, ids, spec),
        "contacts": contact_table(contacts, ids, spec),
        "touches": touch_table(paths, ids, spec),
        "service": service_table(calls, ids, spec),
        "reviews": review_table(reviews, ids, spec),
        "attributes": attribute_table(people, spec, streams["attributes"]),
        "targets": target_table(sales["by_month"], buyers, spec, streams["targets"]),
        "events": event_table(spec, calendar),
    }
    costs = {"freight": parcels, "service": calls, "contacts": contacts}
    truth = {
        **truth_of_people(spec, lines, people, calendar),
        **truth_of_losses(lines, costs, makers, ids, calendar),
        **sales,
        "cards": truth_of_cards(orders, calendar, spec),
        "consents": truth_of_consents(campaigns.consents, people, calendar, spec),
        "campaigns": truth_of_campaigns(visits, campaigns, goods.index, calendar, spec),
        **truth_of_pairs(
            lines.filter(pl.col("refund") == 0),
            goods.promotions.pairs,
            goods.shelf.product_ids(),
            calendar,
            spec.start,
        ),
        "deliveries": truth_of_deliveries(parcels, hurt),
        "service": truth_of_service(calls),
        "reviews": truth_of_reviews(reviews),
        "paths": truth_of_paths(paths),
        "attributes": truth_of_attributes(),
        "events": truth_of_events(spec, calendar),
        **truth_of_files(order_lines, customers),
        "definitions": definitions.REAL,
    }
    products, index = product_table(goods.shelf, spec), index_table(spec, goods.index)
    return SampleShop(order_lines, customers, products, index, truth, tables)


def _sold(
    visits: pl.DataFrame,
    people: People,
    makers: pl.DataFrame,
    goods: Goods,
    calendar: Calendar,
    streams: dict[str, Generator],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw all lines; gives them, and the visits with what each was worth before refunds."""
    baskets = draw_baskets(
        visits, people, goods, makers["customer"], rng=streams["baskets"], along=streams["pairs"]
    )
    priced_ = priced(baskets, goods, calendar)
    sales = with_losses(
        priced_.filter(~pl.col("ghost")), goods.promotions, calendar, streams["loss_makers"]
    )
    unseen = priced_.filter("ghost")
    worth = pl.concat([sales.select(unseen.columns), unseen]).group_by("order")
    sums = worth.agg(value=line_value().sum(), margin=line_profit().sum())
    lines = with_refunds(sales, calendar, streams["refunds"])
    lines = with_cost_gaps(lines, goods.shelf, calendar, streams["cost_gaps"])
    return lines, visits.join(sums, on="order", validate="1:1", maintain_order="left")
