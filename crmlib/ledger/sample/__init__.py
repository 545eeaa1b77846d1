"""The sample shop: a Turkish retailer whose truth is known, for tests, notebooks and dashboards.

`simulate` makes the clean world and what was planted in it; `write` spoils it the way exports are
spoilt (formats, bad rows, duplicates, gaps) and puts the files of a shop into a folder. The same
seed gives the same bytes.
"""

from crmlib.ledger.sample.files import is_written, write
from crmlib.ledger.sample.shop import SampleShop, simulate
from crmlib.ledger.sample.world import SampleSpec

__all__ = ["SampleShop", "SampleSpec", "is_written", "simulate", "write"]
