"""A file's columns made ready to be mapped: numbered, recoded, glued, joined, turned to rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import polars as pl

from crmlib.config import Glue, Join, RowFilter, Source
from crmlib.errors import ContractError, SourceError
from crmlib.i18n import mark
from crmlib.ledger.contract import ENOUGH_ROWS
from crmlib.ledger.fields import ROW
from crmlib.ledger.files import find, opened, shown
from crmlib.ledger.values import amount, is_ascii, plain

_TOO_LARGE = Decimal(10) ** 14
NOTHING_RECORDED = mark("nothing recorded")
# Columns of a lookup; what it takes over is marked too, since its names are the user's.
_KEY, _FOUND, _TAKEN, _TOLD = "key ", "found", "taken ", "told "


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A joined file, ready to be looked up: key columns, taken columns, whether found."""

    join: Join
    files: str
    rows: pl.DataFrame


@dataclass(slots=True)
class Shaper:
    """Makes the columns of one table's files ready, as its source declares.

    Attributes
    ----------
    table, source
        What is declared; steps are named by the table in messages.
    lookups
        The joined files, in their order.
    sought, met
        Rows with a key, and rows that found it, by joined file, of the file at hand.
    """

    table: str
    source: Source
    lookups: Sequence[Lookup] = ()
    sought: Counter[int] = field(default_factory=Counter)
    met: Counter[int] = field(default_factory=Counter)

    @property
    def fan(self) -> int:
        """Rows that one row of the file becomes."""
        return len(self.source.unpivot.columns) if self.source.unpivot else 1

    @property
    def rules(self) -> list[RowFilter]:
        """The named rules that drop rows; first of all, what a turned column has nothing in."""
        turned = self.source.unpivot
        nothing = (
            [RowFilter(name=NOTHING_RECORDED, column=turned.value, missing=True)] if turned else []
        )
        return [*nothing, *self.source.drop]

    def shape(self, text: pl.DataFrame, file: str, mapping: dict[str, str]) -> pl.DataFrame:
        """Make a block's columns ready; ``_row`` is then ``fan`` x row + 0.. for each of its rows.

        Raises
        ------
        ContractError
            If a step names a column that is not there, or would write over one.
        """
        source = self.source
        if source.row_number:
            self._refuse_taken([source.row_number], text, file)
            text = text.with_columns(pl.col(ROW).cast(pl.String).alias(source.row_number))
        words = {mapping.get(c, c): pairs for c, pairs in source.recode.items()}
        glues = dict(source.glue)
        text = self._settle(text, words, glues, file)
        for at, lookup in enumerate(self.lookups):
            text = self._settle(self._joined(text, lookup, at, file), words, glues, file)
        if source.unpivot:
            text = self._settle(self._turned(text, file), words, glues, file)
        lacking = [p for g in glues.values() for p in g.of if p not in text.columns]
        if words or glues:
            raise self._missing([*words, *lacking], file, "recode" if words else "glue")
        return text

    def check(self, file: str) -> None:
        """Refuse a join in which not one row of the file found its key; begin anew.

        Raises
        ------
        ContractError
            If so; the keys are then written differently, and all that was looked up is missing.
        """
        for at, lookup in enumerate(self.lookups):
            if self.sought[at] >= ENOUGH_ROWS and not self.met[at]:
                raise ContractError(
                    mark(
                        "{file}: none of {rows} rows finds its {on} in {other}; compare how the "
                        "two files write it"
                    ),
                    file=file,
                    rows=self.sought[at],
                    on=", ".join(lookup.join.on),
                    other=lookup.files,
                )
        self.sought.clear()
        self.met.clear()

    def _settle(
        self,
        text: pl.DataFrame,
        words: dict[str, dict[str, str]],
        glues: dict[str, Glue],
        file: str,
    ) -> pl.DataFrame:
        """Recode and glue what is there by now; what is done is taken off the lists."""
        while True:
            for column in [c for c in words if c in text.columns]:
                text = text.with_columns(_recoded(column, words.pop(column), self.source))
            ready = [n for n, g in glues.items() if set(g.of) <= set(text.columns)]
            if not ready:
                return text
            for name in ready:
                self._refuse_taken([name], text, file)
                text = text.with_columns(_glued(glues.pop(name), self.source).alias(name))

    def _joined(self, text: pl.DataFrame, lookup: Lookup, at: int, file: str) -> pl.DataFrame:
        join = lookup.join
        lacking = [c for c in join.on if c not in text.columns]
        if lacking:
            raise self._missing(lacking, file, "join")
        self._refuse_taken([*join.take, *join.sum], text, file)
        keys = {f"{_KEY}{n}": _key(text, c, self.source) for n, c in enumerate(join.on)}
        # Without the file's own columns, whose names may be any.
        found = pl.DataFrame(keys).join(
            lookup.rows, on=list(keys), how="left", validate="m:1", maintain_order="left"
        )
        sought = pl.all_horizontal(pl.col(list(keys)).is_not_null())
        self.sought[at] += found.select(sought.sum()).item()
        self.met[at] += found.select(pl.col(_FOUND).sum()).item()
        taken = {f"{_TAKEN}{ours}": ours for ours in (*join.take, *join.sum)}
        return text.hstack(found.select(list(taken)).rename(taken))

    def _turned(self, text: pl.DataFrame, file: str) -> pl.DataFrame:
        turned = self.source.unpivot
        assert turned is not None
        lacking = [c for c in turned.columns if c not in text.columns]
        if lacking:
            raise self._missing(lacking, file, "unpivot")
        rest = text.drop(turned.columns)
        self._refuse_taken([turned.field, turned.value], rest, file)
        pieces = [
            rest.with_columns(
                pl.col(ROW) * self.fan + nth,
                pl.lit(column).alias(turned.field),
                text[column].cast(pl.String).alias(turned.value),
            )
            for nth, column in enumerate(turned.columns)
        ]
        return pl.concat(pieces).sort(ROW)

    def _refuse_taken(self, new: list[str], text: pl.DataFrame, file: str) -> None:
        taken = [c for c in new if c in text.columns]
        if taken:
            raise ContractError(
                mark("{file}: the file has {columns} already; give the new column another name"),
                file=file,
                columns=", ".join(taken),
            )

    def _missing(self, columns: Sequence[str], file: str, step: str) -> ContractError:
        # The file's own columns are not repeated: without a header they are a row of data.
        return ContractError(
            mark("{file}: there is no column {columns}, which [{table}] names under {step}"),
            file=file,
            columns=", ".join(dict.fromkeys(columns)),
            table=self.table,
            step=step,
        )


