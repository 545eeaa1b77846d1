"""Take a block of text rows in: drop by named rules, cast, check, name customers, stage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from crmlib import schema
from crmlib.config import Config, Elapsed, Source
from crmlib.i18n import mark
from crmlib.ledger import contract, money
from crmlib.ledger.disk import writable
from crmlib.ledger.fields import ROW, TextBlock
from crmlib.ledger.pseudonyms import Pseudonyms
from crmlib.ledger.shape import Shaper
from crmlib.ledger.values import amount

FILE, OWN_ID = "_file", "_own_id"
# A hundred years; longer spans are no waiting times, and would not fit a clock.
_LONGEST_SECONDS = 100 * 366 * 24 * 3600
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
    """A table on its way in: good rows lie in ``folder`` by month, the others are counted.

    Attributes
    ----------
    fan
        Rows that a row of a file becomes; ``_row`` is then ``fan`` x row + 0...
    lines, read
        Rows of the files, and rows that they became.
    """

    table: str
    folder: Path
    fan: int = 1
    lines: int = 0
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

    @property
    def line(self) -> pl.Expr:
        """Row of the file that a row comes from."""
        return pl.col(ROW) // self.fan

    def put(self, rows: pl.DataFrame) -> None:
        """Stage good rows by month (0 where a table has no month to be split by)."""
        if rows.is_empty():
            return
        by_month = self.table in schema.TIME
        pieces = rows.partition_by("month", as_dict=True) if by_month else {(0,): rows}
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


@dataclass(frozen=True, slots=True)
class Desk:
    """What the rows of a table are judged by on their way in.

    Attributes
    ----------
    source, shaper
        How the table's files are read, and what makes their columns ready.
    config, names
        The shop's clock and currency; pseudonyms.
    today
        Rows after this day are quarantined; ``None`` leaves the future alone.
    """

    source: Source
    shaper: Shaper
    config: Config
    names: Pseudonyms
    today: date | None


def take_in(block: TextBlock, staged: Staged, file: str, desk: Desk) -> None:
    """Stage the good rows of a block and set the others aside, each with its reasons.

    Raises
    ------
    ContractError
        If the file's columns are not those that are declared, or are read by a wrong declaration.
    """
    table, source, names = staged.table, desk.source, desk.names
    text = desk.shaper.shape(block.rows, file, source.columns)
    mapping = contract.require([c for c in text.columns if c != ROW], table, source, file)
    staged.lines += block.rows.height + block.ragged.height
    staged.read += text.height + block.ragged.height
    staged.blank_rows += block.blank_rows
    staged.set_aside(block.ragged.select(ROW, pl.concat_list("reason").alias("reasons")), file)
    text = _drop(text, staged, mapping, desk, file)
    done = contract.cast(text, table, mapping, source, desk.config.shop.time_zone, file)
    rows, faults = done.rows, [done.reasons]
    for ours, elapsed in source.elapsed.items():
        rows, lost = _with_elapsed(rows, text, ours, elapsed, desk, file)
        faults.append(lost)
    if table == "order_lines":
        if source.order_id_from:
            rows = _with_order_id(rows, text, mapping, source, names)
        if "line_no" not in mapping:
            rows = rows.with_columns(line_no=pl.lit(1, dtype=pl.Int32))  # numbered when assembled
        rows = money.with_value(rows)
        faults += _line_faults(rows, desk.config)
    faults += _after_today(rows, table, desk.today)
    rows = rows.with_columns(_stored(table, rows))
    faults.append(contract.broken_rules(rows, table))
    faults.append(_without_outcome(rows, source))
    reasons = _by_row(pl.concat(faults))
    _set_aside(reasons, block.rows, staged, file)
    good = rows.join(reasons, on=ROW, how="anti", maintain_order="left")
    good = good.with_columns(pl.lit(staged.file_number(file), dtype=pl.Int32).alias(FILE))
    staged.put(_dated(_named(good, table, names), table))


def _set_aside(reasons: pl.DataFrame, file_rows: pl.DataFrame, staged: Staged, file: str) -> None:
    """Quarantine rows with their cells as they stand in the file."""
    bad = reasons.select(staged.line, "reasons")
    cells = pl.struct(pl.exclude(ROW)).struct.json_encode().alias("cells")
    there = file_rows.filter(pl.col(ROW).is_in(bad[ROW].unique().implode())).select(ROW, cells)
    found = bad.join(there, on=ROW, how="left", validate="m:1", maintain_order="left")
    staged.set_aside(found, file)


def _drop(
    text: pl.DataFrame, staged: Staged, mapping: dict[str, str], desk: Desk, file: str
) -> pl.DataFrame:
    for rule in desk.shaper.rules:
        contract.require_numbers(rule, text, mapping, desk.source, staged.table, file)
        hit = contract.condition(rule, mapping, desk.source)
        kept = text.filter(~hit)
        staged.dropped[rule.name] += text.height - kept.height
        text = kept
    return text


def _with_elapsed(
    rows: pl.DataFrame, text: pl.DataFrame, ours: str, elapsed: Elapsed, desk: Desk, file: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add a time that is told as seconds after another one, by the clock of the shop's zone."""
    told = contract.plain(pl.col(elapsed.seconds).cast(pl.String), desk.source)
    seconds = text.select(ROW, told=told).with_columns(seconds=amount(pl.col("told"), desk.source))
    contract.refuse_undeclared_mark(
        seconds["told"], elapsed.seconds, desk.source, desk.shaper.table, file
    )
    sound = pl.col("seconds").abs() < _LONGEST_SECONDS
    seconds = seconds.with_columns(pl.when(sound).then(pl.col("seconds")).alias("seconds"))
    zone = desk.config.shop.time_zone
    start = pl.col(elapsed.after).dt.replace_time_zone(
        zone, ambiguous="earliest", non_existent="null"
    )
    # Both have the same rows in the same order.
    span = pl.duration(microseconds=(pl.lit(seconds["seconds"]) * 1_000_000).cast(pl.Int64))
    rows = rows.with_columns((start + span).dt.replace_time_zone(None).alias(ours))
    lost = seconds.filter(pl.col("told").is_not_null() & pl.col("seconds").is_null())
    reason = pl.lit(f"{ours}: {contract.UNREADABLE}").alias("reason")
    return rows, lost.select(ROW, reason)


