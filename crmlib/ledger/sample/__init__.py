"""The sample shop: a Turkish retailer whose truth is known, for tests, notebooks and dashboards.

`simulate` makes the tables of a world and the truth about them; `write` spoils those of the real
world the way exports are spoilt (formats, bad rows, duplicates, gaps) and puts the files of a
shop into a folder. Shops of millions of customers have order lines alone: `write_lines`. The same
seed gives the same bytes.
"""

from crmlib.ledger.sample.files import is_written, write
from crmlib.ledger.sample.large import LARGE, is_large, spec_for, write_lines
from crmlib.ledger.sample.shop import SampleShop, simulate
from crmlib.ledger.sample.world import SampleSpec

__all__ = [
    "LARGE",
    "SampleShop",
    "SampleSpec",
    "is_large",
    "is_written",
    "simulate",
    "spec_for",
    "write",
    "write_lines",
]
