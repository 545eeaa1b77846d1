"""How the raw files are spoilt: bad rows of known kinds and rows that stand twice."""

from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.config import CUSTOMER_HEADERS, ORDER_HEADERS

ORDER_DEFECTS = (
    "bad_date", "bad_quantity", "missing_product", "missing_order_id", "bad_amount",
    "extra_field", "short_row",
)  # fmt: skip
CUSTOMER_DEFECTS = ("bad_birth_year", "missing_customer_id")


def _per_kind(rows: int, kinds: tuple[str, ...]) -> int:
    """Count the bad rows of each kind that a file of so many rows gets: 0.3 % in all."""
    return max(round(0.003 * rows / len(kinds)), 1)


def _duplicates(rows: int) -> int:
    return max(round(0.004 * rows), 2)


def _row_counts(clean: int, bad: int) -> dict[str, int]:
    duplicates = _duplicates(clean)
    return {"rows": clean + bad + duplicates, "clean": clean, "bad": bad, "duplicates": duplicates}


def truth_of_files(
    order_lines: pl.DataFrame, customers: pl.DataFrame, *, spoil: bool = True
) -> dict[str, Any]:
    """Plan what `write` adds; a matter of counting, so known before anything is written."""
    if not spoil:
        return _as_they_are(order_lines, customers)
    years = order_lines["ordered_at"].dt.year().value_counts(name="rows").sort("ordered_at")
    files, bad = {}, dict.fromkeys((*ORDER_DEFECTS, "total_row"), 0)
    for year, rows in years.rows():
        each = _per_kind(rows, ORDER_DEFECTS)
        for kind in ORDER_DEFECTS:
            bad[kind] += each
        files[f"orders-{year}.csv"] = _row_counts(rows, each * len(ORDER_DEFECTS))
    first = next(iter(files))
    bad["total_row"] = 1
    files[first] = _row_counts(files[first]["clean"], files[first]["bad"] + 1)
    each = _per_kind(customers.height, CUSTOMER_DEFECTS)
    doubled = sum(counts["duplicates"] for counts in files.values())
    files["customers.csv"] = _row_counts(customers.height, each * len(CUSTOMER_DEFECTS))
    return {
        "clean_rows": {"order_lines": order_lines.height, "customers": customers.height},
        "raw_rows": files,
        "bad_rows": {"order_lines": bad, "customers": dict.fromkeys(CUSTOMER_DEFECTS, each)},
        "duplicate_rows": {
            "order_lines": doubled, "customers": files["customers.csv"]["duplicates"],
        },
    }  # fmt: skip


def _as_they_are(order_lines: pl.DataFrame, customers: pl.DataFrame) -> dict[str, Any]:
    years = order_lines["ordered_at"].dt.year().value_counts(name="rows").sort("ordered_at")
    rows = {f"orders-{year}.csv": count for year, count in years.rows()}
    rows["customers.csv"] = customers.height
    return {
        "clean_rows": {"order_lines": order_lines.height, "customers": customers.height},
        "raw_rows": {
            name: {"rows": count, "clean": count, "bad": 0, "duplicates": 0}
            for name, count in rows.items()
        },
        "bad_rows": {"order_lines": {}, "customers": {}},
        "duplicate_rows": {"order_lines": 0, "customers": 0},
    }


def bad_orders(
    fields: pl.DataFrame, name: str, unused: int, rng: Generator
) -> list[tuple[int, str]]:
    """Make the bad rows of a file, each with the row that it follows.

    They are broken copies of good rows under order numbers that nobody has, so that no order
    gains or loses a line when they are thrown out.
    """
    each = _per_kind(fields.height, ORDER_DEFECTS)
    places = rng.choice(fields.height, size=each * len(ORDER_DEFECTS), replace=False).tolist()
    year = name.removeprefix("orders-").removesuffix(".csv")
    made = []
    for turn, (place, row) in enumerate(zip(places, fields[places].rows(), strict=True)):
        kind = ORDER_DEFECTS[turn % len(ORDER_DEFECTS)]
        again = turn // len(ORDER_DEFECTS) % 2 == 1
        values = [value or "" for value in row]
        values[0] = f"S{unused + turn + 1:08d}"
        column = dict(zip(ORDER_HEADERS, range(len(values)), strict=True))
        if kind == "bad_date":
            values[column["ordered_at"]] = f"31.02.{year} 12:30:00"
        elif kind == "bad_quantity":
            values[column["quantity"]] = "2 adet" if again else "iki"
        elif kind == "missing_product":
            values[column["product_id"]] = ""
        elif kind == "missing_order_id":
            values[column["order_id"]] = ""
        elif kind == "bad_amount":
            values[column["unit_price"]] = "1,234.56" if again else "12.50 TL"
        elif kind == "extra_field":
            values.append("iade bekliyor")
        else:
            values = values[:6]
        made.append((place, ";".join(values)))
    return made


def bad_customers(fields: pl.DataFrame, taken: set[str], rng: Generator) -> list[tuple[int, str]]:
    """Make the bad rows of the customer file, each with the row that it follows.

    Those that keep a number get one that is not `taken`.
    """
    each = _per_kind(fields.height, CUSTOMER_DEFECTS)
    places = rng.choice(fields.height, size=2 * each, replace=False).tolist()
    made = []
    for turn, (place, row) in enumerate(zip(places, fields[places].rows(), strict=True)):
        values = [value or "" for value in row]
        if turn < each:
            values[0] = _unused_id(taken, rng)
            values[list(CUSTOMER_HEADERS).index("birth_year")] = "bilinmiyor"
        else:
            values[0] = ""
        made.append((place, ";".join(values)))
    return made


def _unused_id(taken: set[str], rng: Generator) -> str:
    """Find a number that no customer has, and take it."""
    while (found := f"{rng.integers(100_000_000):08d}") in taken:
        pass
    taken.add(found)
    return found


def joined(fields: pl.DataFrame) -> list[str]:
    """Join the fields to rows."""
    text = pl.concat_str(pl.all().fill_null(""), separator=";")
    return fields.select(text.alias("row"))["row"].to_list()


def spoilt(fields: pl.DataFrame, bad: list[tuple[int, str]], rng: Generator) -> list[str]:
    """Join the fields to rows, with bad rows in between and some rows twice.

    Half of the duplicates follow their original, half stand at the end of the file.
    """
    rows = joined(fields)
    twice = rng.choice(len(rows), size=_duplicates(len(rows)), replace=False)
    half = len(twice) // 2
    places = [place for place, _ in bad] + twice[:half].tolist() + [len(rows)] * (len(twice) - half)
    more = [row for _, row in bad] + [rows[place] for place in twice]
    order = np.argsort(np.concatenate([np.arange(len(rows)), places]), kind="stable")
    together = rows + more
    return [together[place] for place in order]
