"""Take a block of text rows in: drop by named rules, cast, check, name customers, stage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from crmlib import schema
from crmlib.config import Config, Source
from crmlib.i18n import mark
from crmlib.ledger import contract, money
from crmlib.ledger.disk import writable
from crmlib.ledger.fields import ROW
from crmlib.ledger.pseudonyms import Pseudonyms

FILE = "_file"
OTHER_CURRENCY = mark("not the shop's currency")
AFTER_TODAY = mark("after today")
QUARANTINE: dict[str, Any] = {
    "table": pl.String,
    "file": pl.String,
    "row": pl.Int64,
    "reasons": pl.List(pl.String),
    "cells": pl.String,  # the source's row as JSON, for mending; holds personal data
}


@dataclass(slots=True)
class Staged:
    """A table on its way in: good rows lie in ``folder`` by month, the others are counted."""

    table: str
    folder: Path
    read: int = 0
    blank_rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    quarantine: list[pl.DataFrame] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    months: dict[int, list[Path]] = field(default_factory=dict)

    def file_number(self, file: str) -> int:
        """Give the number of a file, in the order of reading."""
        if file not in self.files:
            self.files.append(file)
        return self.files.index(file)

    def put(self, rows: pl.DataFrame) -> None:
        """Stage good rows by month (0 where a table has no month to be split by)."""
        if rows.is_empty():
            return
        pieces = (
            rows.partition_by("month", as_dict=True)
            if self.table == "order_lines"
            else {(0,): rows}
        )
        with writable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for (month,), piece in pieces.items():
                paths = self.months.setdefault(int(month), [])
                paths.append(self.folder / f"{month}-{len(paths):06}.parquet")
                piece.write_parquet(paths[-1], compression="lz4")

    def set_aside(self, rows: pl.DataFrame, file: str) -> None:
        """Quarantine rows: ``_row``, ``reasons`` and perhaps ``cells``."""
        if rows.is_empty():
            return
        cells = pl.col("cells") if "cells" in rows.columns else pl.lit(None, dtype=pl.String)
        self.quarantine.append(
            rows.select(
                pl.lit(self.table).alias("table"),
                pl.lit(file).alias("file"),
                pl.col(ROW).alias("row"),
                pl.col("reasons").list.sort(),
                cells.alias("cells"),
            )
        )


def take_in(
    text: pl.DataFrame,
    ragged: pl.DataFrame,
    staged: Staged,
    file: str,
    mapping: dict[str, str],
    source: Source,
    config: Config,
    names: Pseudonyms,
    today: date | None,
) -> None:
    """Stage the good rows of a block and set the others aside, each with its reasons."""
    staged.read += text.height + ragged.height
    staged.set_aside(ragged.select(ROW, pl.concat_list("reason").alias("reasons")), file)
    text = _drop(text, staged, mapping, source)
    done = contract.cast(text, staged.table, mapping, source, config.shop.time_zone, file)
    rows, faults = done.rows, [done.reasons]
    if staged.table == "order_lines":
        if source.order_id_from:
            rows = _with_order_id(rows, text, mapping, source, names)
        if "line_no" not in mapping:
            rows = rows.with_columns(line_no=pl.lit(1, dtype=pl.Int32))  # numbered when assembled
        rows = money.with_value(rows)
        faults += _line_faults(rows, config, today)
    rows = rows.with_columns(_stored(staged.table, rows))
    faults.append(contract.broken_rules(rows, staged.table))
    reasons = _by_row(pl.concat(faults))
    bad = text.join(reasons, on=ROW, how="inner", maintain_order="left")
    cells = pl.struct(pl.exclude(ROW, "reasons")).struct.json_encode().alias("cells")
    staged.set_aside(bad.select(ROW, "reasons", cells), file)
    good = rows.join(reasons, on=ROW, how="anti", maintain_order="left")
    good = good.with_columns(pl.lit(staged.file_number(file), dtype=pl.Int32).alias(FILE))
    staged.put(_name_customers(good, staged.table, names))


def _drop(
    text: pl.DataFrame, staged: Staged, mapping: dict[str, str], source: Source
) -> pl.DataFrame:
    for rule in source.drop:
        hit = contract.condition(rule, mapping, source)
        kept = text.filter(~hit)
        staged.dropped[rule.name] += text.height - kept.height
        text = kept
    return text


def _with_order_id(
    rows: pl.DataFrame,
    text: pl.DataFrame,
    mapping: dict[str, str],
    source: Source,
    names: Pseudonyms,
) -> pl.DataFrame:
    """Make the order's id of named columns, ours or the source's; ``day`` is the local day."""
    parts = {}
    for name in source.order_id_from:
        if name == "day":
            part = rows["ordered_at"].dt.strftime("%Y-%m-%d")
        elif name in mapping or name in source.values:
            part = rows[name].cast(pl.String)
        else:
            part = text.select(contract.plain(pl.col(name).cast(pl.String), source)).to_series()
        parts[name] = part
    ids = pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator="|")).to_series()
    # Made of a customer's id, the order's would give it away.
    known = names.table(ids)
    named = ids.replace_strict(known["id"], known["pseudonym"], return_dtype=pl.String)
    return rows.with_columns(order_id=named)


def _line_faults(rows: pl.DataFrame, config: Config, today: date | None) -> list[pl.DataFrame]:
    priced = pl.col("quantity").is_not_null() & pl.col("unit_price").is_not_null()
    tests = {
        f"currency: {OTHER_CURRENCY}": pl.col("currency") != config.shop.currency,
        f"value: {contract.TOO_LARGE}": pl.col("value").is_null() & priced,
    }
    if today is not None:
        tests[f"ordered_at: {AFTER_TODAY}"] = pl.col("ordered_at").dt.date() > today
    return [
        rows.filter(test).select(ROW, pl.lit(reason).alias("reason"))
        for reason, test in tests.items()
    ]


def _stored(table: str, rows: pl.DataFrame) -> list[pl.Expr]:
    types = {n: c.dtype for n, c in schema.TABLES[table].columns().items()}
    return [pl.col(c).cast(t, strict=False) for c, t in types.items() if rows.schema[c] != t]


def _by_row(faults: pl.DataFrame) -> pl.DataFrame:
    """Gather the reasons of a row; a cell that could not be read is not also 'missing'."""
    named = faults.unique()
    column = pl.col("reason").str.split(": ").list.first()
    missing = pl.col("reason").str.ends_with(": missing")
    told = (~missing).any().over(ROW, column) | ((column == "value") & (pl.len().over(ROW) > 1))
    return (
        named.filter(~(missing & told)).group_by(ROW).agg(pl.col("reason").sort().alias("reasons"))
    )


def _name_customers(rows: pl.DataFrame, table: str, names: Pseudonyms) -> pl.DataFrame:
    if "customer_id" not in rows.columns:
        return rows
    known = names.table(rows["customer_id"])
    rows = rows.join(known, left_on="customer_id", right_on="id", how="left", maintain_order="left")
    rows = rows.with_columns(customer_id=pl.col("pseudonym")).drop("pseudonym")
    if table != "order_lines":
        return rows.drop("fold")
    alone = names.table(rows.filter(pl.col("customer_id").is_null())["order_id"])
    by_order = alone.select(pl.col("id").alias("order_id"), pl.col("fold").alias("_order_fold"))
    rows = rows.join(by_order, on="order_id", how="left", maintain_order="left")
    local = pl.col("ordered_at").dt
    return rows.with_columns(
        fold=pl.coalesce("fold", "_order_fold"),
        day=local.date().to_physical().cast(pl.Int32),
        month=(local.year() * 12 + local.month().cast(pl.Int32) - 1).cast(pl.Int32),
    ).drop("_order_fold", "line_total", "currency")
