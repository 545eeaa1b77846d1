"""What was done to win customers: campaigns, who was assigned, contacts, touches, responses."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from crmlib.schema.rules import (
    PLAUSIBLE_DAY,
    about,
    cost,
    customer,
    day_of,
    fold,
    identifier,
    moment,
    words,
)

_SPLIT = r"^[^=;\s][^=;]*=\d+(\.\d+)?(;[^=;\s][^=;]*=\d+(\.\d+)?)*$"
# Thirds are written with two decimals or more.
_ONE = (0.985, 1.015)


def _shares(expr: pl.Expr) -> pl.Expr:
    """Tell whether a text gives every arm its share, once, and the shares make a whole."""
    parts = expr.str.split(";")
    arms = parts.list.eval(pl.element().str.extract("^([^=]+)"))
    sizes = parts.list.eval(pl.element().str.extract("=(.+)$").cast(pl.Float64, strict=False))
    once = arms.list.n_unique() == arms.list.len()
    return expr.str.contains(_SPLIT) & once & sizes.list.sum().is_between(*_ONE)


class Campaigns(dy.Schema):
    """One row a campaign."""

    campaign_id = identifier("Campaign.", key=True)
    name = words("Name.", privacy="none")
    start = dy.Date(
        nullable=False,
        check=PLAUSIBLE_DAY,
        metadata=about("none", "local day"),
        description="First day.",
    )
    end = dy.Date(
        nullable=True,
        check=PLAUSIBLE_DAY,
        metadata=about("none", "local day"),
        description="Last day.",
    )
    goal = words("What it is for.", privacy="none")
    primary_outcome = words(
        "Outcome that decides: bought, orders, value, value_real, margin.", privacy="none"
    )
    window_days = dy.Int32(
        nullable=True,
        min=1,
        max=3660,
        metadata=about("none", "days"),
        description="Days from the start that count.",
    )
    planned_split = dy.String(
        nullable=True,
        check={"split": _shares},
        metadata=about("none"),
        description="Planned shares of the arms, e.g. treated=0.8;control=0.2.",
    )
    fixed_cost = cost("Cost that does not depend on the number of contacts.", privacy="none")
    cost_per_contact = cost("Cost of one contact, where contacts do not tell it.", privacy="none")
    is_global_control = dy.Bool(
        nullable=True,
        metadata=about("none"),
        description="Whether this is the global control, which no campaign may contact.",
    )

    @dy.rule()
    def ends_after_start(cls) -> pl.Expr:
        """Check that a campaign does not end before it starts."""
        return pl.col("end") >= pl.col("start")


class LedgerCampaigns(Campaigns):
    """Campaigns as the ledger keeps them."""

    start_day = day_of("start")
    end_day = dy.Int32(
        nullable=True,
        metadata=about("none", "days since 1970-01-01"),
        description="Local day of end.",
    )


class Assignments(dy.Schema):
    """One row a customer in a campaign; controls live here too."""

    campaign_id = identifier("Campaign.", key=True)
    customer_id = customer(key=True)
    arm = words("Arm, e.g. treated, control.", required=True)
    stratum = words("Stratum that the draw was made in, fixed before it.")
    assigned_at = moment("When the customer was drawn.", required=True)
    list_id = words("Action list that it came from.", privacy="none")


class LedgerAssignments(Assignments):
    """Assignments as the ledger keeps them."""

    day = day_of("assigned_at")
    fold = fold()


class Contacts(dy.Schema):
    """One row a message that was sent."""

    campaign_id = words("Campaign; empty for a message outside one.", privacy="none")
    customer_id = customer()
    sent_at = moment("When it was sent.", required=True)
    channel = words("Channel, e.g. email, sms, call.")
    cost = cost("Cost of sending it.")
    delivered = dy.Bool(
        nullable=True, metadata=about("behaviour"), description="Whether it arrived."
    )
    bounced = dy.Bool(
        nullable=True, metadata=about("behaviour"), description="Whether it came back."
    )
    unsubscribed = dy.Bool(
        nullable=True, metadata=about("behaviour"), description="Whether it ended the subscription."
    )
    opened_at = moment("When it was opened.")
    clicked_at = moment("When its link was followed.")


class LedgerContacts(Contacts):
    """Contacts as the ledger keeps them."""

    day = day_of("sent_at")
    fold = fold()


class Touches(dy.Schema):
    """One row a step of a path to, or past, a purchase."""

    visitor_id = dy.String(
        nullable=True,
        metadata=about("identifier"),
        description="Visitor, e.g. of a browser, as a keyed pseudonym.",
    )
    customer_id = customer(required=False)
    at = moment("When.", required=True)
    channel = words("Channel, e.g. search, social, mail.", required=True)
    page_kind = words("Kind of page, e.g. home, product, basket.")
    converted = dy.Bool(
        nullable=True,
        metadata=about("behaviour"),
        description="Whether the path ended in a purchase with this step.",
    )

    @dy.rule()
    def somebody(cls) -> pl.Expr:
        """Check that a step belongs to a visitor or a customer."""
        return pl.col("visitor_id").is_not_null() | pl.col("customer_id").is_not_null()


class LedgerTouches(Touches):
    """Touches as the ledger keeps them."""

    day = day_of("at")
    fold = fold()


class Responses(dy.Schema):
    """One row a customer in an experiment that was read as a whole, outcomes included.

    Outcomes, what was known before and groups are further columns, named in the source's
    ``outcomes``, ``pre`` and ``segments``; they are stored as ``outcome_<name>``, ``pre_<name>``
    (numbers) and ``segment_<name>`` (text).
    """

    campaign_id = identifier("Campaign or experiment.", key=True)
    customer_id = customer(key=True)
    arm = words("Arm.", required=True)
    stratum = words("Stratum, fixed before the draw.")
    exposed = dy.Bool(
        nullable=True, metadata=about("behaviour"), description="Whether the contact took place."
    )


class LedgerResponses(Responses):
    """Responses as the ledger keeps them, beside the columns that the source names."""

    fold = fold()
