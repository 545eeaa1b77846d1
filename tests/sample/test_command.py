"""`crm sample`: which world, and large shops in pieces."""

import json

import pytest

from crmlib.cli import main
from crmlib.ledger.sample import large


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setenv("CRM_LANG", "en")


def test_the_world_is_chosen(tmp_path, capsys):
    out = ["--customers", "150", "--out", str(tmp_path)]
    for world in ("clean", "real"):
        assert main(["sample", "--world", world, *out]) == 0
        assert "its truth is in truth.json" in capsys.readouterr().out
        told = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
        assert told["spec"]["world"] == world
        assert (tmp_path / "deliveries.csv").exists() == (world == "real")
    with pytest.raises(SystemExit):
        main(["sample", "--world", "flat", *out])


def test_a_large_shop_is_written_in_pieces_and_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(large, "LARGE", 200)
    command = ["sample", "--customers", "300", "--out", str(tmp_path)]
    assert main(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "order lines of 300 customers" in said
    assert "has order lines alone" in said
    assert {path.name for path in tmp_path.iterdir()} == {
        "orders-00001.parquet", "price_index.csv", "crm.toml", "truth.json",
    }  # fmt: skip
    assert main(command) == 0
    assert "already" in capsys.readouterr().out
    assert main(["check", "--config", str(tmp_path / "crm.toml")]) == 0
