"""The tables: columns with types, units, rules, keys and privacy class.

Each column says in ``metadata`` what it means for a person (``privacy``: identifier, contact,
behaviour or none) and, where it has one, its ``unit``. ``docs/data-dictionary.md`` is made
from here by ``make dictionary``.
"""

from __future__ import annotations

import dataframely as dy

from crmlib.schema.campaigns import (
    Assignments,
    Campaigns,
    Contacts,
    LedgerAssignments,
    LedgerCampaigns,
    LedgerContacts,
    LedgerResponses,
    LedgerTouches,
    Responses,
    Touches,
)
from crmlib.schema.people import (
    Attributes,
    Consents,
    Customers,
    Identities,
    LedgerAttributes,
    LedgerConsents,
    LedgerCustomers,
    LedgerIdentities,
    LedgerReviews,
    Reviews,
)
from crmlib.schema.plan import KPIS, Events, Targets
from crmlib.schema.rules import FOLDS, MONEY
from crmlib.schema.sales import Deliveries, LedgerLines, OrderLines, PriceIndex, Products
from crmlib.schema.service import LedgerService, Service

__all__ = [
    "DERIVED",
    "FOLDS",
    "HELPERS",
    "KPIS",
    "LEDGER",
    "MONEY",
    "REQUIRED",
    "TABLES",
    "TIME",
    "LedgerLines",
    "OrderLines",
    "columns",
]

TABLES: dict[str, type[dy.Schema]] = {
    "order_lines": OrderLines,
    "customers": Customers,
    "consents": Consents,
    "products": Products,
    "deliveries": Deliveries,
    "campaigns": Campaigns,
    "assignments": Assignments,
    "contacts": Contacts,
    "touches": Touches,
    "service": Service,
    "reviews": Reviews,
    "attributes": Attributes,
    "identities": Identities,
    "targets": Targets,
    "events": Events,
    "price_index": PriceIndex,
    "responses": Responses,
}

# As stored: with what is worked out once, at intake.
LEDGER: dict[str, type[dy.Schema]] = TABLES | {
    "order_lines": LedgerLines,
    "customers": LedgerCustomers,
    "consents": LedgerConsents,
    "campaigns": LedgerCampaigns,
    "assignments": LedgerAssignments,
    "contacts": LedgerContacts,
    "touches": LedgerTouches,
    "service": LedgerService,
    "reviews": LedgerReviews,
    "attributes": LedgerAttributes,
    "identities": LedgerIdentities,
    "responses": LedgerResponses,
}

# The time that a row of an event table belongs to: its day, and its month of storage.
TIME = {
    "order_lines": "ordered_at",
    "consents": "at",
    "assignments": "assigned_at",
    "contacts": "sent_at",
    "touches": "at",
    "service": "opened",
    "reviews": "at",
}

# Worked out by the reader or given in other ways, so a configuration need not map them.
REQUIRED = {
    "order_lines": ("order_id", "ordered_at", "product_id", "quantity"),
    "customers": ("customer_id",),
    "consents": ("customer_id", "channel", "status", "at"),
    "products": ("product_id",),
    "deliveries": ("order_id",),
    "campaigns": ("campaign_id", "start"),
    "assignments": ("campaign_id", "customer_id", "arm", "assigned_at"),
    "contacts": ("customer_id", "sent_at"),
    "touches": ("at", "channel"),
    "service": ("opened",),
    "reviews": ("at",),
    "attributes": ("customer_id", "field", "value"),
    "identities": ("customer_id", "person_id"),
    "targets": ("month", "kpi", "value"),
    "events": ("date", "text"),
    "price_index": ("month", "index"),
    "responses": ("campaign_id", "customer_id", "arm"),
}
# Read from the source to work out or check others, but not kept as columns.
HELPERS = {"order_lines": ("line_total", "currency")}
# Not mapped from a source: always worked out.
DERIVED = {"order_lines": ("value",)}


def columns(table: str) -> list[str]:
    """List the columns of ``table`` that a configuration may map."""
    own = [c for c in TABLES[table].column_names() if c not in DERIVED.get(table, ())]
    return own + list(HELPERS.get(table, ()))
