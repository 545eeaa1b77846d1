"""From text to typed columns by contract; what cannot be read is named, never nulled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from typing import cast as cast_type

import dataframely as dy
import polars as pl

from crmlib import i18n, schema
from crmlib.config import RowFilter, Source
from crmlib.errors import ContractError
from crmlib.i18n import mark
from crmlib.ledger.fields import ROW
from crmlib.ledger.values import amount, is_ascii, plain, typed

# From this share of unreadable cells on, the declaration is wrong, not the data.
WRONG_DECLARATION = 0.5
ENOUGH_ROWS = 20
# What a broken rule of the schema means, as the report says it.
FAULTS = {
    "nullability": mark("missing"),
    "sound_id": mark("rounded by a spreadsheet"),
    "not_a_total_row": mark("a total, not a row of data"),
    "not_a_word_for_nothing": mark("a word for a missing value (list it in null_values)"),
    "plausible_date": mark("not a plausible date"),
    "first_of_month": mark("not the first of a month"),
    "available_in_order": mark("leaves before it comes"),
    "ends_after_start": mark("ends before it starts"),
    "given_or_withdrawn": mark("neither given nor withdrawn (recode)"),
    "known_kpi": mark("not a known figure"),
    "split": mark("not shares of arms, e.g. treated=0.8;control=0.2"),
    "somebody": mark("neither a visitor nor a customer"),
    "not_an_error": mark("an error of a spreadsheet"),
    "min": mark("too small"),
    "min_exclusive": mark("too small"),
    "max": mark("too large"),
}
_WITH_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)$"
UNREADABLE = mark("cannot be read")
TOO_LARGE = mark("too large")

# Names that an error repeats, of a table with very many columns.
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Cast:
    """Typed columns of a block, and why some of its rows cannot be kept.

    Attributes
    ----------
    rows
        Our columns, typed, and ``_row``.
    reasons
        ``_row`` and ``reason`` (column and what is wrong), one row a fault.
    """

    rows: pl.DataFrame
    reasons: pl.DataFrame


def require(found: Sequence[str], table: str, source: Source, file: str) -> dict[str, str]:
    """Give the mapping ours -> theirs for a file's columns, or name everything that is missing.

    Raises
    ------
    ContractError
        If a mapped column, or a required one of ours, is not in the file.
    """
    if source.columns:
        mapping = dict(source.columns)
    else:
        mapping = {c: c for c in schema.columns(table) if c in found}
    mapping |= source.measures()
    wanted = set(mapping.values()) | set(_theirs(source, mapping))
    wanted |= {elapsed.seconds for elapsed in source.elapsed.values()}
    wanted |= {e.after for e in source.elapsed.values()} - {
        *mapping,
        *source.values,
        *source.elapsed,
    }
    wanted |= {mapping.get(rule.column, rule.column) for rule in source.drop}
    missing = sorted(wanted - set(found))
    given = {*mapping, *source.values, *source.elapsed}
    given |= {"order_id"} if source.order_id_from else set()
    missing += [c for c in schema.REQUIRED[table] if c not in given]
    if table == "order_lines" and not given & {"unit_price", "line_total"}:
        missing.append("unit_price")
    if not missing:
        return mapping
    names = ", ".join(dict.fromkeys(missing))
    if not (wanted | set(schema.columns(table))) & (set(found) - _made(source)):
        # The first line may be a row of data, so it is not repeated.
        raise ContractError(
            mark(
                "{file}: the first line has none of the columns of {table}: {missing}; if the "
                "file has no header, set header = false and names = [...]; if lines stand above "
                "the header, set skip_rows"
            ),
            file=file,
            table=table,
            missing=names,
        )
    raise ContractError(
        mark(
            "{file}: {table} misses {missing}; the file has {found}; mend [{table}.columns], or "
            "export the file with these columns"
        ),
        file=file,
        table=table,
        missing=names,
        found=", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else ""),
    )


def _made(source: Source) -> set[str]:
    """List the columns that were not in the file but made: they say nothing of its header."""
    made = {*source.glue, *(c for join in source.join for c in (*join.take, *join.sum))}
    if source.row_number:
        made.add(source.row_number)
    return made | ({source.unpivot.field, source.unpivot.value} if source.unpivot else set())


def _theirs(source: Source, mapping: dict[str, str]) -> list[str]:
    names = (n for n in source.order_id_from if n != "day" and n not in source.values)
    return [mapping.get(n, n) for n in names]


def dtypes(table: str, source: Source) -> dict[str, pl.DataType]:
    """Give the type of every column of ``table`` that this source may bring."""
    own = {n: c.dtype for n, c in schema.TABLES[table].columns().items()}
    helpers: dict[str, pl.DataType] = {"line_total": pl.Decimal(18, 4), "currency": pl.String()}
    further = {
        c: pl.String() if c.startswith("segment_") else pl.Float64() for c in source.measures()
    }
    return {c: own.get(c, helpers.get(c, pl.String())) for c in schema.columns(table)} | further


def cast(
    text: pl.DataFrame, table: str, mapping: dict[str, str], source: Source, zone: str, file: str
) -> Cast:
    """Cast a block of text columns to the types of ``table``.

    Columns that no source brings are null. Columns that are temporal already (Parquet) are
    taken as they are.

    Raises
    ------
    ContractError
        If amounts hold marks that were not declared, or most of a column cannot be read.
    """
    wanted = dtypes(table, source)
    texts = _our_text(text, table, mapping, source, wanted)
    _refuse_undeclared_marks(texts, wanted, source, table, file)
    rows = texts.select(
        ROW,
        *(
            pl.col(c) if texts.schema[c] == t else _from(texts, c, t, source, zone).alias(c)
            for c, t in wanted.items()
        ),
    )
    reasons = _unreadable(texts, rows, wanted, table, source, file)
    rows, too_large = _without_too_large(rows, wanted)
    return Cast(rows, pl.concat([reasons, too_large]))


def _from(texts: pl.DataFrame, column: str, dtype: Any, source: Source, zone: str) -> pl.Expr:
    have = texts.schema[column]
    if not have.is_temporal():
        return typed(column, dtype, pl.col(column), source, zone)
    local = pl.col(column)
    if isinstance(have, pl.Datetime) and have.time_zone:
        local = local.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    if dtype.is_temporal():
        return local.cast(dtype, strict=False)
    return typed(column, dtype, local.cast(pl.String), source, zone)


def _without_too_large(
    rows: pl.DataFrame, wanted: dict[str, pl.DataType]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take out amounts that their column cannot hold, before anything is multiplied."""
    faults = [pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String})]
    for column, dtype in wanted.items():
        if not isinstance(dtype, pl.Decimal):
            continue
        large = rows[column].abs() >= Decimal(10) ** (dtype.precision - dtype.scale)
        if large.any():
            reason = pl.lit(f"{column}: {TOO_LARGE}").alias("reason")
            faults.append(rows.filter(large).select(ROW, reason))
            rows = rows.with_columns(pl.when(~large).then(pl.col(column)).alias(column))
    return rows, pl.concat(faults)


