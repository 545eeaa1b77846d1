"""What tests share: the witnesses' data, and small shops made of a few rows."""

import csv
import io
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crmlib import ledger, marts
from crmlib.config import Config
from tests.project import ROOT

COLUMNS = ["order_id", "customer_id", "ordered_at", "product_id", "quantity", "unit_price"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the witnesses' data, which is not part of the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        message = "the witnesses' data are not here: they belong into ../shared/data"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)  # a clone elsewhere has no licence to carry them along
    return folder


@dataclass
class Shop:
    """A folder with a few source files, and a configuration that fits them."""

    folder: Path

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def put(self, content: str | bytes, name: str = "orders.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def rows(self, *rows: tuple[Any, ...], columns: list[str] = COLUMNS, name: str = "orders.csv"):
        """Write rows as a plain CSV file; None is an empty field."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        return self.put(text.getvalue(), name)

    def config(self, *, source: dict[str, Any] | None = None, **tables: Any) -> Config:
        """Configure the shop; ``source`` changes how the order lines are read."""
        content: dict[str, Any] = {
            "shop": {"currency": "EUR", "time_zone": "Europe/Berlin", "prices_include_vat": False},
            "history": {"burn_in_days": 0},
            "privacy": {"pseudonyms": False},
        }
        lines = {"files": ["orders.csv"], "decimal": "."} | (source or {})
        for table, changes in tables.items():
            content[table] = {**content.get(table, {}), **changes}
        return Config.model_validate(
            content | {"order_lines": lines, "folder": self.folder, "workspace": self.workspace}
        )

    def read(self, *, today: date | None = None, **changes: Any) -> ledger.Ledger:
        return ledger.read(self.config(**changes), today=today)

    def build(self, *, as_of: date | None = None, **changes: Any) -> marts.Marts:
        return marts.build(self.read(**changes), self.workspace, as_of=as_of)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return an empty shop."""
    return Shop(tmp_path)


@pytest.fixture(scope="session")
def new_shop(tmp_path_factory: pytest.TempPathFactory):
    """Return a maker of empty shops, for tests that need many."""
    return lambda: Shop(tmp_path_factory.mktemp("shop"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make conclusions` write the references instead of comparing with them."""
    parser.addoption("--remake-conclusions", action="store_true")
