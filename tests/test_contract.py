"""Amounts, times and ids by contract: what is declared is read, the rest is named."""

import re
from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib.config import RowFilter, Source
from crmlib.errors import ContractError
from crmlib.ledger import contract, values
from crmlib.ledger.fields import ROW

FORMATS = {"1.234,56": (",", "."), "1,234.56": (".", ","), "1 234,56": (",", " ")}
FORMATS |= {"1'234.56": (".", "'"), "1234.56": (".", ""), "1234,56": (",", "")}


def source(**declared):
    return Source(files=["a.csv"], **declared)


def read(texts, decimal=".", thousands=""):
    expr = values.amount(pl.col("x"), source(decimal=decimal, thousands=thousands))
    frame = pl.DataFrame({"x": texts}, schema={"x": pl.String})
    return frame.select(expr).to_series().to_list()


def in_format(number: Decimal, decimal: str, thousands: str) -> str:
    sign, digits, _ = number.as_tuple()
    whole, _, part = f"{abs(number):f}".partition(".")
    del digits
    if thousands:
        whole = f"{int(whole):,}".replace(",", thousands)
    return ("-" if sign else "") + whole + (decimal + part if part else "")


@settings(max_examples=150, deadline=None)
@given(
    numbers=st.lists(
        st.decimals(-(10**12), 10**12, places=4) | st.integers(-(10**9), 10**9).map(Decimal),
        min_size=1,
    ),
    marks=st.sampled_from(list(FORMATS.values())),
)
def test_amounts_in_every_format_are_read_exactly(numbers, marks):
    assert read([in_format(n, *marks) for n in numbers], *marks) == numbers


@settings(max_examples=300, deadline=None)
@given(text=st.text("0123456789.,' +-()", max_size=12), marks=st.sampled_from([*FORMATS.values()]))
def test_only_the_declared_format_is_an_amount(text, marks):
    """Against the format written out by hand: sign, groups of three, mark, digits."""
    d, t = (re.escape(m) for m in marks)
    grouped = f"|[1-9][0-9]{{0,2}}({t}[0-9]{{3}})+" if t else ""
    shape = f"[+-]?(([0-9]+{grouped})({d}[0-9]+)?|{d}[0-9]+)"
    (found,) = read([text], *marks)
    assert (found is not None) == bool(re.fullmatch(shape, text))


@pytest.mark.parametrize(
    "text",
    [
        "1.23.456", "1.2345", "12.34.567", "1234.567", ".123.456", "0.123", "1.234.", "1,",
        "(10,50)", "10,50-", "₺10", "10 TL", "1.234,56,7", "--1", "+", "", "1e5", "1.2E+3", "NaN",
        "inf", "Infinity", "١٢", "0x10", "1 234", "1_000", "%5",
    ],
)  # fmt: skip
def test_no_amount_in_turkish_format(text):
    assert read([text], ",", ".") == [None]


def test_signs_zeros_and_odd_blanks():
    assert read(["+3", "-3", "-0", "007", ",5", "-1.234,50"], ",", ".") == [
        Decimal(3), Decimal(-3), Decimal(0), Decimal(7), Decimal("0.5"), Decimal("-1234.50"),
    ]  # fmt: skip
    assert read(["1\u00a0234,5", "1\u202f234,5", "1 234,5"], ",", " ") == [Decimal("1234.5")] * 3


ZONES = [
    ("Europe/Berlin", "2024-03-31 02:30:00", None),  # the clock goes from 2 to 3
    ("Europe/Berlin", "2024-03-31 03:00:00", datetime(2024, 3, 31, 3)),
    ("Europe/Berlin", "2024-10-27 02:30:00", datetime(2024, 10, 27, 2, 30)),  # comes twice
    ("Europe/Istanbul", "2015-03-29 03:30:00", None),
    ("Europe/Istanbul", "2016-10-30 03:30:00", datetime(2016, 10, 30, 3, 30)),  # +03 for good
    ("America/Sao_Paulo", "2018-11-04 00:30:00", None),
    ("America/Sao_Paulo", "2018-11-04", datetime(2018, 11, 4)),  # a date has no clock to skip
    ("America/Sao_Paulo", "2018-11-04 00:00:00", datetime(2018, 11, 4)),  # nor one as a time
]


