"""Curves: when customers buy again, how long they stay, what they will be worth.

``repeat`` and ``survival`` count waits; ``bgnbd``, ``mbgnbd``, ``paretonbd`` model purchases,
``covariates`` the first with covariates, ``gammagamma`` the value of purchases, ``clv`` both;
``summary`` makes their input of the marts; ``bgbb`` and ``sbg`` are witnesses for notebooks.
"""

from crmlib.curves import (
    bgbb,
    bgnbd,
    clv,
    covariates,
    gammagamma,
    mbgnbd,
    paretonbd,
    repeat,
    sbg,
    summary,
    survival,
)

__all__ = [
    "bgbb",
    "bgnbd",
    "clv",
    "covariates",
    "gammagamma",
    "mbgnbd",
    "paretonbd",
    "repeat",
    "sbg",
    "summary",
    "survival",
]
