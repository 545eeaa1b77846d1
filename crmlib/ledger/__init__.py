"""The ledger: what the firm knows, read from its files once, checked and kept.

``read(config)`` reads the sources; :mod:`crmlib.ledger.store` keeps the tables. No other
package touches files.
"""

from crmlib.ledger.read import Ledger, read

__all__ = ["Ledger", "read"]
