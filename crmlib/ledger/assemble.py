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
from crmlib.ledger.intake import FILE, OWN_ID, QUARANTINE, Staged

DUPLICATE = mark("duplicate row")
REPEATED = mark("repeated in another file")
NOT_UNIQUE = mark("not unique")
SAME_PERSON = mark("another record of the same person")
ANOTHERS_ID = mark("stands for another person")
_NTH = "_nth"


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


def assemble(staged: Staged, source: Source, config: Config) -> Assembled:
    """Assemble any table from its staged rows."""
    if staged.table == "order_lines":
        return _assemble_lines(staged, source, config)
    if schema.TABLES[staged.table].primary_key():
        return _assemble_keyed(staged, source, config)
    return _assemble_events(staged, source, config)


def _assemble_keyed(staged: Staged, source: Source, config: Config) -> Assembled:
    """Assemble a table that has a key: equal rows are one, clashing ones are quarantined."""
    made = _begin(staged)
    key = schema.TABLES[staged.table].primary_key()
    stored = [*schema.LEDGER[staged.table].column_names(), *source.measures()]
    paths = [p for month in staged.months.values() for p in month]
    if not paths:
        return _end(made, staged)
    rows = pl.read_parquet(paths)
    if staged.table == "customers":
        rows = _one_of_equals(rows, [OWN_ID, *stored], made)
        rows = _unique_key(rows, [OWN_ID], staged, said=key)
        rows = _one_a_person(rows, made)
    else:
        rows = _one_of_equals(rows, stored, made)
        rows = _unique_key(rows, key, staged)
    if staged.table == "identities":
        rows = _one_step(rows, staged)
    by_month = staged.table in schema.TIME
    pieces = rows.partition_by("month", as_dict=True) if by_month else {(None,): rows}
    for (month,), piece in sorted(pieces.items()):
        final = piece.select(stored).sort(key)
        if final.height:
            made.parts.append(store.keep_part(config.workspace, staged.table, final, month))
    return _end(made, staged)


def _assemble_events(staged: Staged, source: Source, config: Config) -> Assembled:
    """Assemble a table without a key: identical rows are kept or dropped as declared."""
    made = _begin(staged)
    content = schema.TABLES[staged.table].column_names()
    stored = schema.LEDGER[staged.table].column_names()
    order = sorted(stored, key=lambda c: c != "customer_id")
    for month in sorted(staged.months):
        rows = pl.read_parquet(staged.months[month]).with_columns(pl.lit(1, pl.Int32).alias(_NTH))
        rows = _number_repeats(rows, content, source, made, number=_NTH)
        final = rows.select(stored).sort(order, nulls_last=True)
        at = month if staged.table in schema.TIME else None
        if final.height:
            made.parts.append(store.keep_part(config.workspace, staged.table, final, at))
    return _end(made, staged)


def _assemble_lines(staged: Staged, source: Source, config: Config) -> Assembled:
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
            rows = _unique_key(rows, ["order_id", "line_no"], staged)
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
    rows: pl.DataFrame, key: list[str], staged: Staged, said: list[str] | None = None
) -> pl.DataFrame:
    clash = pl.struct(key).is_duplicated()
    _set_aside(rows.filter(clash), f"{', '.join(said or key)}: {NOT_UNIQUE}", staged)
    return rows.filter(~clash)


def _set_aside(bad: pl.DataFrame, reason: str, staged: Staged) -> None:
    for (number,), piece in bad.partition_by(FILE, as_dict=True).items():
        staged.set_aside(
            piece.select(staged.line, pl.concat_list(pl.lit(reason)).alias("reasons")),
            staged.files[int(number)],
        )


def _one_a_person(rows: pl.DataFrame, made: Assembled) -> pl.DataFrame:
    """Keep the first record of each person, in the order of the files."""
    first = rows.sort(FILE, ROW).unique("customer_id", keep="first", maintain_order=True)
    if rows.height > first.height:
        made.dropped[SAME_PERSON] += rows.height - first.height
    return first


def _one_step(rows: pl.DataFrame, staged: Staged) -> pl.DataFrame:
    """Set aside ids of persons that stand for yet another person: which is meant, is open."""
    further = rows.select(person_id="customer_id", _further="person_id")
    judged = rows.join(further, on="person_id", how="left", validate="m:1", maintain_order="left")
    open_end = (pl.col("_further") != pl.col("person_id")).fill_null(value=False)
    _set_aside(judged.filter(open_end), f"person_id: {ANOTHERS_ID}", staged)
    return judged.filter(~open_end).drop("_further")


def _number_repeats(
    rows: pl.DataFrame,
    content: list[str],
    source: Source,
    made: Assembled,
    number: str = "line_no",
) -> pl.DataFrame:
    """Give identical rows their numbers within their file.

    The n-th copy in one file is the same line as the n-th copy in another, so that a file read
    twice adds nothing.
    """
    repeated = rows.select(content).is_duplicated()
    if not repeated.any():
        return rows
    alone, several = rows.filter(~repeated), rows.filter(repeated)
    nth = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(FILE, *content)
    several = several.sort(FILE, ROW).with_columns(nth.alias(number))
    copies = several.filter(pl.col(number) > 1)
    made.duplicates += copies.height
    if source.duplicates == "drop":
        made.dropped[DUPLICATE] += copies.height
        several = several.filter(pl.col(number) == 1)
    once = several.unique(subset=[*content, number], keep="first", maintain_order=True)
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
