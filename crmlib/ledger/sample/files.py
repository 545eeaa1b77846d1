"""The files that the sample shop would hand over, spoilt the way exports are."""

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
from numpy.random import Generator

from crmlib.ledger import store
from crmlib.ledger.sample.config import CUSTOMER_HEADERS, HEADERS, ORDER_HEADERS, config_of
from crmlib.ledger.sample.defects import bad_customers, bad_orders, joined, spoilt
from crmlib.ledger.sample.fields import file_of, turkish
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
    claim(out, set(orders))
    rng = streams_of(truth["spec"]["seed"])["defects"]
    for name, content in _order_files(shop, orders, rng).items():
        store.write_bytes(out / name, content)
    store.write_bytes(out / "customers.csv", _customer_file(shop, rng))
    others = {"products": shop.products, "price_index": shop.price_index, **shop.tables}
    for table, frame in others.items():
        store.write_bytes(out / f"{table}.csv", file_of(table, frame))
    for table in HEADERS.keys() - others.keys() - {"order_lines", "customers"}:
        (out / f"{table}.csv").unlink(missing_ok=True)  # of another world
    config = config_of(truth, ["order_lines", "customers", *others])
    store.write_bytes(out / "crm.toml", config.encode())
    store.write_frame(out / "truth_order_lines.parquet", shop.order_lines)
    tell(out, truth)


def claim(out: Path, orders: set[str]) -> None:
    """Make a folder ours, unless it holds what is not; the truth that is told makes it whole.

    Raises
    ------
    FileExistsError
        If it holds other files, or files of orders other than these.
    """
    foreign = sorted({path.name for path in out.glob("orders-*")} - orders)
    if foreign:
        raise FileExistsError(f"{out / foreign[0]} is of another shop; choose an empty folder")
    marker = out / "truth.json"
    if out.is_dir() and any(out.iterdir()) and not marker.exists():
        raise FileExistsError(f"{out} holds other files; choose an empty folder")
    store.write_bytes(marker, b"{}\n")


def tell(out: Path, truth: dict[str, Any]) -> None:
    """Write the truth, last: it says that the rest is whole."""
    told = json.dumps(truth | {"generator": _generator()}, ensure_ascii=False, indent=1) + "\n"
    store.write_bytes(out / "truth.json", told.encode())


def _order_files(shop: SampleShop, names: list[str], rng: Generator) -> dict[str, bytes]:
    lines = shop.order_lines
    fields = lines.with_columns(unit_cost="unit_cost_recorded").select(
        "order_id",
        "customer_id",
        pl.col("ordered_at").dt.strftime("%d.%m.%Y %H:%M:%S"),
        "product_id",
        turkish("quantity", 0),
        turkish("unit_price", 2),
        turkish("discount", 2),
        turkish("vat_rate", 2),
        turkish("unit_cost", 4),
        "promotion_id",
        "channel",
        "store",
        year=lines["ordered_at"].dt.year(),
    )
    unused, spoil = int(str(lines["order_id"].max())[1:]), _is_spoilt(shop)
    header = ";".join(ORDER_HEADERS.values())
    files = {}
    for name in names:
        mine = fields.filter(pl.format("orders-{}.csv", "year") == name).drop("year")
        bad = bad_orders(mine, name, unused, rng) if spoil else []
        unused += len(bad)
        last = spoil and name == names[0]
        end = [";".join(["TOPLAM"] + [""] * (len(ORDER_HEADERS) - 1))] if last else []
        rows = spoilt(mine, bad, rng) if spoil else joined(mine)
        # The system that wrote the second file marks its UTF-8, as Excel does.
        bom = "\ufeff" if name == names[1 % len(names)] else ""
        files[name] = _encoded([bom + header, *rows, *end], "utf-8")
    return files


def _is_spoilt(shop: SampleShop) -> bool:
    return bool(shop.truth["spec"]["world"] == "real")


def _encoded(rows: list[str], encoding: str) -> bytes:
    return ("\n".join(rows) + "\n").encode(encoding)


def _customer_file(shop: SampleShop, rng: Generator) -> bytes:
    fields = shop.customers.with_columns(
        pl.col("birth_year").cast(pl.String), pl.col("joined_at").dt.strftime("%d.%m.%Y")
    )
    taken = set(shop.truth["buyers"]) | set(fields["customer_id"])
    spoil = _is_spoilt(shop)
    rows = spoilt(fields, bad_customers(fields, taken, rng), rng) if spoil else joined(fields)
    return _encoded([";".join(CUSTOMER_HEADERS.values()), *rows], "cp1254")
