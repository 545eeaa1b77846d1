"""A configuration to begin with, for an analyst's own files."""

from __future__ import annotations

from pathlib import Path

from crmlib.errors import ConfigError
from crmlib.i18n import mark
from crmlib.ledger.store import write_bytes

TEMPLATE = """\
# How your files map to the tables. 'crm check' reads them and reports; 'crm build' builds.
# Lines that begin with # are off. On the left stand our names, on the right yours.

[shop]
name = "My shop"
currency = "TRY"
time_zone = "Europe/Istanbul"
prices_include_vat = true
# vat_rate = 0.20                  # where the lines have no rate of their own

[history]
# complete_from = 2023-01-01       # first day from which every order is in the files
burn_in_days = 180                 # customers first seen within so many days may be old ones
# as_of = 2025-06-30               # last day that counts; by default the last complete one

[order_lines]
files = ["orders*.csv"]            # one file, several, or a pattern; .csv or .parquet
separator = ";"                    # "," or "\\t" or "|", or "blank" for runs of blanks
encoding = "utf-8"                 # files from Turkish Windows are often "cp1254"
decimal = ","                      # must be declared: 1.234 may be a thousand or one
thousands = "."
date_format = "%d.%m.%Y %H:%M:%S"  # without it: 2025-06-30 or 2025-06-30 14:05:00
duplicates = "keep"                # "drop" if identical rows are the same line twice

[order_lines.columns]
order_id = "Order"
customer_id = "Customer"
ordered_at = "Date"
product_id = "Product"
quantity = "Quantity"
unit_price = "Price"               # or line_total = "Total"
# discount = "Discount"            # money off the whole line
# vat_rate = "VAT"
# unit_cost = "Cost"               # without VAT; with it, profit can be told
# channel = "Channel"
# store = "Store"

# [[order_lines.drop]]             # rows that are no sale, by a named rule
# name = "cancelled"
# column = "Status"
# equals = "cancelled"

# [customers]
# files = ["customers.csv"]
# separator = ";"
# date_format = "%d.%m.%Y"
# [customers.columns]
# customer_id = "Customer"
# joined_at = "Since"
# city = "City"

# [price_index]                    # for comparing lira over time at constant prices
# files = ["index.csv"]            # month,index
# decimal = "."
# [price_index.columns]
# month = "month"                  # 2025-06
# index = "index"
"""


def write_template(path: Path) -> None:
    """Write the template; never over a file that is there.

    Raises
    ------
    ConfigError
        If the file exists.
    """
    if path.exists():
        raise ConfigError(mark("{file} is there already; move it away first"), file=str(path))
    write_bytes(path, TEMPLATE.encode())