def _our_text(
    text: pl.DataFrame,
    table: str,
    mapping: dict[str, str],
    source: Source,
    wanted: dict[str, pl.DataType],
) -> pl.DataFrame:
    columns = []
    for ours in wanted:
        if ours in mapping:
            theirs = mapping[ours]
            column = pl.col(theirs)
            if not text.schema[theirs].is_temporal():
                column = plain(column, source, ascii_only=is_ascii(text[theirs]))
            columns.append(column.alias(ours))
        elif ours in source.values:
            columns.append(plain(pl.lit(source.values[ours]), source).alias(ours))
        else:
            columns.append(pl.lit(None, dtype=pl.String).alias(ours))
    return text.select(ROW, *columns)


def _refuse_undeclared_marks(
    texts: pl.DataFrame, wanted: dict[str, pl.DataType], source: Source, table: str, file: str
) -> None:
    """Refuse amounts with marks when none is declared: 1.234 may be a thousand or one."""
    for column, dtype in wanted.items():
        if is_amount(dtype) and column not in source.values:
            refuse_undeclared_mark(texts[column], column, source, table, file)


def refuse_undeclared_mark(
    text: pl.Series, column: str, source: Source, table: str, file: str
) -> None:
    """Refuse numbers with marks when none is declared.

    Raises
    ------
    ContractError
        If so.
    """
    if source.decimal is None and text.str.contains(r"\d[.,]\d").any():
        raise ContractError(
            mark(
                "{file}: {table}.{column} holds '.' or ',' and no decimal mark is declared, "
                'so 1.234 could be a thousand or one; add decimal = "." or decimal = "," '
                '(and thousands = "." or "," if thousands are grouped) to [{table}]'
            ),
            file=file,
            table=table,
            column=column,
        )