def shaper(table: str, source: Source, folder: Path) -> Shaper:
    """Read the files that a source joins, and make its shaper.

    Raises
    ------
    SourceError, ContractError
        If a joined file cannot be taken as declared, or a key stands in it twice.
    """
    marks = source.decimal or "."
    lookups = [_lookup(join, table, folder, marks) for join in source.join]
    return Shaper(table, source, lookups)


def _lookup(join: Join, table: str, folder: Path, marks: str) -> Lookup:
    pieces, files = [], []
    for path in find(folder, join, table):
        file = shown(path, folder)
        files.append(file)
        declared, blocks = opened(path, join, list(join.sum.values()))
        for block in blocks:
            for row in block.ragged[ROW].head(1):
                raise ContractError(
                    mark(
                        "{file}, line {line}: the row does not have as many fields as the header; "
                        "a file that is joined must be sound"
                    ),
                    file=file,
                    line=row,
                )
            pieces.append(_piece(block.rows, declared, file))
    names = ", ".join(files)
    if not any(piece.height for piece in pieces):
        raise SourceError(mark("{file}: there is a header but no row"), file=names)
    rows = _concat(pieces, join, names)
    keys = [c for c in rows.columns if c.startswith(_KEY)]
    rows = rows.filter(pl.all_horizontal(pl.col(keys).is_not_null()))
    if join.sum:
        sums = [pl.col(f"{_TAKEN}{c}").sum().cast(pl.Decimal(38, 10)) for c in join.sum]
        told = [pl.col(f"{_TAKEN}{c}").is_not_null().any().alias(f"{_TOLD}{c}") for c in join.sum]
        rows = (
            rows.group_by(keys)
            .agg(*sums, *told)
            .select(*keys, *(_written(c, marks) for c in join.sum))
        )
    elif rows.select(pl.struct(keys).is_duplicated().any()).item():
        raise ContractError(
            mark(
                "{file}: {on} is not unique, so {table} cannot look {columns} up by it; join by a "
                "key that is, or add numbers up with sum = [...]"
            ),
            file=names,
            on=", ".join(join.on.values()),
            table=table,
            columns=", ".join(join.take.values()),
        )
    return Lookup(join, names, rows.with_columns(pl.lit(value=True).alias(_FOUND)))


