import json

import pytest

from crmlib.ledger.sample import SampleShop, SampleSpec, simulate, write
from tests.sample.recount import Written

SHOPS = [(600, 1), (1000, 2), (800, 77)]  # customers, seed


@pytest.fixture(scope="session", params=SHOPS, ids=lambda shop: f"seed {shop[1]}")
def written(request, tmp_path_factory) -> Written:
    customers, seed = request.param
    shop = simulate(SampleSpec(customers=customers, seed=seed))
    folder = tmp_path_factory.mktemp("shop")
    write(shop, folder)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return Written(shop, folder, truth, shop.order_lines.rows(named=True))


@pytest.fixture(scope="session")
def crowd() -> SampleShop:
    """A shop that is large enough for planted effects to stand out of their noise."""
    return simulate(SampleSpec(customers=20_000, seed=4))