def amounts(table: str, source: Source) -> list[str]:
    """List the columns of the source's files that are read as amounts."""
    ours = {**source.columns, **source.measures()}
    seconds = [elapsed.seconds for elapsed in source.elapsed.values()]
    return [ours.get(c, c) for c, t in dtypes(table, source).items() if is_amount(t)] + seconds


def is_amount(dtype: pl.DataType) -> bool:
    """Tell whether a type holds amounts, which are read by the declared marks."""
    return dtype.is_decimal() or dtype.is_float()


def _unreadable(
    texts: pl.DataFrame,
    typed: pl.DataFrame,
    wanted: dict[str, pl.DataType],
    table: str,
    source: Source,
    file: str,
) -> pl.DataFrame:
    faults = [pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String})]
    for column, dtype in wanted.items():
        lost = texts[column].is_not_null() & typed[column].is_null()
        count = int(lost.sum())
        if not count:
            continue
        given = int(texts[column].is_not_null().sum())
        if given >= ENOUGH_ROWS and count > WRONG_DECLARATION * given:
            _refuse_offsets(texts[column], dtype, table, source, file)
            raise _wrong_declaration(column, dtype, count, given, table, source, file)
        faults.append(
            typed.filter(lost).select(ROW, pl.lit(f"{column}: {UNREADABLE}").alias("reason"))
        )
    return pl.concat(faults)


def _refuse_offsets(
    text: pl.Series, dtype: pl.DataType, table: str, source: Source, file: str
) -> None:
    """Say how times with an offset are read, where no format is declared."""
    if not dtype.is_temporal() or source.date_format is not None:
        return
    zoned = text.str.contains(_WITH_OFFSET)
    count = int(zoned.sum())
    if count <= WRONG_DECLARATION * int(text.is_not_null().sum()):
        return
    between = "T" if text.filter(zoned).str.contains("T").any() else " "
    raise ContractError(
        mark(
            "{file}: {count} values of {table}.{column} are times with an offset from UTC; set "
            'date_format = "{proposal}" in [{table}]'
        ),
        file=file,
        count=count,
        table=table,
        column=text.name,
        proposal=f"%Y-%m-%d{between}%H:%M:%S%.f%#z",
    )


def _wrong_declaration(
    column: str,
    dtype: pl.DataType,
    count: int,
    given: int,
    table: str,
    source: Source,
    file: str,
) -> ContractError:
    declared = f'decimal = "{source.decimal or "."}", thousands = "{source.thousands}"'
    if column == "vat_rate" and source.vat_in_percent:
        declared += ", vat_in_percent = true"
    elif dtype.is_integer():
        declared = "-1, 0, 1, 2 ..."
    elif dtype.is_temporal():
        declared = f'date_format = "{source.date_format or "ISO 8601"}"'
    elif dtype == pl.Boolean:
        declared = "true, false, 1 or 0 (recode)"
    return ContractError(
        mark(
            "{file}: {count} of {given} values of {table}.{column} cannot be read with {declared}; "
            "mend the declaration in [{table}]"
        ),
        file=file,
        count=count,
        given=given,
        table=table,
        column=column,
        declared=declared,
    )


