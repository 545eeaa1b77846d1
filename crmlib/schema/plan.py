"""What the firm plans and what happened: targets and events."""

from __future__ import annotations

import dataframely as dy

from crmlib.schema.rules import PLAUSIBLE_DAY, about, words

KPIS = ("customers", "new_customers", "orders", "sales", "margin")


class Targets(dy.Schema):
    """One row a target of a month."""

    month = dy.Date(
        primary_key=True,
        check=PLAUSIBLE_DAY | {"first_of_month": lambda e: e.dt.day() == 1},
        metadata=about("none", "first day of the month"),
        description="Month.",
    )
    kpi = dy.String(
        primary_key=True,
        check={"known_kpi": lambda e: e.is_in(KPIS)},
        metadata=about("none"),
        description=f"One of {', '.join(KPIS)}.",
    )
    value = dy.Decimal(
        18,
        4,
        nullable=False,
        metadata=about("none", "that of the kpi"),
        description="What is to be reached in the month.",
    )


class Events(dy.Schema):
    """One row something that happened to the firm: a price change, a new store."""

    date = dy.Date(
        nullable=False,
        check=PLAUSIBLE_DAY,
        metadata=about("none", "local day"),
        description="Day.",
    )
    text = words("What happened, in a few words.", required=True, privacy="none")