def _written(column: str, marks: str) -> pl.Expr:
    """Write a sum as text in the marks of the table that it is looked up for."""
    taken = f"{_TAKEN}{column}"
    text = pl.col(taken).cast(pl.String).str.replace(".", marks, literal=True)
    return pl.when(pl.col(f"{_TOLD}{column}")).then(text).alias(taken)


def _concat(pieces: list[pl.DataFrame], join: Join, files: str) -> pl.DataFrame:
    """Put the pieces of joined files together; a column is of one kind in all of them."""
    filled = [piece for piece in pieces if piece.height]
    for ours, theirs in join.take.items():
        if len({str(piece.schema[f"{_TAKEN}{ours}"]) for piece in filled}) > 1:
            raise ContractError(
                mark(
                    "{file}: {column} holds dates in one file and something else in another; "
                    "export them alike"
                ),
                file=files,
                column=theirs,
            )
    return pl.concat(filled)


def _piece(rows: pl.DataFrame, join: Join, file: str) -> pl.DataFrame:
    """Take the key and the wanted columns of a block of a joined file."""
    wanted = [*join.on.values(), *join.take.values(), *join.sum.values()]
    lacking = [c for c in dict.fromkeys(wanted) if c not in rows.columns]
    if lacking:
        raise ContractError(
            mark("{file}: there is no column {columns}, which a join names"),
            file=file,
            columns=", ".join(lacking),
        )
    columns = {f"{_KEY}{n}": _key(rows, c, join) for n, c in enumerate(join.on.values())}
    columns |= {
        f"{_TAKEN}{ours}": rows[theirs]
        if rows.schema[theirs].is_temporal()
        else _plain(rows, theirs, join)
        for ours, theirs in join.take.items()
    }
    columns |= {
        f"{_TAKEN}{ours}": _numbers(rows, theirs, join, file) for ours, theirs in join.sum.items()
    }
    return pl.DataFrame(columns)


def _numbers(rows: pl.DataFrame, column: str, join: Join, file: str) -> pl.Series:
    text = _plain(rows, column, join)
    if join.decimal is None and text.str.contains(r"\d[.,]\d").any():
        raise ContractError(
            mark(
                "{file}: {column} holds '.' or ',' and no decimal mark is declared; add "
                'decimal = "." or decimal = "," to the join'
            ),
            file=file,
            column=column,
        )
    read = text.to_frame("x").select(amount(pl.col("x"), join)).to_series()
    # What no column of amounts can hold is no amount, and sums of it would not fit.
    lost = int((text.is_not_null() & (read.is_null() | (read.abs() >= _TOO_LARGE))).sum())
    if lost:
        raise ContractError(
            mark("{file}: {count} values of {column} cannot be added up: they are no numbers"),
            file=file,
            count=lost,
            column=column,
        )
    return read


def _plain(rows: pl.DataFrame, column: str, reading: Source | Join) -> pl.Series:
    text = rows[column].cast(pl.String)
    return rows.select(
        plain(pl.lit(text), reading, ascii_only=is_ascii(text)).alias(column)
    ).to_series()


def _key(rows: pl.DataFrame, column: str, reading: Source | Join) -> pl.Series:
    return _plain(rows, column, reading)


def _recoded(column: str, words: dict[str, str], source: Source) -> pl.Expr:
    text = plain(pl.col(column).cast(pl.String), source)
    known = {theirs: ours or None for theirs, ours in words.items()}
    return text.replace(known).alias(column)


def _glued(glue: Glue, source: Source) -> pl.Expr:
    parts = [plain(pl.col(c).cast(pl.String), source) for c in glue.of]
    return pl.concat_str(parts, separator=glue.by, ignore_nulls=glue.skip_missing)