def require_numbers(
    rule: RowFilter,
    text: pl.DataFrame,
    mapping: dict[str, str],
    source: Source,
    table: str,
    file: str,
) -> None:
    """Refuse a rule that compares a column with a number when the column has none.

    Raises
    ------
    ContractError
        If so, or if the column's decimal mark is in doubt: the rule would drop nothing, in
        silence, or the wrong rows.
    """
    if not rule.model_fields_set & {"below", "at_most", "above", "at_least"}:
        return
    column = mapping.get(rule.column, rule.column)
    found = text.select(plain(pl.col(column).cast(pl.String), source)).to_series().drop_nulls()
    if source.decimal is None and found.str.contains(r"\d[.,]\d").any():
        raise ContractError(
            mark(
                "{file}: rule '{rule}' compares {column}, which holds '.' or ',', with a number "
                'and no decimal mark is declared; add decimal = "." or decimal = "," to [{table}]'
            ),
            file=file,
            rule=rule.name,
            column=rule.column,
            table=table,
        )
    if found.len() < ENOUGH_ROWS:
        return
    numbers = found.to_frame("x").select(amount(pl.col("x"), source).is_not_null().sum()).item()
    if not numbers:
        raise ContractError(
            mark(
                "{file}: rule '{rule}' compares {column} with a number, and none of its {count} "
                "values is one; mend the rule, or decimal and thousands of [{table}]"
            ),
            file=file,
            rule=rule.name,
            column=rule.column,
            count=found.len(),
            table=table,
        )


def condition(rule: RowFilter, mapping: dict[str, str], source: Source) -> pl.Expr:
    """Turn a named row filter into an expression that is true for rows to drop."""
    column = pl.col(mapping.get(rule.column, rule.column)).cast(pl.String)
    text = plain(column, source)
    if rule.missing:
        return text.is_null()
    if rule.equals is not None:
        return (text == rule.equals).fill_null(value=False)
    if rule.one_of is not None:
        return text.is_in(rule.one_of).fill_null(value=False)
    if rule.starts_with is not None:
        return text.str.starts_with(rule.starts_with).fill_null(value=False)
    if rule.matches is not None:
        return text.str.contains(rule.matches).fill_null(value=False)
    read = amount(text, source)
    tests = {
        "below": read < pl.lit(rule.below),
        "at_most": read <= pl.lit(rule.at_most),
        "above": read > pl.lit(rule.above),
        "at_least": read >= pl.lit(rule.at_least),
    }
    name = next(n for n in tests if n in rule.model_fields_set)
    return tests[name].fill_null(value=False)


def broken_rules(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    """List ``_row`` and ``reason`` of rows that break a rule of the table's schema.

    Keys are left out: they hold over all files together and are judged there.
    """
    table_schema = schema.TABLES[table]
    name, row = f"{table_schema.__name__}Rows", dy.Int64(nullable=False)
    probe = cast_type(type[dy.Schema], type(name, (table_schema,), {ROW: row}))
    _, failure = probe.filter(rows.select(probe.column_names()))
    details = failure.details()
    rules = [c for c in details.columns if c not in (*probe.column_names(), "primary_key")]
    if not len(failure) or not rules:
        return pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String})
    long = details.select(ROW, pl.col(rules).cast(pl.String)).unpivot(
        on=rules, index=ROW, variable_name="rule"
    )
    reasons = {rule: _reason(rule) for rule in rules}
    return long.filter(pl.col("value") == "invalid").select(
        ROW, pl.col("rule").replace_strict(reasons, return_dtype=pl.String).alias("reason")
    )


def say_reason(reason: str, lang: str) -> str:
    """Say why rows were set aside or dropped; a rule of the user's own keeps its name."""
    where, colon, what = reason.rpartition(": ")
    return f"{where}{colon}{i18n.text(what, lang)}"


def _reason(rule: str) -> str:
    """Say what a broken rule (``column|rule``, or a rule of the whole row) means."""
    column, _, kind = rule.rpartition("|")
    kind = kind.removeprefix("check__")
    return f"{column or 'row'}: {FAULTS.get(kind, kind)}"