@pytest.mark.parametrize(("zone", "text", "expected"), ZONES)
def test_clock_times_that_did_not_exist(zone, text, expected):
    frame = pl.DataFrame({"x": [text]})
    assert frame.select(values.moment(pl.col("x"), source(), zone)).item() == expected


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%d.%m.%Y", "03.04.2024", datetime(2024, 4, 3)),
        ("%m/%d/%Y", "03/04/2024", datetime(2024, 3, 4)),
        ("%d.%m.%Y", "30.02.2024", None),
        ("%d.%m.%Y", "29.02.2024", datetime(2024, 2, 29)),
        ("%d.%m.%Y", "29.02.2023", None),
        ("%d.%m.%Y", "2024-02-01", None),
        ("%Y%m%d", "19970101", datetime(1997, 1, 1)),
        ("%m/%d/%Y %I:%M %p", "12/31/2024 11:59 PM", datetime(2024, 12, 31, 23, 59)),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-06-30T22:30:00+0000", datetime(2024, 7, 1, 0, 30)),
        ("%Y-%m-%dT%H:%M:%S%#z", "2024-06-30T22:30:00Z", datetime(2024, 7, 1, 0, 30)),
        (None, "2024-06-30T22:30:00", datetime(2024, 6, 30, 22, 30)),
        (None, "2024-06-30 22:30", datetime(2024, 6, 30, 22, 30)),
        (None, "45353", None),
    ],
)
def test_times_by_the_declared_format(form, text, expected):
    frame = pl.DataFrame({"x": [text]})
    reader = values.moment(pl.col("x"), source(date_format=form), "Europe/Berlin")
    assert frame.select(reader).item() == expected


TEXT = pl.DataFrame(
    {"no": ["A1", "C2", "A3", "A4"], "id": ["1", "", "NULL", "4"], "n": ["1,5", "-2", "x", "1.000"]}
)
CONDITIONS = [
    ({"column": "id", "missing": True}, [2, 3]),
    ({"column": "order_id", "starts_with": "C"}, [2]),  # our name for a mapped column
    ({"column": "no", "equals": "A1"}, [1]),
    ({"column": "no", "one_of": ["A1", "A4"]}, [1, 4]),
    ({"column": "no", "matches": "^A[34]$"}, [3, 4]),
    ({"column": "n", "below": 0}, [2]),
    ({"column": "n", "at_most": "1.5"}, [1, 2]),
    ({"column": "n", "above": "1.5"}, [4]),
    ({"column": "n", "at_least": "1.5"}, [1, 4]),
]


@pytest.mark.parametrize(("given", "rows"), CONDITIONS)
def test_named_filters(given, rows):
    declared = source(decimal=",", thousands=".", null_values=["NULL"])
    drops = contract.condition(RowFilter(name="x", **given), {"order_id": "no"}, declared)
    hit = TEXT.with_row_index(ROW, offset=1).filter(drops)
    assert hit[ROW].to_list() == rows


def test_all_missing_columns_are_named_with_what_is_there():
    mapped = source(columns={"order_id": "No", "quantity": "Adet", "unit_price": "Fiyat"})
    with pytest.raises(ContractError) as caught:
        contract.require(["Adet", "Tarih"], "order_lines", mapped, "a.csv")
    said = str(caught.value)
    assert "misses Fiyat, No, ordered_at, product_id" in said
    assert "the file has Adet, Tarih" in said


def test_a_first_line_that_is_no_header_is_not_repeated():
    with pytest.raises(ContractError) as caught:
        contract.require(["Ayşe", "2024-01-01"], "order_lines", source(), "a.csv")
    assert "header = false" in str(caught.value)
    assert "Ayşe" not in str(caught.value)
    assert "Ayşe" not in repr(caught.value)
