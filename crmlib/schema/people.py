"""Who the customers are: records, consents, further attributes, one person behind several ids."""

from __future__ import annotations

import dataframely as dy

from crmlib.schema.rules import (
    ID_CHECKS,
    PLAUSIBLE_DAY,
    about,
    customer,
    day_of,
    fold,
    moment,
    words,
)


class Customers(dy.Schema):
    """One row a customer."""

    customer_id = dy.String(
        primary_key=True,
        check=ID_CHECKS,
        metadata=about("identifier"),
        description="Customer, as a keyed pseudonym.",
    )
    name = dy.String(nullable=True, metadata=about("contact"), description="Full name.")
    email = dy.String(nullable=True, metadata=about("contact"), description="E-mail address.")
    phone = dy.String(nullable=True, metadata=about("contact"), description="Phone number.")
    birth_year = dy.Int32(
        nullable=True,
        min=1900,
        max=2100,
        metadata=about("behaviour", "year"),
        description="Year of birth.",
    )
    sex = dy.String(nullable=True, metadata=about("behaviour"), description="As recorded.")
    city = dy.String(nullable=True, metadata=about("behaviour"), description="City.")
    region = dy.String(nullable=True, metadata=about("behaviour"), description="Region.")
    account_type = dy.String(
        nullable=True, metadata=about("behaviour"), description="Person, company, ..."
    )
    joined_at = dy.Date(
        nullable=True,
        check=PLAUSIBLE_DAY,
        metadata=about("behaviour", "local day"),
        description="When the customer was first known, e.g. the loyalty card's date.",
    )
    acquisition_channel = dy.String(
        nullable=True, metadata=about("behaviour"), description="Where the customer came from."
    )


class LedgerCustomers(Customers):
    """Customers as the ledger keeps them."""

    fold = fold()


class Consents(dy.Schema):
    """One row a change of consent; the latest of a channel wins, no row is no consent."""

    customer_id = customer()
    channel = words("Channel that the consent is for, e.g. email, sms, call.", required=True)
    status = dy.String(
        nullable=False,
        check={"given_or_withdrawn": lambda e: e.is_in(["given", "withdrawn"])},
        metadata=about("behaviour"),
        description="given or withdrawn.",
    )
    source = words("Where it was recorded, e.g. IYS, form, store.")
    at = moment("When it was given or withdrawn.", required=True)


class LedgerConsents(Consents):
    """Consents as the ledger keeps them."""

    day = day_of("at")
    fold = fold()


class Attributes(dy.Schema):
    """One row a further fact about a customer, with where it comes from."""

    customer_id = customer()
    field = words("What it is about, e.g. income, household_size.", required=True)
    value = words("What is recorded.", required=True)
    source = words("Who or what recorded it.")
    loaded_at = moment("When it was recorded.")
    basis = words("On which basis it may be used, e.g. contract, consent.")


class LedgerAttributes(Attributes):
    """Attributes as the ledger keeps them."""

    fold = fold()


class Identities(dy.Schema):
    """One row an id under which a person is known; ids without a row are persons of their own."""

    customer_id = customer(key=True)
    person_id = dy.String(
        nullable=False,
        check=ID_CHECKS,
        metadata=about("identifier"),
        description="Person behind the id, as a keyed pseudonym.",
    )


class LedgerIdentities(Identities):
    """Identities as the ledger keeps them."""

    fold = fold("person")


class Reviews(dy.Schema):
    """One row a review."""

    review_id = words("Number of the review; may repeat.")
    order_id = words("Order that it is about.")
    customer_id = customer(required=False)
    at = moment("When it was written.", required=True)
    score = dy.Int32(
        nullable=True,
        min=0,
        max=100,
        metadata=about("behaviour", "points on the firm's scale"),
        description="Points that were given.",
    )
    text = words("What was written.", privacy="contact")


class LedgerReviews(Reviews):
    """Reviews as the ledger keeps them."""

    day = day_of("at")
    fold = fold()
