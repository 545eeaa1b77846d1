"""The CDNOW sample by the rule of the published fits, straight from the file."""

from datetime import date

import polars as pl
import pytest

from crmlib.curves import summary

CALIBRATION_END, DATA_END = date(1997, 9, 30), date(1998, 6, 30)
EPOCH = date(1970, 1, 1)


def day_of(value: date) -> int:
    return (value - EPOCH).days


@pytest.fixture(scope="session")
def cdnow_rows(shared_data):
    """Return the sample's 6,919 rows: customer, day, value."""
    text = (shared_data / "cdnow" / "CDNOW_sample.txt").read_text(encoding="ascii")
    rows = [line.split() for line in text.splitlines()]
    return pl.DataFrame(
        {
            "customer_id": [r[1] for r in rows],
            "day": [day_of(date(int(r[2][:4]), int(r[2][4:6]), int(r[2][6:]))) for r in rows],
            "value": [float(r[4]) for r in rows],
        },
        schema_overrides={"day": pl.Int32},
    )


@pytest.fixture(scope="session")
def cdnow_visits(cdnow_rows):
    """Return one row a customer and day, values added: the visits mart's columns."""
    return (
        cdnow_rows.group_by("customer_id", "day")
        .agg(pl.col("value").sum(), purchase_lines=pl.len().cast(pl.Int64))
        .with_columns(fold=pl.col("customer_id").cast(pl.Int32) % 64, value_real=pl.col("value"))
        .sort("customer_id", "day")
    )


@pytest.fixture(scope="session")
def cdnow(cdnow_visits):
    """Return the calibration summary in weeks, with what came later."""
    return summary.of_visits(cdnow_visits, until=CALIBRATION_END, unit="weeks")
