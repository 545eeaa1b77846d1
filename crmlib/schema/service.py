"""Service: calls, chats and tickets."""

from __future__ import annotations

import dataframely as dy

from crmlib.schema.rules import cost, customer, day_of, fold, moment, words


class Service(dy.Schema):
    """One row a contact that a customer began: a call, a chat, a ticket."""

    service_id = words("Number of the call or ticket; may repeat.")
    customer_id = customer(required=False)
    opened = moment("When it began.", required=True)
    queued = moment("When it joined the queue; empty, or left_queue, when it did not wait.")
    left_queue = moment("When it left the queue, served or not.")
    answered = moment("When somebody answered.")
    closed = moment("When it ended.")
    queue = words("Queue or kind of request.")
    topic = words("What it was about.")
    agent = words("Who answered, as the source has it.", privacy="identifier")
    outcome = words("How it ended.")
    cost = cost("What it cost the firm.")


class LedgerService(Service):
    """Service as the ledger keeps it."""

    day = day_of("opened")
    fold = fold()
