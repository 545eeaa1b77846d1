"""The same questions of items, of categories, and of both together."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.baskets import coded
from crmlib.baskets.coded import MAX_BASKET_ITEMS, Baskets
from crmlib.errors import ContractError

Level = Literal["item", "category", "mixed"]


def lines_of_categories(
    lines: pl.DataFrame | pl.LazyFrame, categories: pl.DataFrame
) -> pl.DataFrame:
    """Put each line's category where its product was; lines of products without one are left out.

    What comes back goes wherever order lines go: rules, verdicts, sequences.

    Parameters
    ----------
    lines
        Order lines.
    categories
        ``product_id``, once each, and ``category`` (null where not known).
    """
    known = _known(categories)
    placed = coded.sold(lines, "order_id", "product_id").join(known, on="product_id")
    return placed.with_columns(product_id="category").drop("category")


def baskets_at(
    lines: pl.DataFrame | pl.LazyFrame,
    categories: pl.DataFrame,
    level: Level,
    *,
    max_basket_items: int = MAX_BASKET_ITEMS,
) -> Baskets:
    """Take baskets of items, of categories, or of both.

    With both, a category stands in brackets, an item and its own category are never put into
    one set, and the cap of a basket's size counts both.
    """
    if level == "item":
        return coded.from_lines(lines, max_basket_items=max_basket_items)
    of_categories = lines_of_categories(lines, categories).select("order_id", "product_id")
    if level == "category":
        return coded.from_lines(of_categories, max_basket_items=max_basket_items)
    bracketed = pl.format("[{}]", "product_id")
    of_items = coded.sold(lines, "order_id", "product_id").select(of_categories.columns)
    both = pl.concat(
        [
            of_items.cast(pl.String),
            of_categories.select(pl.col("order_id").cast(pl.String), bracketed),
        ]
    )
    found = coded.from_lines(both, max_basket_items=max_basket_items)
    named = _known(categories).select("product_id", category=pl.format("[{}]", "category"))
    number = pl.DataFrame({"name": found.labels, "number": np.arange(len(found.labels))})
    apart = (
        named.cast(pl.String)
        .join(number, left_on="product_id", right_on="name")
        .join(number, left_on="category", right_on="name", suffix="_of_category")
    )
    return replace(found, apart=apart.select("number", "number_of_category").to_numpy())


def _known(categories: pl.DataFrame) -> pl.DataFrame:
    missing = {"product_id", "category"} - set(categories.columns)
    if missing:
        raise ContractError(
            _MISSING, columns=", ".join(sorted(missing)), there=", ".join(categories.columns)
        )
    if categories["product_id"].is_duplicated().any():
        raise ContractError(_TWICE)
    return categories.select("product_id", "category").drop_nulls()


_MISSING = i18n.mark("Products: {columns} missing; there are {there}.")
_TWICE = i18n.mark("Products: a product is there more than once. Keep one row of each.")
