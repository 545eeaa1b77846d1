"""The data dictionary is the schema's, and every column has its privacy class."""

import pytest

from crmlib import schema
from tools import dictionary

PRIVACY = {"identifier", "contact", "behaviour", "none"}


def test_the_committed_dictionary_is_made_from_the_schema() -> None:
    assert dictionary.TARGET.read_text(encoding="utf-8") == dictionary.dictionary()


@pytest.mark.parametrize(
    ("table", "column"),
    [(t, c) for t, s in schema.LEDGER.items() for c in s.column_names()],
)
def test_every_column_is_described_and_classified(table: str, column: str) -> None:
    found = schema.LEDGER[table].columns()[column]
    assert found.metadata is not None
    assert found.metadata["privacy"] in PRIVACY
    assert found.description


def test_personal_columns_are_classified_as_such() -> None:
    customers = schema.Customers.columns()
    assert {customers[c].metadata["privacy"] for c in ("name", "email", "phone")} == {"contact"}
    assert customers["customer_id"].metadata["privacy"] == "identifier"
