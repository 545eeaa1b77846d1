"""From staged rows to the ledger's parts: repeated rows, keys, costs, one head an order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import polars as pl

from crmlib import schema
from crmlib.config import Config, Source
from crmlib.i18n import mark
from crmlib.ledger import money, store
from crmlib.ledger.fields import ROW
from crmlib.ledger.intake import FILE, QUARANTINE, Staged

DUPLICATE = mark("duplicate row")
REPEATED = mark("repeated in another file")
NOT_UNIQUE = mark("not unique")


@dataclass(slots=True)
class Assembled:
    """A table in its final form, stored, with the account of its rows."""

    parts: list[store.Part]
    quarantine: pl.DataFrame
    dropped: Counter[str]
    read: int
    duplicates: int
    blank_rows: int

    @property
    def kept(self) -> int:
        """Rows in the parts."""
        return sum(p.rows for p in self.parts)


def assemble_table(staged: Staged, config: Config) -> Assembled:
    """Assemble a table that has a key: equal rows are one, clashing ones are quarantined."""
    made = _begin(staged)
    key = schema.TABLES[staged.table].primary_key()
    for paths in staged.months.values():
        rows = pl.read_parquet(paths)
        rows = _one_of_equals(rows, schema.TABLES[staged.table].column_names(), made)
        rows = _unique_key(rows, key, staged, made)
        final = rows.select(schema.LEDGER[staged.table].column_names()).sort(key)
        if final.height:
            made.parts.append(store.keep_part(config.workspace, staged.table, final))
    return _end(made, staged)


def assemble_lines(staged: Staged, source: Source, config: Config) -> Assembled:
    """Assemble the order lines month by month."""
    made = _begin(staged)
    numbered = "line_no" in source.columns
    content = [c for c in schema.OrderLines.column_names() if numbered or c != "line_no"]
    split_orders = _orders_in_several_months(staged)
    costs: pl.DataFrame | None = None
    for month in sorted(staged.months):
        rows = pl.read_parquet(staged.months[month])
        if numbered:
            rows = _one_of_equals(rows, content, made)
            rows = _unique_key(rows, ["order_id", "line_no"], staged, made)
        else:
            rows = _number_repeats(rows, content, source, made)
        rows, costs = money.with_margin(rows, config.shop, costs)
        rows = rows.sort(
            "customer_id",
            "ordered_at",
            "order_id",
            "product_id",
            "line_no",
            *content,
            nulls_last=True,
        )
        rows = rows.with_columns(order_head=_heads(rows, month, split_orders))
        final = rows.select(schema.LedgerLines.column_names())
        if final.height:
            made.parts.append(store.keep_part(config.workspace, staged.table, final, month))
    return _end(made, staged)


def _begin(staged: Staged) -> Assembled:
    return Assembled([], pl.DataFrame(schema=QUARANTINE), Counter(), staged.read, 0, 0)


def _end(made: Assembled, staged: Staged) -> Assembled:
    made.quarantine = pl.concat([pl.DataFrame(schema=QUARANTINE), *staged.quarantine]).sort(
        "file", "row"
    )
    made.dropped = staged.dropped + made.dropped
    for rule in staged.dropped:  # a rule that dropped nothing is still told
        made.dropped.setdefault(rule, 0)
    made.blank_rows = staged.blank_rows
    return made


def _one_of_equals(rows: pl.DataFrame, content: list[str], made: Assembled) -> pl.DataFrame:
    kept = rows.unique(subset=content, keep="first", maintain_order=True)
    found = rows.height - kept.height
    made.duplicates += found
    if found:
        made.dropped[DUPLICATE] += found
    return kept


def _unique_key(
    rows: pl.DataFrame, key: list[str], staged: Staged, made: Assembled
) -> pl.DataFrame:
    clash = pl.struct(key).is_duplicated()
    bad = rows.filter(clash)
    reason = f"{', '.join(key)}: {NOT_UNIQUE}"
    for (number,), piece in bad.partition_by(FILE, as_dict=True).items():
        staged.set_aside(
            piece.select(ROW, pl.concat_list(pl.lit(reason)).alias("reasons")),
            staged.files[int(number)],
        )
    return rows.filter(~clash)


def _number_repeats(
    rows: pl.DataFrame, content: list[str], source: Source, made: Assembled
) -> pl.DataFrame:
    """Give identical rows of an order their numbers within their file.

    The n-th copy in one file is the same line as the n-th copy in another, so that a file read
    twice adds nothing.
    """
    repeated = rows.select(content).is_duplicated()
    if not repeated.any():
        return rows
    alone, several = rows.filter(~repeated), rows.filter(repeated)
    nth = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(FILE, *content)
    several = several.sort(FILE, ROW).with_columns(line_no=nth)
    copies = several.filter(pl.col("line_no") > 1)
    made.duplicates += copies.height
    if source.duplicates == "drop":
        made.dropped[DUPLICATE] += copies.height
        several = several.filter(pl.col("line_no") == 1)
    once = several.unique(subset=[*content, "line_no"], keep="first", maintain_order=True)
    if several.height > once.height:
        made.dropped[REPEATED] += several.height - once.height
    return pl.concat([alone, once])


def _orders_in_several_months(staged: Staged) -> pl.DataFrame:
    """Find orders bought over a month's end, with their first month; usually there is none."""
    if not staged.months:
        empty = {"customer_id": pl.String, "order_id": pl.String, "first": pl.Int32}
        return pl.DataFrame(schema=empty)
    paths = [p for month in staged.months.values() for p in month]
    return (
        pl.scan_parquet(paths)
        .filter(pl.col("quantity") > 0)
        .group_by("customer_id", "order_id")
        .agg(first=pl.col("month").min(), last=pl.col("month").max())
        .filter(pl.col("last") > pl.col("first"))
        .drop("last")
        .collect(engine="streaming")
    )


def _heads(rows: pl.DataFrame, month: int, split_orders: pl.DataFrame) -> pl.Series:
    """Mark one purchase line of each order of each customer with 1."""
    order = ["customer_id", "order_id"]
    at = rows.select(*order, "quantity").with_row_index("_at")
    first = at.filter(pl.col("quantity") > 0).unique(
        subset=order, keep="first", maintain_order=True
    )
    if split_orders.height:
        later = split_orders.filter(pl.col("first") < month)
        first = first.join(later, on=order, how="anti", nulls_equal=True)
    marks = at["_at"].is_in(first["_at"].implode())
    return marks.cast(pl.Int32).alias("order_head")
