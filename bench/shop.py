"""What every contestant knows of the measured shop: where its files lie and which days count.

Only the standard library: a contestant must not pay for another one's imports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "build" / "bench"
VERSION = 2  # part of the folder's name: another generator makes other files


def _day(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days


FIRST_DAY = _day(2021, 1, 1)
AS_OF_DAY = _day(2024, 6, 15)
LAST_DAY = _day(2024, 6, 30)  # the last fortnight must be left out by every contestant
BURN_IN_DAYS = 90
HISTORY = {
    "as_of_day": AS_OF_DAY,
    "complete_from_day": FIRST_DAY,
    "burn_in_days": BURN_IN_DAYS,
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A ledger on disk.

    Attributes
    ----------
    folder
        ``lines/*.parquet`` by month, ``joined.parquet``, ``costs.parquet``, ``real.parquet``, and
        ``tables/*.parquet``, what else the ledger holds.
    """

    folder: Path

    @property
    def lines(self) -> list[Path]:
        """Parts of the order lines, by month."""
        return sorted((self.folder / "lines").glob("*.parquet"))

    @property
    def joined(self) -> Path:
        """``customer_id`` and ``joined_day``."""
        return self.folder / "joined.parquet"

    @property
    def costs(self) -> Path:
        """What customers cost by day: nothing."""
        return self.folder / "costs.parquet"

    @property
    def tables(self) -> list[Path]:
        """The other tables of the ledger, which whole builds read."""
        return sorted((self.folder / "tables").glob("*.parquet"))

    @property
    def real(self) -> Path:
        """``month`` and ``ratio``."""
        return self.folder / "real.parquet"


def shop(lines: int, seed: int = 1) -> Shop:
    """Name the ledger of about so many lines."""
    return Shop(FOLDER / f"ledger-{lines}-{seed}-v{VERSION}")
