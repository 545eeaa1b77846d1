"""Hillstrom's experiment as rows and as sums, and experiments of which the truth is known."""

import numpy as np
import polars as pl
import pytest

from crmlib import config, ledger, marts
from crmlib.campaigns.lift import LiftSpec
from tests.project import ROOT

MENS, WOMENS, NONE = "Mens E-Mail", "Womens E-Mail", "No E-Mail"


@pytest.fixture(scope="session")
def hillstrom(shared_data, tmp_path_factory):
    """Return the experiment's 64,000 rows and the mart of its sums."""
    recipe = ROOT / "data" / "recipes" / "hillstrom.toml"
    workspace = tmp_path_factory.mktemp("hillstrom")
    read = ledger.read(config.load(recipe, source=shared_data / "hillstrom", workspace=workspace))
    return read.table("responses").collect(), marts.build(read, workspace).arms.collect()


@pytest.fixture(scope="session")
def rows(hillstrom):
    return hillstrom[0]


@pytest.fixture(scope="session")
def arms(hillstrom):
    return hillstrom[1]


@pytest.fixture(scope="session")
def asked():
    """Ask what the published tables say: three outcomes of two mailings, history known before."""
    split = {NONE: 1, MENS: 1, WOMENS: 1}
    return LiftSpec(NONE, ("visit", "conversion", "spend"), split, pre="history")


@pytest.fixture
def trial():
    """Return a maker of small experiments, one row a customer."""

    def make(n=2_000, *, effect=0.0, base=0.2, seed=1, **columns):
        rng = np.random.default_rng(seed)
        treated = np.arange(n) % 2 == 0
        bought = rng.random(n) < base + effect * treated
        told = {
            "customer_id": [str(i) for i in range(n)],
            "arm": np.where(treated, "treated", "control"),
            "fold": rng.integers(0, 64, n),
            "bought": bought.astype(float),
            "value": np.where(bought, rng.gamma(2, 20, n), 0.0),
        }
        return pl.DataFrame(told | columns)

    return make


@pytest.fixture
def fair():
    return LiftSpec("control", ("bought",), {"control": 1, "treated": 1})
