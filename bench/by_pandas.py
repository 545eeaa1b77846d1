"""The marts in pandas, as a careful user of pandas would write them.

Kind to pandas: only the needed columns and rows are read, money is a float (rounded to four
places at the end; the tables are then equal to the exact ones) and the visits are gathered once.
Ids as categories were slower, since each part has its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from shop import HISTORY, Shop

SUMS = [
    "orders", "lines", "quantity", "value", "value_real", "returns", "margin", "margin_returns",
    "margin_below_cost", "value_costed", "discount_net",
]  # fmt: skip
COSTS = ["freight", "service", "contacts"]
_READ = ["customer_id", "day", "fold", "month", "order_head", "quantity", "value", "margin",
         "discount_net"]  # fmt: skip


def read_lines(paths: list[Path], as_of_day: int) -> pd.DataFrame:
    """Read the lines that have a customer, up to the as-of day."""
    wanted = ds.field("customer_id").is_valid() & (ds.field("day") <= as_of_day)
    source = ds.dataset([str(p) for p in paths])
    table = source.to_table(columns=_READ, filter=wanted)
    for i, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.float64()))
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def visits(lines: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """Gather the lines of customers by day."""
    returned = lines["quantity"] < 0
    lines["lines"] = 1
    lines["purchase_lines"] = (lines["quantity"] > 0).astype("int64")
    lines["returns"] = lines["value"].where(returned, 0.0)
    lines["margin_returns"] = lines["margin"].where(returned, 0.0)
    lines["margin_below_cost"] = lines["margin"].where(~returned & (lines["margin"] < 0), 0.0)
    lines["discount_net"] = lines["discount_net"].where(lines["quantity"] > 0, 0.0)
    lines["value_costed"] = lines["value"].where(lines["margin"].notna(), 0.0)
    sums = ["quantity", "value", "returns", "margin", "margin_returns", "margin_below_cost",
            "value_costed", "discount_net", "order_head", "lines", "purchase_lines"]  # fmt: skip
    groups = lines.groupby(["customer_id", "day"], observed=True, sort=True)
    made = groups.agg({"fold": "first", "month": "first", **dict.fromkeys(sums, "sum")})
    made = made.reset_index().rename(columns={"order_head": "orders"})
    money = [c for c in made.columns if made[c].dtype == "float64"]
    made[money] = made[money].round(4)
    ratio = made["month"].map(real.set_index("month")["ratio"])
    product = (made["value"] * 10_000).round() * ratio
    made["value_real"] = np.sign(product) * np.floor(product.abs() + 0.5) / 10_000
    return made


def customer(
    visits: pd.DataFrame,
    costs: pd.DataFrame,
    joined: pd.DataFrame,
    *,
    as_of_day: int,
    complete_from_day: int,
    burn_in_days: int,
) -> pd.DataFrame:
    """Summarise each customer's visits."""
    bought = visits["purchase_lines"] > 0
    groups = visits.groupby("customer_id", observed=True, sort=True)
    made = groups.agg({"fold": "first", "day": "min", **dict.fromkeys(SUMS, "sum")})
    days = visits[bought].groupby("customer_id", observed=True, sort=True)["day"]
    made["purchase_days"] = days.size().reindex(made.index, fill_value=0)
    made["first_day"] = days.min().astype("Int32")
    made["last_day"] = days.max().astype("Int32")
    made = made.reset_index()
    served = costs[costs["day"] <= as_of_day].groupby("customer_id")[COSTS].sum()
    for cost in COSTS:
        made[cost] = made["customer_id"].map(served[cost]).fillna(0.0).astype("float64")
    made["profit"] = made["margin"] - made[COSTS].sum(axis=1)
    known = joined.loc[joined["joined_day"] < complete_from_day, "customer_id"]
    old = (
        made["first_day"].isna()
        | (made["day"] < complete_from_day + burn_in_days)
        | made["customer_id"].isin(known)
    )
    made["frequency"] = (made["purchase_days"] - 1).clip(lower=0)
    made["recency_days"] = made["last_day"] - made["first_day"]
    made["age_days"] = as_of_day - made["first_day"]
    made["days_since_last"] = as_of_day - made["last_day"]
    made["status"] = np.where(old, "first_seen", "new")
    return made.drop(columns="day")


def cohorts(visits: pd.DataFrame, customer: pd.DataFrame) -> pd.DataFrame:
    """Count each cohort's customers, orders and value by month."""
    keys = ["status", "cohort_month", "month", "fold"]
    sums = ["purchase_lines", "orders", "value", "value_real"]
    months = visits.groupby(["customer_id", "month"], observed=True)
    made = months.agg({"fold": "first", **dict.fromkeys(sums, "sum")}).reset_index()
    people = customer.set_index("customer_id")
    month_of = visits.groupby("day")["month"].first()
    made["status"] = made["customer_id"].map(people["status"])
    made["cohort_month"] = made["customer_id"].map(people["first_day"].map(month_of))
    made["customers"] = (made["purchase_lines"] > 0).astype("int64")
    return made.groupby(keys, observed=True)[["customers", *sums[1:]]].sum().reset_index()


def gaps(visits: pd.DataFrame, customer: pd.DataFrame, *, as_of_day: int) -> pd.DataFrame:
    """Count gaps between purchase days; the visits are sorted."""
    keys = ["status", "ordinal", "days", "event", "fold"]
    bought = visits.loc[visits["purchase_lines"] > 0, ["customer_id", "day", "fold"]]
    groups = bought.groupby("customer_id", observed=True, sort=False)
    ordinal = groups.cumcount() + 1
    following = groups["day"].shift(-1)
    bought = bought.assign(
        ordinal=ordinal,
        days=following.fillna(as_of_day).astype("int64") - bought["day"],
        event=following.notna().astype("int64"),
        status=bought["customer_id"].map(customer.set_index("customer_id")["status"]),
    )
    return bought.groupby(keys, observed=True).size().rename("gaps").reset_index()


def write_all(made: Shop, folder: Path) -> None:
    """Make the marts and store them; the visits stay in memory for the others."""
    seen = visits(read_lines(made.lines, HISTORY["as_of_day"]), pd.read_parquet(made.real))
    _write(seen, folder / "visits" / "all.parquet")
    spent, joined = pd.read_parquet(made.costs), pd.read_parquet(made.joined)
    people = customer(seen, spent, joined, **HISTORY)
    _write(people, folder / "customer.parquet")
    _write(cohorts(seen, people), folder / "cohorts.parquet")
    _write(gaps(seen, people, as_of_day=HISTORY["as_of_day"]), folder / "gaps.parquet")


def _write(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, compression="zstd", compression_level=1, index=False)