def _without_outcome(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Find rows of an experiment without a result: they cannot be counted as zero."""
    lacking = [pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String})]
    for column in (c for c in source.measures() if c.startswith("outcome_")):
        reason = pl.lit(f"{column}: {contract.FAULTS['nullability']}").alias("reason")
        lacking.append(rows.filter(pl.col(column).is_null()).select(ROW, reason))
    return pl.concat(lacking)


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
            if name == "customer_id" and names.persons is not None:
                part = _replaced(part, names.customers(part))
        else:
            part = text.select(contract.plain(pl.col(name).cast(pl.String), source)).to_series()
        parts[name] = part
    ids = pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator="|")).to_series()
    # Made of a customer's id, the order's would give it away.
    return rows.with_columns(order_id=_replaced(ids, names.table(ids)))


def _replaced(ids: pl.Series, known: pl.DataFrame) -> pl.Series:
    return ids.replace_strict(known["id"], known["pseudonym"], return_dtype=pl.String)


def _line_faults(rows: pl.DataFrame, config: Config) -> list[pl.DataFrame]:
    priced = pl.col("quantity").is_not_null() & pl.col("unit_price").is_not_null()
    tests = {
        f"currency: {OTHER_CURRENCY}": pl.col("currency") != config.shop.currency,
        f"value: {contract.TOO_LARGE}": pl.col("value").is_null() & priced,
    }
    return [
        rows.filter(test).select(ROW, pl.lit(reason).alias("reason"))
        for reason, test in tests.items()
    ]


def _after_today(rows: pl.DataFrame, table: str, today: date | None) -> list[pl.DataFrame]:
    if today is None or table not in schema.TIME:
        return []
    time = schema.TIME[table]
    reason = pl.lit(f"{time}: {AFTER_TODAY}").alias("reason")
    return [rows.filter(pl.col(time).dt.date() > today).select(ROW, reason)]


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


def _named(rows: pl.DataFrame, table: str, names: Pseudonyms) -> pl.DataFrame:
    """Put pseudonyms in the place of ids of persons, and add the fold."""
    if table == "identities":
        rows = rows.with_columns(
            customer_id=_replaced(rows["customer_id"], names.table(rows["customer_id"]))
        )
        return _with_fold(rows, "person_id", names.table(rows["person_id"]))
    if "visitor_id" in rows.columns:
        known = names.table(rows["visitor_id"])
        rows = rows.with_columns(visitor_id=_replaced(rows["visitor_id"], known))
    if "customer_id" not in rows.columns:
        return rows
    if table == "customers":  # to tell records of one person from contradictions of one id
        own = names.table(rows["customer_id"])
        rows = rows.with_columns(_replaced(rows["customer_id"], own).alias(OWN_ID))
    rows = _with_fold(rows, "customer_id", names.customers(rows["customer_id"]))
    if table != "order_lines":
        return rows
    alone = names.table(rows.filter(pl.col("customer_id").is_null())["order_id"])
    by_order = alone.select(pl.col("id").alias("order_id"), pl.col("fold").alias("_order_fold"))
    rows = rows.join(by_order, on="order_id", how="left", maintain_order="left")
    rows = rows.with_columns(fold=pl.coalesce("fold", "_order_fold"))
    return rows.drop("_order_fold", "line_total", "currency")


def _with_fold(rows: pl.DataFrame, column: str, known: pl.DataFrame) -> pl.DataFrame:
    found = rows.join(known, left_on=column, right_on="id", how="left", maintain_order="left")
    return found.with_columns(pl.col("pseudonym").alias(column)).drop("pseudonym")


def _dated(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    """Add integer days, and the month that a row of an event table is kept under."""
    if table == "campaigns":
        return rows.with_columns(start_day=_day(pl.col("start")), end_day=_day(pl.col("end")))
    if table not in schema.TIME:
        return rows
    time = pl.col(schema.TIME[table])
    month = time.dt.year() * 12 + time.dt.month().cast(pl.Int32) - 1
    return rows.with_columns(day=_day(time.dt.date()), month=month.cast(pl.Int32))


def _day(date: pl.Expr) -> pl.Expr:
    return date.to_physical().cast(pl.Int32)
