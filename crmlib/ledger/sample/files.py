"""The files that the sample shop would hand over, spoilt the way exports are."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import polars as pl
from numpy.random import Generator

from crmlib.ledger import store
from crmlib.ledger.sample.config import (
    CUSTOMER_HEADERS,
    INDEX_HEADERS,
    ORDER_HEADERS,
    PRODUCT_HEADERS,
    config_of,
)
from crmlib.ledger.sample.defects import bad_customers, bad_orders, spoilt
from crmlib.ledger.sample.shop import SampleShop
from crmlib.ledger.sample.world import SampleSpec, streams_of


def is_written(spec: SampleSpec, out: Path) -> bool:
    """Tell whether ``out`` holds the sample shop of ``spec`` as this code would write it."""
    try:
        told = json.loads((out / "truth.json").read_bytes())  # written last
    except (OSError, ValueError):
        return False
    return bool(told.get("spec") == spec.as_dict() and told.get("generator") == _generator())


def _generator() -> str:
    """Identify the code that writes the shop: a changed world is written anew."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def write(shop: SampleShop, out: Path) -> None:
    """Write the files that the shop would hand over, and the truth beside them.

    Parameters
    ----------
    shop
        What `simulate` returned.
    out
        A folder; made if need be. Earlier files of a sample shop are replaced.

    Raises
    ------
    FileExistsError
        If the folder holds order files of other years, which would be read along.
    """
    truth = shop.truth
    orders = [name for name in truth["raw_rows"] if name.startswith("orders-")]
    foreign = sorted({path.name for path in out.glob("orders-*.csv")} - set(orders))
    if foreign:
        raise FileExistsError(f"{out / foreign[0]} is of another shop; choose an empty folder")
    marker = out / "truth.json"
    if out.is_dir() and any(out.iterdir()) and not marker.exists():
        raise FileExistsError(f"{out} holds other files; choose an empty folder")
    store.write_bytes(marker, b"{}\n")  # ours from here on, whole once the truth is told
    rng = streams_of(truth["spec"]["seed"])["defects"]
    for name, content in _order_files(shop, orders, rng).items():
        store.write_bytes(out / name, content)
    store.write_bytes(out / "customers.csv", _customer_file(shop, rng))
    products = shop.products.rename(PRODUCT_HEADERS).write_csv()
    store.write_bytes(out / "products.csv", products.encode())
    index = shop.price_index.select(
        pl.col("month").dt.strftime("%Y-%m"), pl.col("index").cast(pl.Decimal(18, 2))
    )
    store.write_bytes(out / "price_index.csv", index.rename(INDEX_HEADERS).write_csv().encode())
    store.write_bytes(out / "crm.toml", config_of(truth).encode())
    told = json.dumps(truth | {"generator": _generator()}, ensure_ascii=False, indent=1) + "\n"
    store.write_frame(out / "truth_order_lines.parquet", shop.order_lines)
    store.write_bytes(out / "truth.json", told.encode())  # last: it says that the rest is whole


def _turkish(column: str, places: int) -> pl.Expr:
    """Write numbers exactly, as in 1.234,56; with places = 0 as in 2 and 0,350."""

    def text(number: str) -> str:
        value = Decimal(number)
        whole = places == 0 and value == value.to_integral_value()
        plain = f"{value:,.0f}" if whole else f"{value:,.{places or 3}f}"
        return plain.translate(str.maketrans(",.", ".,"))

    def texts(numbers: pl.Series) -> pl.Series:
        different = numbers.unique().drop_nulls().to_list()  # far fewer than rows
        written = [text(number) for number in different]
        return numbers.replace_strict(different, written, default=None, return_dtype=pl.String)

    return pl.col(column).cast(pl.String).map_batches(texts, return_dtype=pl.String)


def _order_files(shop: SampleShop, names: list[str], rng: Generator) -> dict[str, bytes]:
    lines = shop.order_lines
    fields = lines.with_columns(unit_cost="unit_cost_recorded").select(
        "order_id",
        "customer_id",
        pl.col("ordered_at").dt.strftime("%d.%m.%Y %H:%M:%S"),
        "product_id",
        _turkish("quantity", 0),
        _turkish("unit_price", 2),
        _turkish("discount", 2),
        _turkish("vat_rate", 2),
        _turkish("unit_cost", 4),
        "promotion_id",
        "channel",
        "store",
        year=lines["ordered_at"].dt.year(),
    )
    unused = int(str(lines["order_id"].max())[1:])
    header = ";".join(ORDER_HEADERS.values())
    files = {}
    for name in names:
        mine = fields.filter(pl.format("orders-{}.csv", "year") == name).drop("year")
        bad = bad_orders(mine, name, unused, rng)
        unused += len(bad)
        end = [";".join(["TOPLAM"] + [""] * (len(ORDER_HEADERS) - 1))] if name == names[0] else []
        rows = spoilt(mine, bad, rng)
        # The system that wrote the second file marks its UTF-8, as Excel does.
        bom = "\ufeff" if name == names[1 % len(names)] else ""
        files[name] = _encoded([bom + header, *rows, *end], "utf-8")
    return files


def _encoded(rows: list[str], encoding: str) -> bytes:
    return ("\n".join(rows) + "\n").encode(encoding)


def _customer_file(shop: SampleShop, rng: Generator) -> bytes:
    fields = shop.customers.with_columns(
        pl.col("birth_year").cast(pl.String), pl.col("joined_at").dt.strftime("%d.%m.%Y")
    )
    taken = set(shop.truth["buyers"]) | set(fields["customer_id"])
    rows = spoilt(fields, bad_customers(fields, taken, rng), rng)
    return _encoded([";".join(CUSTOMER_HEADERS.values()), *rows], "cp1254")
