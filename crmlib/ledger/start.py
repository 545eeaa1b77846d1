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
files = ["orders*.csv"]            # one file, several, or a pattern; .csv, .parquet, .xlsx
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

# Other tables; each is read like [order_lines], from .csv, .parquet or .xlsx. A table without a
# source is empty, and what needs it is left out. docs/data-dictionary.md has all columns.

# [customers]
# files = ["customers.xlsx"]
# sheet = "Customers"              # only where several sheets are visible
# date_format = "%d.%m.%Y"
# [customers.columns]
# customer_id = "Customer"
# joined_at = "Since"
# city = "City"

# [identities]                     # several ids of one person
# files = ["cards.csv"]
# columns = {customer_id = "Card", person_id = "Person"}

# [products]
# files = ["products.csv"]
# columns = {product_id = "Code", name = "Name", category = "Path"}
# [products.glue]                  # a column made of several; a plain list joins them by a blank
# Path = {of = ["Group", "Subgroup"], by = " > ", skip_missing = true}

# [consents]                       # the latest of a channel wins; no row is no consent
# files = ["iys.csv"]
# columns = {customer_id = "Customer", channel = "Channel", status = "Status", at = "At"}
# [consents.recode]                # your words -> ours; "" makes a word mean 'missing'
# Status = {ONAY = "given", RET = "withdrawn"}
# Channel = {EPOSTA = "email", MESAJ = "sms", ARAMA = "call"}

# [deliveries]
# files = ["parcels.csv"]
# columns = {order_id = "Order", promised = "Promised", delivered = "Arrived", cost = "Freight"}
# [[deliveries.join]]              # further columns by key; take = [...], or sum = [...] adds up
# files = ["freight.csv"]
# on = "Parcel"
# sum = ["Freight"]
# decimal = ","

# [campaigns]
# files = ["campaigns.csv"]
# columns = {campaign_id = "No", name = "Name", start = "From", end = "To", fixed_cost = "Cost"}

# [assignments]                    # who was drawn for which arm; controls belong here too
# files = ["drawn.csv"]
# columns = {campaign_id = "No", customer_id = "Customer", arm = "Group", assigned_at = "Drawn"}

# [contacts]                       # what was sent
# files = ["sent.csv"]
# columns = {campaign_id = "No", customer_id = "Customer", sent_at = "Sent", channel = "Channel"}

# [touches]                        # steps on the way to a purchase
# files = ["clicks.csv"]
# columns = {visitor_id = "Visitor", at = "At", channel = "Source", converted = "Bought"}

# [service]
# files = ["calls.csv"]
# columns = {customer_id = "Customer", opened = "Begin", outcome = "Result"}
# [service.glue]
# Begin = ["Date", "Time"]
# [service.elapsed]                # times that are told as seconds after another
# answered = {after = "opened", seconds = "Wait"}

# [reviews]
# files = ["reviews.csv"]
# columns = {order_id = "Order", at = "At", score = "Stars", text = "Text"}

# [attributes]                     # further facts, one row each
# files = ["survey.csv"]
# columns = {customer_id = "Customer", field = "field", value = "value"}
# values = {source = "survey 2025", basis = "consent"}
# [attributes.unpivot]             # columns become rows of field and value
# columns = ["Age", "Income"]

# [responses]                      # an experiment that was read as a whole
# files = ["test.csv"]
# columns = {customer_id = "Customer", arm = "Group"}
# values = {campaign_id = "spring"}
# outcomes = ["Bought", "Spent"]
# pre = ["SpentBefore"]
# segments = ["City"]
# # row_number = "Customer"        # where rows have no id: the row's number

# [targets]
# files = ["targets.csv"]          # month,kpi,value; kpi: customers, new_customers, orders, sales,
#                                  # margin

# [events]                         # marked on time axes
# files = ["events.csv"]           # date,text

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
