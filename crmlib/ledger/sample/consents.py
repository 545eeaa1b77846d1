"""Who may be written to: consents by channel, as they were given and withdrawn."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample.people import People
from crmlib.ledger.sample.world import Calendar, Ints, SampleSpec

GIVEN = {"email": 0.70, "sms": 0.60, "call": 0.30}  # share that ever consents
WITHDRAWN_A_YEAR = 0.06
SOURCES = ("İYS", "web formu", "mağaza")
AFTER_ALL = 1 << 20  # a day that never comes

# The list that is chosen on one day and sent on a later one: who withdraws in between.
LIST_CHANNEL = "email"
CHOSEN_BEFORE_END, SENT_BEFORE_END = 13, 3
WITHDRAWN_IN_BETWEEN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Consents:
    """Day on which each customer gave and withdrew consent, by channel; `AFTER_ALL` if never."""

    given: dict[str, Ints]
    withdrawn: dict[str, Ints]
    refused: dict[str, NDArray[np.bool_]]  # said no when asked: a row that is no consent

    def on(self, channel: str, day: int) -> NDArray[np.bool_]:
        """Tell who may be written to at the end of a day."""
        return (self.given[channel] <= day) & (self.withdrawn[channel] > day)

    def without(self, channel: str, customer: Ints, day: Ints) -> "Consents":
        """Withdraw the consent of some, each on a day of their own."""
        changed = self.withdrawn[channel].copy()
        changed[customer] = np.minimum(changed[customer], day)
        return Consents(self.given, self.withdrawn | {channel: changed}, self.refused)


def draw_consents(people: People, calendar: Calendar, rng: Generator) -> Consents:
    """Draw who consents when joining, who withdraws later, and who right before the last list."""
    n = len(people.join_day)
    given, withdrawn, refused = {}, {}, {}
    chosen, sent = calendar.days - 1 - CHOSEN_BEFORE_END, calendar.days - 1 - SENT_BEFORE_END
    for channel, share in GIVEN.items():
        said = rng.random(n)
        given[channel] = np.where(said < share, people.join_day, AFTER_ALL)
        refused[channel] = (said >= share) & (said < share + 0.05)
        stay = np.ceil(rng.exponential(365 / WITHDRAWN_A_YEAR, n)).astype(np.int64)
        gone = np.where(said < share, people.join_day + stay, AFTER_ALL)
        if channel == LIST_CHANNEL:
            asked = (given[channel] < chosen) & (gone > sent)
            between = rng.integers(chosen + 1, sent + 1, n)
            gone = np.where(asked & (rng.random(n) < WITHDRAWN_IN_BETWEEN), between, gone)
        withdrawn[channel] = np.where(gone < calendar.days, gone, AFTER_ALL)
    return Consents(given, withdrawn, refused)


def consent_table(
    consents: Consents, people: People, spec: SampleSpec, rng: Generator
) -> pl.DataFrame:
    """Make the table of consents: a row when it is given, refused or withdrawn."""
    parts = []
    for channel in GIVEN:
        events = (
            ("given", consents.given[channel]),
            ("withdrawn", consents.withdrawn[channel]),
            ("withdrawn", np.where(consents.refused[channel], people.join_day, AFTER_ALL)),
        )
        for status, day in events:
            who = np.flatnonzero(day < AFTER_ALL)
            parts.append(
                pl.DataFrame({"customer": who, "day": day[who]}).with_columns(
                    channel=pl.lit(channel), status=pl.lit(status)
                )
            )
    rows = pl.concat(parts)
    second = rng.integers(8 * 3600, 14 * 3600, rows.height)
    source = rng.choice(SOURCES, rows.height, p=[0.6, 0.25, 0.15])
    at = pl.lit(spec.start).cast(pl.Datetime("us")) + pl.duration(days="day", seconds="second")
    return (
        rows.with_columns(second=pl.Series(second), source=pl.Series(source))
        # Who joins and leaves within a day says yes in the morning and no in the evening.
        .with_columns(second=pl.col("second") + 6 * 3600 * (pl.col("status") == "withdrawn"))
        .select(
            pl.lit(pl.Series(people.ids.tolist())).gather("customer").alias("customer_id"),
            "channel",
            "status",
            "source",
            at=at,
        )
        .sort("at", "customer_id", "channel", "status")
    )


def truth_of_consents(
    consents: Consents, people: People, calendar: Calendar, spec: SampleSpec
) -> dict[str, Any]:
    """Name who withdrew between the choice and the sending of the last list."""
    chosen, sent = calendar.days - 1 - CHOSEN_BEFORE_END, calendar.days - 1 - SENT_BEFORE_END
    gone = consents.on(LIST_CHANNEL, chosen) & ~consents.on(LIST_CHANNEL, sent)
    return {
        "channel": LIST_CHANNEL,
        "chosen_on": (spec.start + timedelta(days=chosen)).isoformat(),
        "sent_on": (spec.start + timedelta(days=sent)).isoformat(),
        "withdrawn_in_between": sorted(people.ids[gone].tolist()),
        "with_consent_at_the_end": {
            channel: int(consents.on(channel, calendar.days - 1).sum()) for channel in GIVEN
        },
    }
